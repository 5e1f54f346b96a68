"""What people write: typed, strict, and open for values that are only known after rendering."""

from __future__ import annotations

import ast
import contextlib
import difflib
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from airflow_finetune.errors import SpecError
from airflow_finetune.lifecycle.owner import MAX_TAGS, PREFIX, spec_digest


class Rule(NamedTuple):
    """Something that several fields must agree on.

    Attributes:
        fields: the rule is only asked when all of them are known.
        broken: whether it is broken.
        says: what to tell.
    """

    fields: tuple[str, ...]
    broken: Callable[[Any], bool]
    says: str


KIND = "a kind of "
"""How the tag of a union's member begins: pydantic names it as a part of the place, and nobody has written it."""
OUR_TAGS = 11  # what lifecycle/owner.py adds, and the mark of a stop
RULES_OF_TAGS: tuple[Rule, ...] = (
    Rule(
        ("tags",),
        lambda spec: any(key.startswith((PREFIX, "aws:")) for key in spec.tags),
        f"tags must not begin with {PREFIX!r} or 'aws:'.",
    ),
    Rule(
        ("tags",),
        lambda spec: len(spec.tags) > MAX_TAGS - OUR_TAGS,
        f"AWS allows {MAX_TAGS} tags, of which this package uses {OUR_TAGS}.",
    ),
)
"""What AWS asks of every request that takes ``tags``."""
RULES_OF_AWS: tuple[Rule, ...] = (
    Rule(
        ("subnets", "security_group_ids"),
        lambda spec: bool(spec.subnets) != bool(spec.security_group_ids),
        "subnets and security_group_ids are given together or not at all.",
    ),
    *RULES_OF_TAGS,
)
"""What AWS asks of every request that takes ``subnets``, ``security_group_ids`` and ``tags``."""


def is_later(value: Any) -> bool:
    """Say whether a value is only known when the task runs: Jinja text, or a reference to another task's output."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(is_later(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(is_later(item) for item in value)
    return callable(getattr(value, "resolve", None)) and not isinstance(value, BaseModel)


class Spec(BaseModel):
    """Base of everything that people write: the specs of backends and of curation, the policy of a gate.

    Constants are checked when the object is made, so when Airflow parses the DAG; Jinja texts and outputs of other
    tasks are kept as they are and checked by ``load`` after rendering. Unknown fields are refused.

    Attributes:
        filled: fields that whoever uses the spec may fill; ``load`` asks for them, the constructor does not.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
        arbitrary_types_allowed=True,
        defer_build=True,
    )
    backend: ClassVar[str]
    rules: ClassVar[tuple[Rule, ...]] = ()
    not_in_digest: ClassVar[frozenset[str]] = frozenset({"tags"})
    filled: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, values: Any) -> Any:
        unknown = [key for key in values if key not in cls.model_fields] if isinstance(values, Mapping) else []
        if unknown:
            raise PydanticCustomError("unknown_field", "{said}", {"said": "; ".join(map(cls._unknown, unknown))})
        return values

    @field_validator("*", mode="wrap")
    @classmethod
    def _later(cls, value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        rendered = bool((info.context or {}).get("rendered"))
        if not rendered:
            return value if is_later(value) else check(value)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes | list | tuple):
            value = list(value)  # the output of a mapped task is fetched item by item
        try:
            return check(value)
        except ValidationError:
            if isinstance(value, str) and (meant := from_text(value)) is not value:
                return check(meant)  # Jinja renders text: a mapping or nothing at all arrives as its words
            raise

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if broken := list(self.broken_rules()):
            raise PydanticCustomError("rules", "{said}", {"said": " ".join(broken)})
        return self

    @model_validator(mode="after")
    def _complete(self, info: ValidationInfo) -> Self:
        missing = sorted(self.filled - self.model_fields_set) if info.context is not None else ()
        if missing:
            raise PydanticCustomError("missing_field", "{said}", {"said": f"{', '.join(missing)}: Field required"})
        return self

    def broken_rules(self) -> Iterator[str]:
        """Yield what each broken rule says; a rule about a value that is not rendered yet is left for later."""
        for rule in self.rules:
            if not any(is_later(getattr(self, field)) for field in rule.fields) and rule.broken(self):
                yield rule.says

    def raw(self) -> dict[str, Any]:
        """Return what was set, unrendered and in plain types, for Airflow's template engine."""
        fields = {field: getattr(self, field) for field in type(self).model_fields if field in self.model_fields_set}
        return {"backend": self.backend, **{field: _plain(value) for field, value in fields.items()}}

    def asked(self) -> dict[str, Any]:
        """Return what was set to something else than its default, without what only describes it."""
        fields = type(self).model_fields
        named = {
            name
            for name in self.model_fields_set - self.not_in_digest
            if getattr(self, name) != fields[name].get_default(call_default_factory=True)
        }
        return {"backend": self.backend, **self.model_dump(mode="json", include=named)}

    def digest(self) -> str:
        """Return sixteen hex digits of what was asked for."""
        return spec_digest(self.asked())

    @classmethod
    def load(cls, values: Mapping[str, Any], *, rendered: bool, thing: str) -> Self:
        """Return the spec that a mapping holds.

        Args:
            values: field -> value.
            rendered: whether everything must be a value now; else Jinja texts pass unchecked.
            thing: what to name in the error, for example the task id.

        Raises:
            SpecError: names every fault at once.
        """
        try:
            fields = {key: value for key, value in values.items() if key != "backend"}
            return cls.model_validate(fields, context={"rendered": rendered})
        except ValidationError as error:
            said = " ".join(_fault(fault) for fault in error.errors(include_url=False, include_input=False))
            raise SpecError(f"{thing}: {cls.__name__}", said, "Correct the spec; nothing was created.") from None

    @classmethod
    def _unknown(cls, key: str) -> str:
        return f"{key!r} is no field{near_name(key, cls.model_fields)}"


def takes_fields_of(spec: type[Spec]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Show a spec's fields in the signature of an operator's ``__init__``.

    Airflow reads that signature for ``default_args``, ``partial`` and ``expand``.
    """

    def decorate(init: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(init)
        fields = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in spec.model_fields]
        own = list(signature.parameters.values())
        vars(init)["__signature__"] = signature.replace(parameters=[*own[:-1], *fields, own[-1]])
        return init

    return decorate


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_defaults=True) if isinstance(value, BaseModel) else value


def near_name(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the nearest known one, or all of them."""
    near = difflib.get_close_matches(name, names := sorted(known), n=1, cutoff=0.6)
    return f": did you mean {near[0]!r}?" if near else f": known are {', '.join(names)}."


def from_text(text: str) -> Any:
    """Return the value whose words Jinja has rendered; the text itself where it is none."""
    if text.strip() in ("None", "null", ""):
        return None
    for read in (json.loads, ast.literal_eval):  # a mapping in Jinja is rendered as Python writes it
        with contextlib.suppress(ValueError, SyntaxError):
            return read(text)
    return text


def _fault(fault: Any) -> str:
    place = ".".join(part for part in map(str, fault["loc"]) if not part.startswith(KIND))
    said = str(fault["msg"]).rstrip(".?")
    end = "?" if str(fault["msg"]).endswith("?") else "."
    return f"{place}: {said}{end}" if place else f"{said}{end}"
