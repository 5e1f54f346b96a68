"""What a person wishes of the backend that `plan` chooses: the section `auto` of a pipeline file."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from airflow_finetune.backends.fields import Names
from airflow_finetune.spec import Rule, Spec

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


def _none(value: Any) -> Any:
    return None if value in ("", "None") else value  # Jinja renders an empty field of the form as its word


class Wishes(Spec):
    """By what ``plan`` chooses among the candidates; what is left out asks for nothing.

    Attributes:
        choose: name of the candidate that a person has chosen; it is taken, or the run is refused with the reason.
        models: patterns of base models, for example ``*nova*``; a candidate whose base fits none of them is out.
        control: keys of ``model`` that must be in your hands, for example ``[source_dir, lora_rank]``; a candidate
            whose backend does not let you set one of them is out.
        one_region: whether no question may leave the region of the connection: a candidate that asks one of AWS's
            inference profiles is out.
        deadline_hours: within which the model must be tuned; a candidate that may take longer by its own limits is out,
            and one whose backend AWS states no limit for comes after those that are known to keep to it.
        requests_a_month: how often the model will be asked; with it, a month of hosting counts in the price.
        months: of hosting that count.
        input_tokens: of a request, where hosting is paid by the token.
        output_tokens: of an answer, likewise.
    """

    backend: ClassVar[str] = "auto"

    choose: Annotated[str | None, BeforeValidator(_none)] = None
    models: Names = ()
    control: Names = ()
    one_region: bool = False
    deadline_hours: Positive | None = None
    requests_a_month: Count | None = None
    months: Positive = 1.0
    input_tokens: Count = 500
    output_tokens: Count = 200

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            ("requests_a_month", "months"),
            lambda spec: spec.requests_a_month is None and "months" in spec.model_fields_set,
            "months counts the hosting of requests_a_month: give that too.",
        ),
    )
