"""What a person may choose when a sandbox starts; everything else follows from these."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

STRICT_GRACE_SECONDS = 120.0
"""AWS documents 120 seconds between SIGTERM and SIGKILL when a training job is stopped."""


_UNCHOSEN = Path("a new temporary folder")
_TEMPORARY: set[Path] = set()


def _new_state_dir() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
    _TEMPORARY.add(folder)
    return folder


@dataclass(frozen=True)
class Settings:
    """The choices of one sandbox; every field has a default that suits tests.

    Attributes:
        speed: modelled seconds per real second. It multiplies modelled waits (provisioning, Spot gaps, quota
            approval) and bills; never timestamps, the SIGTERM grace, checkpoint synchronisation or ping timeouts.
        region: the region of calls without a credential scope.
        account: twelve digits; an access key id of twelve digits selects another account for that call.
        state_dir: folder for jobs and the token, for its user only; unless given a new temporary folder, which the
            end of the sandbox removes.
        slots: how many training jobs hold an instance at once; others wait in Starting. Endpoints take none.
        isolation: forces one way of re-rooting at /opt/ml; None probes for the best that works here.
        seed: of everything that is drawn by chance (fault probabilities, Spot traces).
        token: what ``/_sandbox/`` wants in the header ``x-sandbox-token``.
        images: image URI glob -> folder that stands for that image's file system, with programs ``train``, ``serve``.
        models: glob on the id of a Bedrock base model -> Hugging Face folder whose weights stand for it, instead of the
            tiny base; for example a teacher that can do what its student shall learn.
        functions: glob on the name of a Lambda function -> folder with its ``lambda_function.py``, for graders.
        spot_trace: file with the Spot market's changes, or None for a market that always has capacity.
        sigterm_grace_seconds: real seconds between SIGTERM and SIGKILL of a stopped job.
        checkpoint_sync_seconds: real seconds between two uploads of a job's checkpoint folder.
        log_limit_mb: MiB that a program may print in one run; one that prints more is ended, and its job fails.
        read_timeout_seconds: real seconds that a client may take over the body that its header promises.
        managed_policies: whether IAM knows AWS's managed policies; costs a second at its first use and at each reset.
    """

    speed: float = 60.0
    region: str = "us-east-1"
    account: str = "123456789012"
    state_dir: Path = _UNCHOSEN
    slots: int = field(default_factory=lambda: max(2, os.cpu_count() or 2))
    isolation: str | None = None
    seed: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    images: tuple[tuple[str, Path], ...] = ()
    models: tuple[tuple[str, Path], ...] = ()
    functions: tuple[tuple[str, Path], ...] = ()
    spot_trace: Path | None = None
    sigterm_grace_seconds: float = 10.0
    checkpoint_sync_seconds: float = 1.0
    log_limit_mb: int = 128
    read_timeout_seconds: float = 20.0
    managed_policies: bool = False

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise ValueError(f"speed is {self.speed}: it must be more than 0; 1 is real time, 60 a minute per second.")
        if not (len(self.account) == 12 and self.account.isdigit()):
            raise ValueError(f"account is {self.account!r}: an AWS account id has exactly twelve digits.")
        if self.slots < 1:
            raise ValueError(f"slots is {self.slots}: at least one job must be able to run.")
        if self.log_limit_mb < 1:
            raise ValueError(f"log_limit_mb is {self.log_limit_mb}: it must be at least 1.")
        if self.state_dir is _UNCHOSEN:  # made only now, so that refused settings leave nothing
            object.__setattr__(self, "state_dir", _new_state_dir())

    @property
    def is_temporary(self) -> bool:
        """Whether nobody chose the state folder, so that it goes when the sandbox ends."""
        return self.state_dir in _TEMPORARY
