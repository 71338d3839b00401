"""Rules from layer to layer: built in, defaults, profile, stream; the nearest layer has the last word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from qoed.alert.rule import Metric, Rule
from qoed.config.builtin import BUILTIN
from qoed.config.schema import RuleEntry
from qoed.config.units import duration_text
from qoed.config.yaml_tree import Path
from qoed.model import Reason, Severity
from qoed.roll import WINDOW_NAMES, WINDOWS_S

Mistake = tuple[Path, str]
"""Where, and what to do about it."""

_METRIC_ONLY = ("below", "above", "clear", "min_coverage")
_METRICS = ", ".join(Metric)
_RENAMED = {
    "window": "window_s",
    "for": "for_s",
    "keep_firing_for": "keep_firing_for_s",
    "unless_hold": "unless_hold_s",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule as the layers so far make it; `origins` says where in the file each field was last set."""

    fields: dict[str, Any]
    origins: dict[str, Path] = field(default_factory=dict)
    path: Path = ()


Drafts = dict[str, Draft]


def builtin_drafts() -> Drafts:
    """The rules before the file has spoken."""
    return {fields["name"]: Draft(dict(fields)) for fields in BUILTIN}


def merge(inherited: Drafts, entries: Sequence[RuleEntry], path: Path) -> tuple[Drafts, list[Mistake]]:
    """`inherited` as changed by one layer's entries, which stand at `path` in the file.

    An entry with a `metric` or a `finding` is a whole new rule; one without changes what it names.
    """
    drafts = dict(inherited)
    mistakes: list[Mistake] = []
    here: dict[str, Path] = {}
    for index, entry in enumerate(entries):
        at = (*path, index)
        if entry.name in here:
            mistakes.append(((*at, "name"), f"rule {entry.name} is given twice in this list; keep one"))
            continue
        here[entry.name] = at
        fields = entry.model_dump(exclude_unset=True, by_alias=True)
        origins: dict[str, Path] = {name: (*at, name) for name in fields}
        known = drafts.get(entry.name)
        if entry.metric is not None or entry.finding is not None:
            drafts[entry.name] = Draft(fields, origins, at)
        elif known is None:
            mistakes.append((at, _no_such_rule(entry.name, inherited)))
        else:
            drafts[entry.name] = replace(
                known, fields=known.fields | fields, origins=known.origins | origins, path=at
            )
    return drafts, mistakes


def build(drafts: Drafts) -> tuple[tuple[Rule, ...], list[Mistake]]:
    """The rules that are on, and what is wrong with any of them."""
    rules: list[Rule] = []
    mistakes: list[Mistake] = []
    for name, draft in drafts.items():
        found = [(_origin(draft, names), f"rule {name}: {text}") for names, text in _mistakes(draft.fields)]
        mistakes += found
        if not found and draft.fields.get("enabled", True):
            rules.append(_rule(draft.fields))
    return tuple(rules), mistakes


def _rule(fields: dict[str, Any]) -> Rule:
    given = {name: value for name, value in fields.items() if value is not None}
    options = {_RENAMED.get(name, name): value for name, value in given.items() if name != "enabled"}
    for name, kind in (("metric", Metric), ("severity", Severity)):
        if name in options:
            options[name] = kind(options[name])
    if "unless" in options:
        options["unless"] = _reasons(options["unless"])
    if "finding" in options:
        options["finding"], *also = _reasons(options["finding"])
        options["also"] = tuple(also)
    return Rule(**options)


def _reasons(names: str | Sequence[str] | None) -> tuple[Reason, ...]:
    """Findings by name: one, several or none."""
    return tuple(Reason(name) for name in ((names,) if isinstance(names, str) else names or ()))


def _mistakes(fields: dict[str, Any]) -> Iterable[tuple[tuple[str, ...], str]]:
    """Fields concerned (nearest first) and what is wrong."""
    metric, finding = fields.get("metric"), fields.get("finding")
    findings, unless = _reasons(finding), _reasons(fields.get("unless"))
    if own := [reason for reason in findings if reason in unless]:
        yield (
            ("unless", "finding"),
            f"is held by its own finding {own[0]} and would never fire; remove one of the two",
        )
    if metric is not None and finding is not None:
        yield ("finding", "metric"), "has a metric and a finding; make two rules of it"
    elif metric is not None:
        yield from _metric_mistakes(Metric(metric), fields)
    else:
        if not findings:
            yield ("finding",), "has an empty list of findings; name at least one"
        said = ", ".join(findings)
        for name in _METRIC_ONLY:
            if fields.get(name) is not None:
                yield (name,), f"{name} is for rules with a metric, this one has finding {said}; remove it"


def _metric_mistakes(metric: Metric, fields: dict[str, Any]) -> Iterable[tuple[tuple[str, ...], str]]:
    window = fields.get("window")
    if window is not None and window not in WINDOWS_S:
        kept = " or ".join((", ".join(list(WINDOW_NAMES.values())[:-1]), list(WINDOW_NAMES.values())[-1]))
        yield ("window",), f"window {duration_text(window)} is not kept for metrics; use {kept}"
    if fields.get("count") is not None:
        yield ("count",), f"count is for rules with a finding, this one has metric {metric.value}; remove it"
    below, above, clear = fields.get("below"), fields.get("above"), fields.get("clear")
    if below is not None and above is not None:
        yield ("above", "below"), "has below and above; make two rules of it"
        return
    if below is None and above is None:
        yield ("metric",), f"metric {metric.value} needs a level; add below or above"
        return
    least, most = metric.scale
    for name in ("below", "above", "clear"):
        level = fields.get(name)
        if level is not None and not least <= level <= most:
            said = f"{metric.value} goes from {least:g} to {most:g}"
            yield (name,), f"{name} {level:g} is out of range; {said}"
    if clear is None:
        return
    if below is not None and clear <= below:
        yield (
            ("clear", "below"),
            f"clear {clear:g} must be above below {below:g}, or the alert would clear while still in trouble",
        )
    if above is not None and clear >= above:
        yield (
            ("clear", "above"),
            f"clear {clear:g} must be below above {above:g}, or the alert would clear while still in trouble",
        )


def _origin(draft: Draft, names: tuple[str, ...]) -> Path:
    """Where in the file a mistake is best shown: at the field that came last, if the file names one."""
    places = [draft.origins[name] for name in names if name in draft.origins]
    own = [place for place in places if place[: len(draft.path)] == draft.path]
    return (own or places or [draft.path])[0]


def _no_such_rule(name: str, known: Drafts) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"there is no rule {name} to change; a new rule needs a metric ({_METRICS}) or a finding{hint}"
