"""`qoed check`: is the configuration right, and can its streams be had? For people and for CI."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from qoed.cli.failure import report
from qoed.cli.probe import Probe, probe
from qoed.config import BUILTIN_RULES, Config, StreamConfig, load_config
from qoed.errors import ConfigError
from qoed.model import Rendition, Segment
from qoed.service import ExitCode, configure_logging
from qoed.service.redact import redact
from qoed.source import HttpClient
from qoed.source.address import AddressGuard
from qoed.source.tls import trusting

PARALLEL = 8
"""Streams that are probed at once."""
MAX_FINDINGS = 3
"""Findings of a stream that are shown; all are in the JSON."""


def check_command(
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration.")] = Path(
        "config.yaml"
    ),
    with_probe: Annotated[
        bool, typer.Option("--probe/--no-probe", help="Also fetch one segment of each rendition.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Time for each stream.")] = 20.0,
) -> None:
    """Validate a configuration, show what it means, and probe its streams.

    Ends with 78 when the configuration cannot be used and with 69 when a stream cannot be had.
    """
    configure_logging(level="critical", format="console")  # what goes wrong is in the verdict
    try:
        loaded = load_config(config)
    except ConfigError as error:
        if json:
            _print_json({"config": str(config), "valid": False, "errors": str(error).splitlines()})
        raise typer.Exit(report(error)) from error
    console = Console(highlight=False)
    if not json:
        console.print(f"[bold]{config}[/bold] is valid")
        for warning in loaded.warnings:
            console.print(Text(f"warning: {warning}", "yellow"))
        console.print(_stream_table(loaded.streams))
    found: dict[str, Probe] = {}
    if with_probe and loaded.streams:
        with Console(stderr=True).status(f"probing {len(loaded.streams)} streams"):
            found = asyncio.run(_probe_all(loaded, timeout))
    failed = sum(each.error is not None for each in found.values())
    if json:
        _print_json(_fields(config, loaded, found))
    elif found:
        console.print(Group(*(_probe_view(each) for each in found.values())))
        console.print(_summary(len(found), failed))
    if failed:
        raise typer.Exit(ExitCode.UNAVAILABLE)


async def _probe_all(config: Config, timeout_s: float) -> dict[str, Probe]:
    slots = asyncio.Semaphore(PARALLEL)
    guard = AddressGuard(allow=config.http.allow_networks)

    async def one(stream: StreamConfig) -> Probe:
        async with slots:
            return await probe(
                stream.name, stream.url, stream.source_options(), http=http, timeout_s=timeout_s
            )

    tls = trusting(config.http.ca_file) if config.http.ca_file else None
    async with (
        HttpClient(guard=guard, sock_read_s=config.http.read_timeout, tls=tls) as http,
        asyncio.TaskGroup() as group,
    ):
        tasks = {stream.name: group.create_task(one(stream)) for stream in config.streams}
    return {name: task.result() for name, task in tasks.items()}


def _stream_table(streams: tuple[StreamConfig, ...]) -> Table:
    table = Table("stream", "source", "profile", "renditions", box=None, pad_edge=False)
    table.add_column("display", justify="right")
    table.add_column("depth")
    table.add_column("rules")
    for stream in streams:
        table.add_row(
            stream.name,
            redact(stream.url),
            stream.profile or "–",
            stream.renditions,
            f"{stream.display_height}p",
            stream.depth,
            _rules(stream),
        )
    return table


def _rules(stream: StreamConfig) -> str:
    """The built-in rules as a number, those that differ from them by name."""
    own = [rule.name for rule in stream.rules if rule not in BUILTIN_RULES]
    builtin = len(stream.rules) - len(own)
    return ", ".join([*([f"{builtin} built-in"] if builtin else []), *own]) or "none"


def _summary(count: int, failed: int) -> Text:
    if failed:
        return Text(f"\n{failed} of {count} streams cannot be watched", "bold red")
    return Text(f"\n{count} of {count} streams can be watched", "bold green")


def _probe_view(found: Probe) -> Group:
    verdict = ("cannot be watched", "bold red") if found.error else ("ok", "bold green")
    parts: list[Text | Table] = [Text.assemble("\n", (found.stream, "bold"), "  ", verdict)]
    if found.error:
        parts.append(Text(redact(found.error), "red"))
    if rows := _rows(found):
        table = Table("rendition", "picture", box=None, pad_edge=False)
        for column in ("bandwidth", "segment", "size", "arrived in", "throughput"):
            table.add_column(column, justify="right")
        table.add_column("verdict")
        for rendition, segment in rows:
            table.add_row(*_cells(rendition, segment, watched=rendition.id not in _ignored(found)))
        parts.append(table)
    if len(found.findings) > MAX_FINDINGS:
        parts.append(Text(f"{len(found.findings) - MAX_FINDINGS} earlier findings", "dim"))
    latest = found.findings[-MAX_FINDINGS:]
    parts += [Text(f"{each.reason.value}: {redact(each.message)}", "yellow") for each in latest]
    return Group(*parts)


def _rows(found: Probe) -> list[tuple[Rendition, Segment | None]]:
    ladder = found.ladder or [segment.rendition for segment in found.segments.values()]
    return [(rendition, found.segments.get(rendition.id)) for rendition in ladder]


def _ignored(found: Probe) -> set[str]:
    return {rendition.id for rendition in found.ladder} - set(found.watched)


def _cells(rendition: Rendition, segment: Segment | None, *, watched: bool) -> list[str | Text]:
    picture = f"{rendition.width}×{rendition.height}" if rendition.width and rendition.height else "–"
    head: list[str | Text] = [rendition.id, picture, _rate(rendition.bandwidth_bps)]
    if segment is None:
        verdict = Text("no segment", "red") if watched else Text("not watched", "dim")
        return [*head, "–", "–", "–", "–", verdict]
    throughput = _throughput_bps(segment)
    slow = bool(rendition.bandwidth_bps and throughput and throughput < rendition.bandwidth_bps)
    return [
        *head,
        f"{segment.duration_s:g} s",
        f"{segment.size / 1000:.0f} kB",
        f"{segment.timings.total_s:.2f} s",
        _rate(throughput),
        Text("slower than its bandwidth", "yellow") if slow else Text("ok", "green"),
    ]


def _throughput_bps(segment: Segment) -> float | None:
    spent_s = segment.timings.total_s
    return 8 * segment.timings.bytes / spent_s if spent_s > 0 and segment.timings.bytes else None


def _rate(bps: float | None) -> str:
    return "–" if bps is None else f"{bps / 1e6:.2f} Mbit/s"


def _print_json(fields: dict[str, Any]) -> None:
    typer.echo(orjson.dumps(fields, option=orjson.OPT_INDENT_2).decode())


def _fields(path: Path, config: Config, found: dict[str, Probe]) -> dict[str, Any]:
    streams = [_stream_fields(stream) | _probe_fields(found.get(stream.name)) for stream in config.streams]
    return {"config": str(path), "valid": True, "warnings": list(config.warnings), "streams": streams}


def _stream_fields(stream: StreamConfig) -> dict[str, Any]:
    return {
        "stream": stream.name,
        "source": redact(stream.url),
        "profile": stream.profile,
        "renditions": stream.renditions,
        "display_height": stream.display_height,
        "depth": stream.depth,
        "rules": [rule.name for rule in stream.rules],
    }


def _probe_fields(found: Probe | None) -> dict[str, Any]:
    if found is None:
        return {}
    ignored = _ignored(found)
    ladder = [
        {
            "rendition": rendition.id,
            "width": rendition.width,
            "height": rendition.height,
            "bandwidth_bps": rendition.bandwidth_bps,
            "watched": rendition.id not in ignored,
            "segment_bytes": segment.size if segment else None,
            "segment_s": segment.duration_s if segment else None,
            "arrived_in_s": segment.timings.total_s if segment else None,
        }
        for rendition, segment in _rows(found)
    ]
    return {
        "ok": found.error is None,
        "error": None if found.error is None else redact(found.error),
        "ladder": ladder,
        "findings": [
            {"reason": each.reason.value, "message": redact(each.message)} for each in found.findings
        ],
    }
