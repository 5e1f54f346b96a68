"""Where tasks are killed: the table of all cases, in which every place is an API call of the task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kill = Literal["task", "worker", "triggerer"]
"""The task's own process; it and the process that supervises it, as when a machine dies; the triggerer."""

NAMED_BY = {
    "ListTrainingJobs": "NameContains",
    "CreateTrainingJob": "TrainingJobName",
    "DescribeTrainingJob": "TrainingJobName",
    "ListTags": "ResourceArn",
}
for _part, _path in (("Model", "ModelName"), ("EndpointConfig", "EndpointConfigName"), ("Endpoint", "EndpointName")):
    NAMED_BY |= dict.fromkeys((f"Create{_part}", f"Describe{_part}", f"Delete{_part}"), _path)


@dataclass(frozen=True)
class Place:
    """A call at which a task is held.

    Attributes:
        operation: AWS's.
        name: a glob on the name in the call; ``KEY`` stands for the task's or scope's key.
        acted: hold the answer, AWS has acted; False holds the call, nothing is done yet.
        kill: what is killed there; None lets the task go on, to the next place.
        exists: how many jobs or endpoints of the run AWS must know at the kill; None where nobody can say.
        for_good: the call stays where it is until the run has ended; only then AWS hears it.
    """

    operation: str
    name: str = "*KEY*"
    acted: bool = False
    kill: Kill | None = None
    exists: int | None = None
    for_good: bool = False

    @property
    def rule(self) -> dict[str, object]:
        """The fault rule, with ``KEY`` in it."""
        kind, match = "late_answer" if self.acted else "delay", {NAMED_BY[self.operation]: self.name}
        return {"kind": kind, "operation": self.operation, "match": match, "count": 1, "params": {"seconds": 300}}


@dataclass(frozen=True)
class Case:
    """One run whose task is killed.

    Attributes:
        id: of the run, and of the test.
        dag_id: which stage, and how it waits.
        task_id: what is killed.
        places: one after the other.
    """

    id: str
    dag_id: str
    task_id: str
    places: tuple[Place, ...]

    @property
    def kills(self) -> tuple[Place, ...]:
        """The places with a kill."""
        return tuple(place for place in self.places if place.kill)


def _cases(dag_id: str, task_id: str, **places: tuple[Place, ...]) -> tuple[Case, ...]:
    return tuple(Case(f"{task_id}-{name}".replace("_", "-"), dag_id, task_id, each) for name, each in places.items())


_BASELINE, _CANDIDATE = "*KEY-baseline", "*KEY-candidate"  # only the teardown asks for the arm that is not there

TRAINING = (
    *_cases(
        "train_worker_waits",
        "fine_tune",
        before_the_call=(Place("ListTrainingJobs", kill="task", exists=0),),
        during_the_call=(Place("CreateTrainingJob", kill="task", exists=0),),
        overtaken_by_its_retry=(Place("CreateTrainingJob", kill="worker", exists=0, for_good=True),),
        after_aws_acted=(Place("CreateTrainingJob", acted=True, kill="worker", exists=1),),
        in_the_waiting_worker=(
            Place("DescribeTrainingJob", acted=True),
            Place("DescribeTrainingJob", kill="worker", exists=1),
        ),
        in_three_tries=(
            Place("ListTrainingJobs", kill="task", exists=0),
            Place("CreateTrainingJob", acted=True, kill="task", exists=1),
            Place("ListTags", kill="worker", exists=1),
        ),
    ),
    *_cases(
        "train_triggerer_waits",
        "fine_tune",
        after_aws_acted_to_be_deferred=(Place("CreateTrainingJob", acted=True, kill="task", exists=1),),
        before_the_deferral=(Place("DescribeTrainingJob", kill="worker", exists=1),),
        while_deferred=(Place("ListTags", acted=True), Place("DescribeTrainingJob", kill="triggerer", exists=1)),
        on_resume=(Place("ListTrainingJobs"), Place("ListTrainingJobs", kill="worker", exists=1)),
        before_the_call_and_on_resume=(
            Place("ListTrainingJobs", kill="worker", exists=0),
            Place("ListTrainingJobs"),
            Place("ListTrainingJobs", kill="task", exists=1),
        ),
    ),
)

DEPLOYING = (
    *_cases(
        "serve_worker_waits",
        "deploy_candidate",
        before_the_first_call=(Place("DescribeModel", _CANDIDATE, kill="task", exists=0),),
        after_aws_made_the_model=(Place("CreateModel", _CANDIDATE, acted=True, kill="worker", exists=0),),
        after_aws_made_the_configuration=(
            Place("CreateEndpointConfig", _CANDIDATE, acted=True, kill="task", exists=0),
        ),
        during_the_call=(Place("CreateEndpoint", _CANDIDATE, kill="task", exists=0),),
        after_aws_acted=(Place("CreateEndpoint", _CANDIDATE, acted=True, kill="worker", exists=1),),
    ),
    *_cases(
        "serve_triggerer_waits",
        "deploy_candidate",
        before_the_deferral=(
            Place("CreateEndpoint", _CANDIDATE),
            Place("DescribeEndpoint", _CANDIDATE, kill="task", exists=1),
        ),
        while_deferred=(
            Place("CreateEndpoint", _CANDIDATE),
            Place("ListTags", _CANDIDATE, acted=True),
            Place("DescribeEndpoint", _CANDIDATE, kill="triggerer", exists=1),
        ),
        on_resume=(
            Place("CreateEndpoint", _CANDIDATE),
            Place("DescribeModel", _CANDIDATE, kill="worker", exists=1),
        ),
    ),
)

TEARING_DOWN = (
    *_cases(
        "serve_worker_waits",
        "teardown",
        before_the_first_call=(Place("DescribeEndpoint", _BASELINE, kill="task", exists=1),),
        during_the_call=(Place("DeleteEndpoint", _CANDIDATE, kill="worker", exists=1),),
        after_aws_acted=(Place("DeleteEndpoint", _CANDIDATE, acted=True, kill="task"),),
        after_aws_deleted_the_configuration=(
            Place("DeleteEndpointConfig", _CANDIDATE, acted=True, kill="worker", exists=0),
        ),
    ),
    *_cases(
        "serve_triggerer_waits",
        "teardown",
        while_deferred=(
            Place("DescribeModel", _BASELINE),  # the last of its looks before it deletes
            Place("DescribeEndpoint", _CANDIDATE, kill="triggerer"),
        ),
        on_resume=(Place("DescribeEndpoint", _BASELINE), Place("DescribeEndpoint", _BASELINE, kill="task")),
    ),
)

CASES = (*TRAINING, *DEPLOYING, *TEARING_DOWN)
CARELESS = Case("careless", "careless", "fine_tune", (Place("CreateTrainingJob", acted=True, kill="worker", exists=1),))
