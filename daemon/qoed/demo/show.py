"""Keeps what the subscriber heard, judges it, and draws it: live on a terminal, as lines elsewhere."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from rich.console import Console
from rich.live import Live as Screen

from qoed.cli.board import Board, line
from qoed.clock import Clock
from qoed.demo.broadcast import Broadcast
from qoed.demo.verdict import Happened, Heard, Verdict, judge
from qoed.demo.view import outcome, score_line, screen
from qoed.model import AlertState

REFRESH_S = 0.25
SCORES_EVERY_S = 5.0
MIN_COVERAGE = 0.7
"""Share of the ten-second window that scores must cover before faults begin."""
LATE_S = 1.0
"""Publishing later than this means that the machine is too slow for the demo."""


class Show:
    """The demo's ears and face. `phase` is the headline."""

    def __init__(self, broadcast: Broadcast, console: Console, clock: Clock, *, live: bool) -> None:
        self.board = Board(title="qoed demo")
        self.phase = ""
        self._broadcast = broadcast
        self._console = console
        self._clock = clock
        self._live = live
        self._started_s = clock.monotonic()
        self._heard: list[Heard] = []
        self._said: dict[int, str] = {}
        self._finished = False

    @property
    def scored(self) -> set[tuple[str, str]]:
        """Streams and renditions with a well-covered window."""
        rows = self.board.rows.items()
        return {place for place, row in rows if (row.newest.get("w10s_coverage") or 0.0) >= MIN_COVERAGE}

    def settled(self, wanted: Set[tuple[str, str]]) -> bool:
        """Everything `wanted` is scored, and nothing fires."""
        return wanted <= self.scored and not self.board.active

    def hear(self, payload: dict[str, Any]) -> None:
        """Take in one message of Redis, now."""
        self.board.update(payload)
        if payload.get("schema") != "qoed.alert":
            if payload.get("schema") == "qoed.event" and not self._live:
                self._print(line(payload))
            return
        self._heard.append(
            Heard(
                at_s=self._clock.monotonic(),
                stream=str(payload["stream"]),
                rule=str(payload["rule"]),
                fingerprint=str(payload["fingerprint"]),
                state=AlertState(payload["state"]),
                rendition=payload.get("rendition"),
            )
        )
        if not self._live:
            self._print(line(payload))

    def verdict(self) -> Verdict:
        """The judgement as of now, over the faults that have begun."""
        begun = [spot for spot in self._broadcast.schedule if spot.began_s is not None]
        happened = [
            Happened(fault=spot.fault, began_s=spot.began_s, ended_s=spot.ended_s)
            for spot in begun
            if spot.began_s is not None
        ]
        return judge(happened, self._heard)

    async def run(self) -> None:
        """Draw until cancelled."""
        if not self._live:
            await self._lines()
            return
        with Screen(console=self._console, auto_refresh=False, transient=True) as shown:
            while True:
                shown.update(self.picture(), refresh=True)
                await self._clock.sleep(REFRESH_S)

    def finish(self) -> None:
        """Print the table, once."""
        if self._finished:
            return
        self._finished = True
        self._console.print(outcome(self.verdict()))
        if self._broadcast.latest_s > LATE_S:
            self._warn(
                f"This machine was too busy: a segment was published {self._broadcast.latest_s:.1f} s late, "
                "which a client may take for a fault."
            )
        for rule in sorted({edge.rule for edge in self.verdict().probe}):
            self._warn(f"qoed said of itself: {rule}. It had too little of this machine to be prompt.")

    def picture(self) -> Any:
        """The screen as of now."""
        return screen(
            self.board,
            self.phase,
            self._broadcast.schedule,
            self.verdict(),
            now=self._clock.wall(),
            now_s=self._clock.monotonic(),
            epoch_s=self._broadcast.epoch_s,
            max_rows=8,
        )

    async def _lines(self) -> None:
        phase, next_scores_s = "", 0.0
        while True:
            if self.phase != phase:
                phase = self.phase
                self._print(phase)
            self._say_faults()
            now_s = self._clock.monotonic()
            if now_s >= next_scores_s:
                self._print(score_line(self.board, now_s - self._started_s))
                next_scores_s = now_s + SCORES_EVERY_S
            await self._clock.sleep(REFRESH_S)

    def _say_faults(self) -> None:
        """Tell when a fault begins and ends."""
        for number, spot in enumerate(self._broadcast.schedule):
            if spot.began_s is None:
                continue
            state = "over" if spot.ended_s is not None else "on air"
            if self._said.get(number) != state:
                self._said[number] = state
                at_s = (spot.ended_s or spot.began_s) - self._started_s
                self._print(f"{at_s:6.1f} s  fault   {spot.fault.kind.value} on {spot.fault.stream}: {state}")

    def _warn(self, text: str) -> None:
        self._console.print(text, style="yellow")

    def _print(self, text: str | None) -> None:
        if text:
            self._console.print(text, soft_wrap=True, markup=False)
