"""`qoed`: one table of commands, each in its own module that is imported only when it runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from qoed import __version__
from qoed.cli.failure import report


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command lives (`function` of `module`) and its line in `qoed --help`."""

    module: str
    function: str
    summary: str


COMMANDS = {
    "run": Command("qoed.cli.run", "run_command", "Run the daemon."),
    "check": Command("qoed.cli.check", "check_command", "Validate a configuration and probe its streams."),
    "score": Command("qoed.cli.score", "score_command", "Score a video, a picture or a playlist."),
    "tail": Command("qoed.cli.tail", "tail_command", "Watch live scores and alerts as a table."),
    "schema": Command("qoed.cli.schema", "schema_command", "Print the JSON Schemas of payloads and config."),
    "demo": Command("qoed.demo.run", "demo_command", "Two minutes: a live ladder with injected faults."),
}


class _LazyGroup(TyperGroup):
    """Shows stubs in the help and puts the real command in the stub's place when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, stub, rest = super().resolve_command(ctx, args)
        if name is None:
            return name, stub, rest
        command = COMMANDS[name]
        function = getattr(import_module(command.module), command.function)
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(name, help=function.__doc__ or command.summary)(function)
        return name, typer.main.get_command(single), rest


app = typer.Typer(
    name="qoed",
    cls=_LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they print local variables, and with them secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _stub() -> None:
    """Never called: `_LazyGroup` replaces it."""


for _name, _command in COMMANDS.items():
    app.command(_name, help=_command.summary)(_stub)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qoed {__version__}")
        raise typer.Exit


@app.callback()
def _qoed(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Streaming-video quality monitor: live streams in, quality scores and alerts out through Redis."""


def main() -> None:
    """Entry point: every failure ends in one clear line and an exit code of `ExitCode`."""
    try:
        app(prog_name="qoed")
    except Exception as error:
        sys.exit(report(error))
