"""`qoed demo`: Redis, origin, daemon and subscriber together, a schedule of faults, a table, an exit code."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from qoed.clock import Clock, SystemClock
from qoed.demo.broadcast import Broadcast
from qoed.demo.child import DaemonChild
from qoed.demo.config import DemoConfig, render_config
from qoed.demo.faults import FMP4, QUICK, SCHEDULE, TS, Fault, within
from qoed.demo.ladder import LADDER
from qoed.demo.origin import LiveStream, Origin
from qoed.demo.portrait import portray, portray_outcome
from qoed.demo.show import Show
from qoed.demo.studio import Studio
from qoed.demo.verdict import GRACE_S, as_json
from qoed.errors import QoedError
from qoed.publish.embedded import EmbeddedRedis
from qoed.publish.options import RedisOptions
from qoed.publish.subscribe import Live, Lost, Snapshot, follow
from qoed.service import configure_logging

WARM_UP_S = 120.0
"""The daemon must have scored every rendition by then."""
CALM_S = 3.0
"""How long after the last fault the demo listens on, even if all alerts are resolved: for false ones."""
_TICK_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How to run the demo."""

    schedule: Sequence[Fault] = SCHEDULE
    clip: Path | None = None
    low_quality: float | None = None
    """The score below which `low_quality` fires; None: what suits the demo's own pictures."""
    weights: Path | None = None
    """Manifest of other weights than those shipped."""
    json: Path | None = None
    """Where to write the table as JSON."""
    keep: bool = False
    """Go on after the schedule until cancelled."""
    plain: bool = False
    """Lines instead of a live table, on a terminal too."""
    pictures: Path | None = None
    """Folder for SVG pictures of the screen and of the final table."""
    directory: Path | None = None
    """Where configuration and the daemon's log go; None: a temporary directory."""


def demo_command(
    clip: Annotated[Path | None, typer.Option(help="Broadcast this video, looped, instead of ours.")] = None,
    low_quality: Annotated[
        float | None, typer.Option(min=0, max=100, help="Score below which low_quality fires.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Manifest of other weights than those shipped.", metavar="FILE")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Two faults only, half a minute.")] = False,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Only the faults of the first N seconds.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the table to this file.", metavar="FILE")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Stay on air after the schedule.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a table.")] = False,
    pictures: Annotated[
        Path | None, typer.Option(help="Write SVG pictures of the screen here.", metavar="DIR")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(help="Keep configuration and daemon log here.", metavar="DIR")
    ] = None,
) -> None:
    """Two minutes: a live ladder of our own, faults on schedule, and what qoed says of them.

    Exit code 1 when a fault was missed, an alert was false, or one never resolved.
    """
    schedule = QUICK if quick else within(SCHEDULE, seconds) if seconds else SCHEDULE
    if not schedule:
        raise typer.BadParameter(f"no fault ends within {seconds:g} s", param_hint="--seconds")
    options = DemoOptions(
        schedule=schedule,
        clip=clip,
        low_quality=low_quality,
        weights=weights,
        json=json,
        keep=keep,
        plain=plain,
        pictures=pictures,
        directory=directory,
    )
    configure_logging(level="warning")
    try:
        code = asyncio.run(run_demo(options))
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)


