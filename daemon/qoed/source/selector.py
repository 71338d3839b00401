"""Which renditions of a ladder are watched: `all`, `top`, or a selector that config can name."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from qoed.model import Rendition

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
    "==": operator.eq,
}
_FIELDS = {"height": "height", "width": "width", "bandwidth": "bandwidth_bps", "fps": "frame_rate"}
_TERM = re.compile(r"([a-z_]+)\s*(<=|>=|==|<|>|=)\s*(.*)", re.DOTALL)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)([kM]?)")
_HEIGHT = re.compile(r"(\d+)p")
_GLOB = re.compile(r"[a-z0-9_*?\[\]!.-]+")
_HELP = "use all, top, 720p, height<=720, bandwidth>1M or an id glob such as *-2500k"


@dataclass(frozen=True, slots=True)
class _Compare:
    name: str
    sign: str
    number: float

    def __call__(self, rendition: Rendition) -> bool:
        value = getattr(rendition, _FIELDS[self.name])
        return value is not None and _COMPARE[self.sign](float(value), self.number)


@dataclass(frozen=True, slots=True)
class _Glob:
    pattern: str

    def __call__(self, rendition: Rendition) -> bool:
        return fnmatchcase(rendition.id, self.pattern)


Term = _Compare | _Glob


@dataclass(frozen=True, slots=True)
class Selector:
    """A parsed selector: a rendition is chosen when any term holds; `top` picks the best of the ladder."""

    text: str
    terms: tuple[Term, ...] = ()

    def choose(self, ladder: Sequence[Rendition]) -> list[Rendition]:
        """The chosen renditions, in ladder order; may be empty."""
        if self.text == "all":
            return list(ladder)
        if self.text == "top":
            return [max(ladder, key=lambda r: (r.height or 0, r.bandwidth_bps or 0))] if ladder else []
        return [rendition for rendition in ladder if any(term(rendition) for term in self.terms)]


def parse_selector(text: str) -> Selector:
    """Parse `renditions:`. Raises `ValueError` naming the term that makes no sense, and what would."""
    if text in ("all", "top"):
        return Selector(text)
    return Selector(text, tuple(_term(part.strip()) for part in text.split(",")))


def _term(text: str) -> Term:
    if match := _HEIGHT.fullmatch(text):
        return _Compare("height", "=", float(match[1]))
    if match := _TERM.fullmatch(text):
        name, sign, number = match.groups()
        if name not in _FIELDS:
            raise ValueError(f"renditions: unknown field {name!r} in {text!r}; known: {', '.join(_FIELDS)}")
        amount = _NUMBER.fullmatch(number.strip())
        if amount is None:
            raise ValueError(f"renditions: {number!r} in {text!r} is not a number (720, 2500k, 2.5M)")
        return _Compare(name, sign, float(amount[1]) * {"": 1.0, "k": 1e3, "M": 1e6}[amount[2]])
    if text and _GLOB.fullmatch(text):
        return _Glob(text)
    raise ValueError(f"renditions: cannot read {text!r}; {_HELP}")
