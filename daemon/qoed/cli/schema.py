"""`qoed schema`: the contracts that consumers and editors can check against."""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import files
from typing import Annotated, Any

import orjson
import typer


class SchemaName(StrEnum):
    """What has a published schema: the four payloads and the configuration."""

    SCORE = "score"
    ALERT = "alert"
    EVENT = "event"
    STATUS = "status"
    CONFIG = "config"


def schema_command(
    name: Annotated[
        SchemaName | None, typer.Argument(help="Which one; all in one object when left out.")
    ] = None,
) -> None:
    """Print the JSON Schema of a payload that qoed publishes, or of its configuration."""
    wanted: Any = load_schema(name) if name else {each.value: load_schema(each) for each in SchemaName}
    typer.echo(orjson.dumps(wanted, option=orjson.OPT_INDENT_2).decode())


def load_schema(name: SchemaName) -> dict[str, Any]:
    """A schema as JSON data."""
    if name is SchemaName.CONFIG:
        from qoed.config import Config

        return Config.model_json_schema()
    text = files("qoed.publish").joinpath("schemas", f"{name.value}.json").read_bytes()
    schema: dict[str, Any] = orjson.loads(text)
    return schema