async def run_demo(
    options: DemoOptions, *, console: Console | None = None, clock: Clock | None = None
) -> int:
    """Run it all; returns the exit code. Raises `QoedError` when a part cannot do its work."""
    console, clock = console or Console(highlight=False), clock or SystemClock()
    streams = [LiveStream(TS, "mpegts", LADDER), LiveStream(FMP4, "fmp4", LADDER)]
    async with AsyncExitStack() as stack:
        directory = options.directory or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="qoed-demo-"))
        )
        directory.mkdir(parents=True, exist_ok=True)
        console.print("qoed demo: rendering and encoding the first seconds of a live ladder …", style="bold")
        redis = await stack.enter_async_context(EmbeddedRedis())
        studio = await stack.enter_async_context(Studio(options.clip))
        broadcast = Broadcast(studio, streams, clock)
        await broadcast.prepare()
        origin = await stack.enter_async_context(Origin(streams))
        config = directory / "config.yaml"
        urls = {stream.name: origin.url(stream.name) for stream in streams}
        settings = DemoConfig(
            urls=urls, redis_url=redis.url, low_quality=options.low_quality, weights=options.weights
        )
        config.write_text(render_config(settings))
        for stream in streams:
            console.print(f"  live at {urls[stream.name]}")
        console.print(f"  Redis at {redis.url}; configuration in {config}")
        show = Show(broadcast, console, clock, live=console.is_terminal and not options.plain)
        # On the stack in this order, so that the daemon ends while the origin still answers.
        daemon = await stack.enter_async_context(DaemonChild(config, directory / "daemon.log"))
        try:
            async with asyncio.TaskGroup() as group:
                background = [
                    group.create_task(broadcast.run()),
                    group.create_task(daemon.watch()),
                    group.create_task(_listen(RedisOptions(url=redis.url), show)),
                    group.create_task(show.run()),
                ]
                if options.pictures is not None:
                    background.append(group.create_task(portray(show, options.pictures, clock)))
                await _direct(options, broadcast, show, clock, daemon)
                for task in background:
                    task.cancel()
        except* QoedError as failures:
            raise _first(failures) from None
        verdict = show.verdict()
        show.finish()
    if options.pictures is not None:
        portray_outcome(show, options.pictures)
    if options.json is not None:
        options.json.write_bytes(
            orjson.dumps(as_json(verdict), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )
    return verdict.exit_code


async def _direct(
    options: DemoOptions, broadcast: Broadcast, show: Show, clock: Clock, daemon: DaemonChild
) -> None:
    """Wait for the first scores, run the schedule, wait for the last alert to be resolved."""
    show.phase = "waiting for the daemon's first scores …"
    wanted = {(name, rung.rendition) for name in (TS, FMP4) for rung in LADDER}
    deadline_s = clock.monotonic() + WARM_UP_S
    while not show.settled(wanted):
        if clock.monotonic() > deadline_s:
            raise QoedError(_unsettled(wanted, show, daemon))
        await clock.sleep(_TICK_S)
    broadcast.begin(options.schedule)
    show.phase = "faults are being injected at the origin"
    while not _over(broadcast, show, clock.monotonic()):
        await clock.sleep(_TICK_S)
    show.phase = "the schedule is over"
    if options.keep:
        show.phase = "the schedule is over; still on air, Ctrl-C ends"
        show.finish()
        await asyncio.Event().wait()


def _unsettled(wanted: set[tuple[str, str]], show: Show, daemon: DaemonChild) -> str:
    """Why the faults could not begin."""
    if missing := wanted - show.scored:
        places = ", ".join("/".join(place) for place in sorted(missing))
        return f"no scores of {places} within {WARM_UP_S:g} s: {daemon.last_words()}"
    firing = "; ".join(str(payload.get("message")) for payload in show.board.active.values())
    return f"alerts fire although nothing is broken yet ({firing}); try --low-quality with a lower score"


def _over(broadcast: Broadcast, show: Show, now_s: float) -> bool:
    """All faults lifted, and either all alerts raised and resolved, or the time for it past."""
    ends = [spot.ended_s for spot in broadcast.schedule]
    lifted = [end for end in ends if end is not None]
    if len(lifted) < len(ends):
        return False
    since_s = now_s - max(lifted)
    done = all(row.raised and row.resolve_s is not None for row in show.verdict().rows)
    return since_s > GRACE_S or (done and since_s > CALM_S)


async def _listen(redis: RedisOptions, show: Show) -> None:
    """Subscribe like any customer."""
    async with aclosing(follow(redis)) as updates:
        async for update in updates:
            match update:
                case Snapshot():
                    show.board.load(update.last, update.active)
                case Live():
                    show.hear(update.payload)
                case Lost():
                    show.board.trouble = update.reason


def _first(failures: BaseExceptionGroup[QoedError]) -> QoedError:
    error: BaseException = failures
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, QoedError)
    return error
