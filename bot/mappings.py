"""What an owner may change in mappings/*.yaml, read and checked.

Each file X.yaml is described by the model that stands in bot/domain/X.py. The first thing that is wrong
becomes a `SettingsError` that names the file, the key, and how to write it.
"""

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bot.domain.privacy import PrivacyRules
from bot.domain.routing import RoutingRules
from bot.domain.severity import SeverityRules
from bot.domain.sla import SlaRules
from bot.domain.workdays import WorkdayRules
from bot.errors import SettingsError

Rules = TypeVar("Rules", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Mappings:
    """All mappings, one field a file."""

    workdays: WorkdayRules
    sla: SlaRules
    severity: SeverityRules
    privacy: PrivacyRules
    routing: RoutingRules = field(default_factory=RoutingRules)


def load_mappings(folder: Path) -> Mappings:
    """Read every mapping in `folder`; SettingsError names the first thing that is wrong.

    Without a `routing.yaml`, as older releases had none, all reports take the default route.
    """
    mappings = Mappings(
        workdays=_load(folder / "workdays.yaml", WorkdayRules),
        sla=_load(folder / "sla.yaml", SlaRules),
        severity=_load(folder / "severity.yaml", SeverityRules),
        privacy=_load(folder / "privacy.yaml", PrivacyRules),
        routing=_load_routing(folder / "routing.yaml"),
    )
    _hold_routes_to(mappings, folder / "routing.yaml")
    return mappings


def _load_routing(path: Path) -> RoutingRules:
    return _load(path, RoutingRules) if path.exists() or path.is_symlink() else RoutingRules()


def _hold_routes_to(mappings: Mappings, path: Path) -> None:
    """Refuse a route that names what another mapping does not have, or a label that means a severity."""
    calendars = mappings.workdays.calendars
    severities = {*mappings.severity.labels.values(), *mappings.severity.suggested_labels.values()}
    for key, destination in mappings.routing.destinations.items():
        if destination.calendar is not None and destination.calendar not in calendars:
            problem, mend = (
                f'there is no calendar "{destination.calendar}"',
                f"Use one of: {', '.join(calendars)}",
            )
            raise SettingsError(str(path), f"{key}.calendar", problem, mend)
        if label := next((label for label in destination.labels if label in severities), None):
            problem, mend = (
                f'"{label}" is the label of a severity',
                "Only a person sets a severity; take it out",
            )
            raise SettingsError(str(path), f"{key}.labels", problem, mend)


def _load(path: Path, model: type[Rules]) -> Rules:
    content = _read(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _explain(path, model, error.errors(include_url=False)[0]) from None


class _TextLoader(yaml.BaseLoader):
    """Builds only text, lists and tables; the models give each text its type.

    So `country: NO` stays Norway, and a date that does not exist is reported with its key.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'"{key.value}" stands twice', key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep)


def _read(path: Path) -> object:
    """Return the file's content as plain text, lists and tables."""
    try:
        return _TextLoader(path.read_text("utf-8")).get_single_data() or {}
    except FileNotFoundError:
        raise SettingsError(
            str(path), "file", "there is no such file", "Copy it from the mappings folder of the release"
        ) from None
    except OSError as error:
        raise SettingsError(
            str(path), "file", f"cannot be read: {error.strerror}", "Let the bot's user read it"
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(str(path), "file", "is not text in UTF-8", "Save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise _explain_yaml(path, error) from None


def _explain_yaml(path: Path, error: yaml.YAMLError) -> SettingsError:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}" if mark else "file"
    problem = getattr(error, "problem", None) or "it is not YAML"
    return SettingsError(str(path), place, problem, "Write `key: value`, each key once, indented with spaces")


def _explain(path: Path, model: type[BaseModel], error: ErrorDetails) -> SettingsError:
    """Turn the first of pydantic's complaints into file, dotted key, problem and mend."""
    loc = [str(step) for step in error["loc"] if step != "[key]"]
    key = ".".join(loc) or "file"
    if error["type"] == "extra_forbidden":
        names = sorted({name for each in _models_at(model, loc[:-1]) for name in each.model_fields})
        near = get_close_matches(loc[-1], names, 1)
        mend = f"Did you mean {near[0]}?" if near else f"The keys here are: {', '.join(names)}"
        return SettingsError(str(path), key, "is not a known key", mend)
    if error["type"] == "enum" and (near := get_close_matches(loc[-1], _quoted(error), 1)):
        return SettingsError(str(path), key, _lower_first(error["msg"]), f"Did you mean {near[0]}?")
    problem = "is missing" if error["type"] == "missing" else error["msg"].removeprefix("Value error, ")
    return SettingsError(str(path), key, _lower_first(problem), _show_how(model, loc))


def _quoted(error: ErrorDetails) -> list[str]:
    return re.findall(r"'([^']+)'", str(error.get("ctx", {}).get("expected", "")))


def _show_how(model: type[BaseModel], loc: list[str]) -> str:
    """Return how to write the deepest key of `loc` for which its model gives an example."""
    for depth in range(len(loc), 0, -1):
        for each in _models_at(model, loc[: depth - 1]):
            known = each.model_fields.get(loc[depth - 1])
            if known and known.examples:
                return f"Write for example `{loc[depth - 1]}: {known.examples[0]}`"
    return "Compare it with the file of the release"


def _models_at(model: type[BaseModel], loc: list[str]) -> list[type[BaseModel]]:
    """Return the models that may stand at `loc`; steps that are no field (a name, a number) stay inside."""
    models = [model]
    for step in loc:
        fields = [each.model_fields[step] for each in models if step in each.model_fields]
        models = [inner for known in fields for inner in _models_in(known)] or models
    return models


def _models_in(annotated: FieldInfo) -> Iterator[type[BaseModel]]:
    waiting = [annotated.annotation]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
        waiting.extend(get_args(kind))


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
