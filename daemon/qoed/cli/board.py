"""What `qoed tail` and the demo show: updates in, a picture out. Knows nothing of Redis or of time itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

Fields = dict[str, Any]

BANDS = (
    (80, "Excellent", "green"),
    (60, "Good", "cyan"),
    (40, "Fair", "yellow"),
    (20, "Poor", "dark_orange"),
)
"""Lower end, word of ITU-R BT.500 and colour of each band of 20; below the last it is Bad."""

STALE_S = 15.0
"""A score older than this is shown dimmed: it says nothing of now."""

HISTORY = 30
_WIDE = 100
"""Columns from which on the table also says how far a rung is from the top and how deep it is decoded."""
_BARS = "▁▂▃▄▅▆▇█"
_SEVERITY = {"info": "blue", "warning": "yellow", "critical": "bold red"}
_STATE = {"pending": "yellow", "firing": "bold red", "resolved": "green"}
_LINES = 6


def band(score: float | None) -> tuple[str, str]:
    """The word and the colour of a score; no score is `no data`."""
    if score is None:
        return "no data", "bright_black"
    return next(((word, colour) for low, word, colour in BANDS if score >= low), ("Bad", "red"))


@dataclass(slots=True)
class Row:
    """One rendition: its newest score payload and the scores before it, oldest first."""

    newest: Fields
    history: deque[float | None]


@dataclass(slots=True)
class Board:
    """Everything on show. Feed it payloads; `render` draws it."""

    title: str = "qoed"
    history: int = HISTORY
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    active: dict[str, Fields] = field(default_factory=dict)
    alerts: deque[Fields] = field(default_factory=lambda: deque(maxlen=_LINES))
    findings: deque[Fields] = field(default_factory=lambda: deque(maxlen=_LINES))
    daemons: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None

    def load(self, last: Iterable[Fields], active: Iterable[Fields]) -> None:
        """Start from what stands in Redis; histories already seen are kept."""
        self.trouble = None
        self.active = {str(payload.get("fingerprint")): payload for payload in active}
        for payload in last:
            row = self.rows.get(_key(payload))
            if row is None or row.newest.get("event_id") != payload.get("event_id"):
                self._score(payload)

    def update(self, payload: Fields) -> None:
        """Take in one live message; kinds that the board does not know are ignored."""
        match payload.get("schema"):
            case "qoed.score" | "qoed.last":
                self._score(payload)
            case "qoed.alert":
                self._alert(payload)
            case "qoed.event":
                self.findings.append(payload)
            case "qoed.status":
                self.daemons[str(payload.get("instance"))] = str(payload.get("state"))

    def _score(self, payload: Fields) -> None:
        row = self.rows.setdefault(_key(payload), Row(payload, deque(maxlen=self.history)))
        row.newest = payload
        row.history.append(_figure(payload, "score"))

    def _alert(self, payload: Fields) -> None:
        self.alerts.append(payload)
        fingerprint = str(payload.get("fingerprint"))
        if payload.get("state") == "firing":
            self.active[fingerprint] = payload
        elif payload.get("state") == "resolved":
            self.active.pop(fingerprint, None)


def render(board: Board, now: datetime, *, max_rows: int | None = None) -> RenderableType:
    """The board as a picture. With more renditions than `max_rows`, the worst stay."""
    parts: list[RenderableType] = [_headline(board), _Scores(board, now, max_rows)]
    if board.active or board.alerts:
        parts += [Text(), _alerts(board)]
    if board.findings:
        parts += [Text(), _findings(board)]
    return Group(*parts)


def line(payload: Fields) -> str | None:
    """One message as one plain line; None for what is not shown."""
    match payload.get("schema"):
        case "qoed.score" | "qoed.last":
            return _score_line(payload)
        case "qoed.alert":
            kind, state = "ALERT", payload.get("state")
        case "qoed.event":
            kind, state = "finding", payload.get("reason")
        case _:
            return None
    words = (kind, state, payload.get("severity"), _place(payload), payload.get("message"))
    return " ".join((_clock(payload), *map(_clean, words)))


def sparkline(scores: Iterable[float | None]) -> Text:
    """Scores as bars from 0 to 100 in the colours of their bands; a gap where there was none."""
    text = Text()
    for score in scores:
        if score is None:
            text.append("·", "bright_black")
        else:
            text.append(_BARS[min(len(_BARS) - 1, max(0, int(score * len(_BARS) / 100)))], band(score)[1])
    return text


def _headline(board: Board) -> Text:
    text = Text(board.title, "bold")
    for instance, state in sorted(board.daemons.items()):
        text.append(f"   {_clean(instance)} ", "default").append(
            _clean(state), "green" if state == "running" else "yellow"
        )
    if firing := len(board.active):
        text.append(f"   {firing} firing", "bold red")
    if board.trouble:
        text.append(f"   {_clean(board.trouble)}", "bold yellow")
    return text


@dataclass(frozen=True, slots=True)
class _Scores:
    """The table of scores, with columns for the ladder and the depth where there is room for them."""

    board: Board
    now: datetime
    max_rows: int | None

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        rows = self.board.rows.values()
        wide = options.max_width >= _WIDE and any(row.newest.get("depth") for row in rows)
        yield _scores(self.board, self.now, self.max_rows, wide=wide)


def _scores(board: Board, now: datetime, max_rows: int | None, *, wide: bool) -> Table:
    table = Table(expand=True, box=None, header_style="bold", pad_edge=False)
    for name, justify in (
        ("Stream", "left"),
        ("Rendition", "left"),
        ("Score", "right"),
        ("", "left"),
        ("Range", "right"),
        ("MOS", "right"),
        ("1 m", "right"),
        *((("vs top", "right"), ("Depth", "left")) if wide else ()),
        ("Trend", "left"),
        ("Age", "right"),
    ):
        ratio = 1 if name == "Trend" else None  # takes what the others leave
        table.add_column(name, justify=justify, no_wrap=True, ratio=ratio)
    rows = list(board.rows.items())
    if max_rows is not None and len(rows) > max_rows:
        worst = sorted(rows, key=lambda item: _worth(item[1]))[: max(0, max_rows - 1)]
        table.caption = f"{len(rows) - len(worst)} better ones not shown"
        rows = worst
    for _, row in sorted(rows, key=lambda item: item[0]):
        table.add_row(*_cells(row, now, wide=wide))
    if not board.rows:
        table.add_row(Text("waiting for scores …", "italic bright_black"))
    return table


@dataclass(frozen=True, slots=True)
class _Trend:
    """A sparkline of as many of the newest scores as there is room for."""

    scores: tuple[float | None, ...]
    style: str

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        text = sparkline(self.scores[-options.max_width :])
        text.stylize(self.style)
        yield text

    def __rich_measure__(self, _console: Console, _options: ConsoleOptions) -> Measurement:
        return Measurement(len(_BARS), max(len(_BARS), len(self.scores)))


def _cells(row: Row, now: datetime, *, wide: bool) -> list[RenderableType]:
    payload = row.newest
    score = _figure(payload, "score")
    word, colour = band(score)
    if score is None:
        word = f"{word}: {_clean(payload.get('reason'))}"
    elif payload.get("quality") == "degraded":
        word += " (degraded)"
    age_s = _age_s(payload, now)
    stale = "dim" if age_s is None or age_s > STALE_S else ""
    minute = _figure(payload, "w1m_mean")
    cells = [
        Text(_clean(payload.get("stream")), "bold"),
        Text(_clean(payload.get("rendition"))),
        Text(_number(score), f"bold {colour}"),
        Text(word, colour),
        Text(_range(payload)),
        Text(_number(_figure(payload, "mos"))),
        Text(_number(minute), band(minute)[1]),
        *((Text(_signed(_figure(payload, "vs_top"))), Text(_depth(payload))) if wide else ()),
        Text("–" if age_s is None else _duration(age_s)),
    ]
    for cell in cells:
        cell.stylize(stale)
    return [*cells[:-1], _Trend(tuple(row.history), stale), cells[-1]]


def _alerts(board: Board) -> Table:
    table = Table(expand=True, box=None, header_style="bold", pad_edge=False)
    for name in ("Alert", "State", "Where", "Rule"):
        table.add_column(name, no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
    recent = list(board.alerts)
    told = {payload.get("event_id") for payload in recent}
    older = [payload for payload in board.active.values() if payload.get("event_id") not in told]
    shown = sorted([*older, *recent], key=lambda payload: str(payload.get("time")))[-_LINES:]
    for payload in reversed(shown):
        state = _clean(payload.get("state"))
        table.add_row(
            Text(_clock(payload)),
            Text(state, _STATE.get(state, "")),
            Text(_place(payload)),
            Text(_clean(payload.get("rule")), _SEVERITY.get(str(payload.get("severity")), "")),
            Text(_clean(payload.get("message"))),
        )
    return table


def _findings(board: Board) -> Table:
    table = Table(expand=True, box=None, header_style="bold", pad_edge=False)
    for name in ("Finding", "What", "Where"):
        table.add_column(name, no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
    for payload in reversed(board.findings):
        phase = _clean(payload.get("phase"))
        what = _clean(payload.get("reason")) + ("" if phase == "event" else f" {phase}")
        table.add_row(
            Text(_clock(payload)),
            Text(what, _SEVERITY.get(str(payload.get("severity")), "")),
            Text(_place(payload)),
            Text(_clean(payload.get("message"))),
        )
    return table


def _score_line(payload: Fields) -> str:
    score = _figure(payload, "score")
    word = band(score)[0]
    head = f"{_clock(payload)} {_place(payload)}"
    if score is None:
        return f"{head} {word}: {_clean(payload.get('reason'))}"
    figures = f"{_number(score)} {word} {_range(payload)} mos {_number(_figure(payload, 'mos'))}"
    told = f"{head} {figures} 1m {_number(_figure(payload, 'w1m_mean'))}"
    vs_top = _figure(payload, "vs_top")
    told += "" if vs_top is None else f" vs top {_signed(vs_top)}"
    return f"{told} {_clean(payload['depth'])}" if payload.get("depth") else told


def _key(payload: Fields) -> tuple[str, str]:
    return str(payload.get("stream")), str(payload.get("rendition"))


def _worth(row: Row) -> float:
    score = _figure(row.newest, "score")
    return -1.0 if score is None else score


def _figure(payload: Fields, name: str) -> float | None:
    value = payload.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f}"


def _depth(payload: Fields) -> str:
    return _clean(payload.get("depth")).replace("extra_light", "key frames")


def _range(payload: Fields) -> str:
    low, high = _figure(payload, "lo"), _figure(payload, "hi")
    return "–" if low is None or high is None else f"{low:.0f}–{high:.0f}"


def _place(payload: Fields) -> str:
    rendition = payload.get("rendition")
    return _clean(payload.get("stream")) + (f"/{_clean(rendition)}" if rendition else "")


def _moment(payload: Fields) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(payload.get("time")))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _clock(payload: Fields) -> str:
    moment = _moment(payload)
    return f"{moment.astimezone():%H:%M:%S}" if moment else "--:--:--"


def _age_s(payload: Fields, now: datetime) -> float | None:
    moment = _moment(payload)
    return max(0.0, (now - moment).total_seconds()) if moment else None


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _clean(value: object) -> str:
    """Text from the wire without control characters, which could drive the terminal."""
    return "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value if value is not None else "")
    )
