"""`input:` of a stream: how a continuous input is opened and cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr

from qoed.config.section import Header, Section, Text
from qoed.config.units import Seconds, SecondsOrZero, Size

if TYPE_CHECKING:
    from qoed.source.input_options import InputOptions

_SECRET_WORDS = ("passphrase", "streamid")


class Input(Section):
    """Continuous inputs: UDP, RTP, SRT, RTMP, RTSP, and HTTP with `format: ts`."""

    program: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = None
    """Program number in a transport stream of several; without one, the first that the PAT lists."""
    segment: Seconds = 2.0
    """Scoring segments end with the first key frame after so long, at the latest after 10s."""
    timeout: Seconds = 10.0
    """Opening may take so long; so long a silence ends the connection, and it is opened anew."""
    buffer: Size = 8 << 20
    """UDP, RTP: receive buffer; the kernel gives at most net.core.rmem_max."""
    interface: Text | None = None
    """UDP, RTP: interface (eth1) on which a multicast group is joined."""
    transport: Literal["tcp", "udp"] = "tcp"
    """RTSP: how media come."""
    verify: bool = True
    """RTMPS, RTSPS: false accepts any certificate."""
    mode: Literal["caller", "listener"] | None = None
    """SRT: who connects; the URL may say it, too."""
    latency: SecondsOrZero | None = None
    """SRT: time for retransmission (default 120ms); the URL may say it in milliseconds."""
    passphrase: Header | None = Field(default=None, repr=False)
    """SRT: a text of 10 to 79 characters, `{env: VARIABLE}` or `{file: PATH}`."""
    streamid: Header | None = Field(default=None, repr=False)
    """SRT: what to ask the other side for; a text, `{env: VARIABLE}` or `{file: PATH}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputConfig:
    """`input:` with its secrets."""

    section: Input = field(default_factory=Input)
    passphrase: SecretStr | None = None
    streamid: SecretStr | None = None

    @classmethod
    def of(cls, section: Input, folder: Path) -> InputConfig:
        """With secrets read. Raises `ValueError` saying what is missing or cannot be."""
        said = {
            word: source.resolve(folder)
            for word in _SECRET_WORDS
            if (source := getattr(section, word)) is not None
        }
        config = cls(section=section, **said)
        config.options(None)
        return config

    def options(self, ca_file: str | None) -> InputOptions:
        """What the source needs to know."""
        from qoed.source.input_options import InputOptions

        section = self.section
        return InputOptions(
            program=section.program,
            segment_s=section.segment,
            timeout_s=section.timeout,
            buffer_bytes=section.buffer,
            interface=section.interface,
            transport=section.transport,
            verify=section.verify,
            ca_file=ca_file,
            mode=section.mode,
            latency_s=section.latency,
            passphrase=self.passphrase.get_secret_value() if self.passphrase else None,
            streamid=self.streamid.get_secret_value() if self.streamid else None,
        )

    def secrets(self) -> Iterator[str]:
        """Every secret value."""
        for value in (self.passphrase, self.streamid):
            if value is not None:
                yield value.get_secret_value()


def check_input(url: str, config: InputConfig) -> None:
    """Whether `url` can be opened with `config`, as far as words tell. Raises `ValueError`."""
    from qoed.errors import SourceError
    from qoed.source.input_url import SCHEMES, parse_input
    from qoed.source.url import redact

    if url.partition("://")[0].lower() in SCHEMES:
        try:
            parse_input(url, config.options(None))
        except SourceError as error:
            raise ValueError(str(error).removeprefix(f"{redact(url)}: ")) from None


def url_secrets(url: str) -> Iterator[str]:
    """What in a stream's URL is secret by its name."""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return
    if password:
        yield password
    if parts.scheme == "srt":
        for word, value in parse_qsl(parts.query):
            if word in _SECRET_WORDS:
                yield value
