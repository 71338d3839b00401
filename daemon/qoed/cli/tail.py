"""`qoed tail`: scores and alerts as they come, as a table to look at, as lines, or as the JSON itself."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Annotated, TextIO

import orjson
import typer
from redis.exceptions import RedisError
from rich.console import Console
from rich.live import Live as Screen

from qoed.cli.board import HISTORY, Board, line, render
from qoed.publish.client import address_of, unavailable
from qoed.publish.embedded import running_socket
from qoed.publish.options import DEFAULT_PREFIX, RedisOptions
from qoed.publish.subscribe import Fields, Live, Lost, Snapshot, Update, follow, read_snapshot

REFRESH_HZ = 4

_ROWS_BESIDE_SCORES = 22
"""Lines that headings, alerts and findings may take beneath the scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailOptions:
    """What to show and how."""

    stream: str = "*"
    """Shell-style pattern of the streams to show; the daemon's own findings always are."""
    plain: bool = False
    json: bool = False
    once: bool = False
    """Show what stands in Redis now, and end."""
    count: int | None = None
    """End after this many messages."""
    history: int = HISTORY

    def wants(self, payload: Fields) -> bool:
        """Whether a payload passes the filter."""
        stream = payload.get("stream")
        return stream is None or stream == "_probe" or fnmatchcase(str(stream), self.stream)


async def tail(redis: RedisOptions, options: TailOptions | None = None, *, out: TextIO | None = None) -> int:
    """Follow until cancelled, or as `options` say; returns the exit code. Raises `PublishError`.

    A Redis that is away, from the start or later, is waited for and said so; only `once` gives up on it.
    """
    options, out = options or TailOptions(), out or sys.stdout
    console = Console(file=out, highlight=False)
    table = not (options.plain or options.json) and console.is_terminal
    if options.once:
        return await _once(redis, options, console)
    return await (_table(redis, options, console) if table else _lines(redis, options, out))


def tail_command(
    url: Annotated[
        str | None,
        typer.Option("--redis", envvar="QOE_REDIS__URL", help="redis://, rediss:// or unix:// address."),
    ] = None,
    prefix: Annotated[str, typer.Option(envvar="QOE_REDIS__PREFIX", help="Key prefix.")] = DEFAULT_PREFIX,
    username: Annotated[str | None, typer.Option(envvar="QOE_REDIS__USERNAME")] = None,
    stream: Annotated[str, typer.Option("--stream", "-s", help="Only streams like this: news*")] = "*",
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a table.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The payloads as they are, one a line.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Show what stands now, and end.")] = False,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="End after N messages.")] = None,
) -> None:
    """Show live scores and alerts. The password, if any, is read from QOE_REDIS__PASSWORD."""
    url = url or default_url()
    password = os.environ.get("QOE_REDIS__PASSWORD")
    redis = RedisOptions(url=url, username=username, password=password, prefix=prefix)
    options = TailOptions(stream=stream, plain=plain, json=json, once=once, count=count)
    try:
        code = asyncio.run(tail(redis, options))
    except KeyboardInterrupt:
        code = 0
    except BrokenPipeError:
        # `qoed tail | head`: what is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    raise typer.Exit(code)


def default_url() -> str:
    """The embedded Redis of a running qoed, else Redis on this machine."""
    socket = running_socket()
    return f"unix://{socket}" if socket else "redis://127.0.0.1:6379"


async def _table(redis: RedisOptions, options: TailOptions, console: Console) -> int:
    board = Board(title=f"qoed · {address_of(redis)}", history=options.history)

    def show() -> None:
        rows = max(5, console.height - _ROWS_BESIDE_SCORES)
        screen.update(render(board, datetime.now(UTC), max_rows=rows), refresh=True)

    async def keep_showing() -> None:
        while True:
            show()
            await asyncio.sleep(1 / REFRESH_HZ)

    with Screen(console=console, auto_refresh=False) as screen:
        async with asyncio.TaskGroup() as tasks, aclosing(_wanted(redis, options)) as updates:
            redraw = tasks.create_task(keep_showing())
            async for update in updates:
                match update:
                    case Snapshot():
                        board.load(update.last, update.active)
                    case Live():
                        board.update(update.payload)
                    case Lost():
                        board.trouble = f"{update.reason} – trying again"
            redraw.cancel()
        show()
    return 0


async def _lines(redis: RedisOptions, options: TailOptions, out: TextIO) -> int:
    trouble: str | None = None
    async with aclosing(_wanted(redis, options)) as updates:
        async for update in updates:
            texts: list[str | None] = []
            match update:
                case Snapshot():
                    trouble = None
                    if not options.json:
                        texts = [line(payload) for payload in (*update.last, *update.active)]
                case Live():
                    texts = [update.raw.decode() if options.json else line(update.payload)]
                case Lost():
                    if update.reason != trouble:
                        trouble = update.reason
                        typer.echo(
                            f"qoed tail: Redis at {address_of(redis)}: {trouble}; trying again", err=True
                        )
            out.writelines(f"{text}\n" for text in texts if text is not None)
            out.flush()
    return 0


async def _wanted(redis: RedisOptions, options: TailOptions) -> AsyncGenerator[Update, None]:
    """What `follow` tells, filtered by stream, up to `options.count` messages."""
    left = options.count
    async with aclosing(follow(redis)) as updates:
        async for update in updates:
            match update:
                case Snapshot(last=last, active=active):
                    wanted = [tuple(filter(options.wants, part)) for part in (last, active)]
                    yield Snapshot(last=wanted[0], active=wanted[1])
                case Live(payload=payload) if not options.wants(payload):
                    continue
                case _:
                    yield update
            if isinstance(update, Live) and left is not None:
                left -= 1
                if left <= 0:
                    return


async def _once(redis: RedisOptions, options: TailOptions, console: Console) -> int:
    try:
        snapshot = await read_snapshot(redis)
    except (RedisError, OSError) as error:
        raise unavailable(error, redis) from error
    last, active = (list(filter(options.wants, part)) for part in (snapshot.last, snapshot.active))
    if options.json or options.plain or not console.is_terminal:
        for payload in (*last, *active):
            text = orjson.dumps(payload).decode() if options.json else line(payload)
            if text is not None:
                console.file.write(text + "\n")
        return 0
    board = Board(title=f"qoed · {address_of(redis)}")
    board.load(last, active)
    console.print(render(board, datetime.now(UTC)))
    return 0
