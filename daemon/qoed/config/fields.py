"""What the keys of the file may hold: names, URLs, networks, checks and findings, with messages that help."""

from __future__ import annotations

import ipaddress
import re
from difflib import get_close_matches
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema

from qoed.checks import CATALOGUE
from qoed.reason import Reason

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SCHEMES = ("http", "https", "udp", "rtp", "srt", "rtmp", "rtmps", "rtsp", "rtsps")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_NAME_HELP = "use letters, digits, _ . and -, at most 64, starting with a letter or digit"


def _name(value: object) -> str:
    if isinstance(value, bool | int | float):
        raise ValueError(f"a name is text; put it in quotes: '{value}'")
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} cannot be a name; {_NAME_HELP}")
    return value


def _url(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("needs an http(s) URL or a path")
    scheme, separator, _rest = value.partition("://")
    if separator and scheme.lower() not in _SCHEMES:
        raise ValueError(f"scheme {scheme} is not supported; use {', '.join(_SCHEMES)} or a path")
    return value


def _redis_url(value: str | None) -> str | None:
    if value is not None and value.partition("://")[0] not in ("redis", "rediss", "unix"):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return value


def _selector(value: object) -> str:
    from qoed.source.selector import parse_selector

    if not isinstance(value, str):
        raise ValueError("needs all, top or a selector such as 720p or height<=720")
    try:
        parse_selector(value)
    except ValueError as error:
        raise ValueError(str(error).removeprefix("renditions: ")) from None
    return value


def _networks(value: object) -> tuple[Network, ...]:
    if not isinstance(value, list):
        raise ValueError("needs a list of networks such as [169.254.10.0/24]")
    networks: list[Network] = []
    for text in value:
        try:
            networks.append(ipaddress.ip_network(text if isinstance(text, str) else ""))
        except ValueError:
            raise ValueError(f"{text!r} is not a network; write it like 169.254.10.0/24") from None
    return tuple(networks)


def _checks(value: object) -> dict[Reason, float | bool]:
    if not isinstance(value, dict):
        raise ValueError("needs check names with off, on or a limit, such as {variant_drift: 5}")
    checks: dict[Reason, float | bool] = {}
    for name, setting in value.items():
        if name not in list(Reason):
            near = get_close_matches(str(name), list(Reason), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"there is no check {name!r}{hint}; docs/checks.md lists them")
        reason = Reason(name)
        if reason.domain == "probe":
            raise ValueError(f"{name} is about qoed itself and cannot be changed")
        setting = {"on": True, "off": False}.get(setting, setting) if isinstance(setting, str) else setting
        if not isinstance(setting, bool | int | float) or setting < 0:
            raise ValueError(f"{name} needs off, on or a limit of 0 or more, not {setting!r}")
        if not isinstance(setting, bool) and CATALOGUE[reason].limit is None:
            raise ValueError(f"{name} has no limit to change; use on or off")
        checks[reason] = setting if isinstance(setting, bool) else float(setting)
    return checks


def _findings(value: object) -> tuple[Reason, ...] | None:
    """One name or a list of them."""
    if value is None:
        return None
    names = value if isinstance(value, list | tuple) else [value]
    for name in names:
        if name not in list(Reason):
            near = get_close_matches(str(name), list(Reason), n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(f"there is no finding {name!r}; {hint}docs/checks.md lists them")
    return tuple(Reason(name) for name in dict.fromkeys(names))


def _none_is_empty(value: object) -> object:
    return {} if value is None else value


Name = Annotated[str, PlainValidator(_name), WithJsonSchema({"type": "string", "pattern": _NAME.pattern})]
Url = Annotated[str, PlainValidator(_url), WithJsonSchema({"type": "string"})]
RedisUrl = Annotated[str | None, AfterValidator(_redis_url)]
Selector = Annotated[str, PlainValidator(_selector), WithJsonSchema({"type": "string", "default": "all"})]
Networks = Annotated[
    tuple[Network, ...],
    PlainValidator(_networks),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
Checks = Annotated[
    dict[Reason, float | bool],
    PlainValidator(_checks),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"enum": [reason.value for reason in Reason if reason.domain != "probe"]},
            "additionalProperties": {"anyOf": [{"enum": ["on", "off"]}, {"type": "number", "minimum": 0}]},
        }
    ),
]
_FINDING = {"enum": [reason.value for reason in Reason]}
Findings = Annotated[
    tuple[Reason, ...] | None,
    PlainValidator(_findings),
    WithJsonSchema({"anyOf": [_FINDING, {"type": "array", "items": _FINDING}, {"type": "null"}]}),
]
"""Findings by name, one or a list."""
NoneIsEmpty = BeforeValidator(_none_is_empty)
"""A mapping whose keys are all commented out is an empty one."""
