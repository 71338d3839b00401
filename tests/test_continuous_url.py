"""URLs of continuous inputs: strictly read, nothing smuggled into FFmpeg, nothing secret shown."""

from __future__ import annotations

from typing import Any

import pytest

from qoed.errors import ErrorReason, SourceError
from qoed.ingest.setup import Setup
from qoed.source import SourceOptions, kind_of, make_source
from qoed.source.address import AddressGuard
from qoed.source.http import HttpClient
from qoed.source.input_options import InputOptions
from qoed.source.input_setup import setup_of
from qoed.source.input_url import parse_input

SECRET = "S3CR3T-S3CR3T"


async def setup(url: str, guard: AddressGuard | None = None, **options: Any) -> Setup:
    return await setup_of(url, SourceOptions(input=InputOptions(**options)), guard or AddressGuard())


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("udp://@239.1.2.3:5000", {"kind": "udp", "host": "239.1.2.3", "port": 5000, "source": None}),
        ("udp://239.1.2.3:5000", {"kind": "udp", "host": "239.1.2.3"}),
        ("udp://10.0.0.7@232.1.2.3:5000", {"host": "232.1.2.3", "source": "10.0.0.7"}),
        ("udp://:5000", {"kind": "udp", "host": "", "port": 5000}),
        ("udp://@[ff02::7]:5000", {"host": "ff02::7"}),
        ("rtp://@239.1.2.3:5004", {"kind": "rtp", "host": "239.1.2.3", "port": 5004}),
        ("srt://127.0.0.1:9000", {"kind": "srt", "host": "127.0.0.1", "listen": False, "latency_ms": None}),
        ("srt://:9000", {"kind": "srt", "host": "", "listen": True}),
        (
            "srt://127.0.0.1:9000?mode=listener&latency=200&passphrase=0123456789&streamid=%23!::r=a",
            {"listen": True, "latency_ms": 200, "passphrase": "0123456789", "streamid": "#!::r=a"},
        ),
        ("rtmp://127.0.0.1/live/key", {"kind": "ffmpeg", "url": "rtmp://127.0.0.1:1935/live/key"}),
        ("rtsp://127.0.0.1/a?channel=1", {"kind": "ffmpeg", "url": "rtsp://127.0.0.1:554/a?channel=1"}),
        ("rtsp://u:p@127.0.0.1:8554/a", {"url": "rtsp://u:p@127.0.0.1:8554/a"}),
        ("http://127.0.0.1/live.ts", {"kind": "pipe"}),
    ],
)
async def test_url_says_what_is_opened(url: str, fields: dict[str, Any]) -> None:
    """Scheme, host, port and the few words of SRT become the child's orders."""
    made = await setup(url)

    assert {name: getattr(made, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("url", "whitelist"),
    [
        ("rtmp://127.0.0.1/live/key", "rtmp,tcp"),
        ("rtmps://127.0.0.1/live/key", "rtmps,tls,tcp"),
        ("rtsp://127.0.0.1/a", "tcp"),
        ("rtsps://127.0.0.1/a", "tls,tcp"),
    ],
)
async def test_ffmpeg_may_use_the_schemes_own_protocols_only(url: str, whitelist: str) -> None:
    """No scheme lets FFmpeg open files, and none another scheme."""
    options = (await setup(url)).options

    assert options["protocol_whitelist"] == whitelist
    assert options.get("tls_verify") == ("1" if "tls" in whitelist else None)


async def test_rtsp_over_udp_needs_two_protocols_more() -> None:
    """Transport UDP is chosen in the configuration, and widens the whitelist by what it needs."""
    options = (await setup("rtsp://127.0.0.1/a", transport="udp")).options

    assert (options["protocol_whitelist"], options["rtsp_transport"]) == ("tcp,udp,rtp", "udp")


@pytest.mark.parametrize(
    ("url", "application"),
    [
        ("rtmp://localhost/live", "live"),
        ("rtmp://localhost/live/key", "live"),
        ("rtmp://localhost/app/instance/key?token=1", "app/instance"),
    ],
)
async def test_rtmp_servers_hear_the_name_of_the_host(url: str, application: str) -> None:
    """The connection goes to the address that was checked; virtual hosts are told their name all the same."""
    made = await setup(url)

    assert made.url.startswith(("rtmp://127.0.0.1:1935/", "rtmp://[::1]:1935/"))
    assert made.options["rtmp_tcurl"] == f"rtmp://localhost:1935/{application}"


HOSTILE = [
    ("rtsp://h/a?tcp", "say how RTSP media come in input.transport"),
    ("rtsp://h/a?x=1&UDP", "say how RTSP media come in input.transport"),
    ("rtsp://h/a?http=1", "say how RTSP media come in input.transport"),
    ("udp://239.1.1.1:5000?fifo_size=9&overrun_nonfatal=1", "options of udp inputs stand in input"),
    ("rtp://239.1.1.1:5000?localrtpport=7", "options of rtp inputs stand in input"),
    ("udp://239.1.1.1:5000/etc/passwd", "a udp URL has no path"),
    ("udp://name@239.1.1.1:5000", "what stands before @ must be a sender's address"),
    ("udp://10.0.0.1@10.0.0.2:5000", "a sender is only chosen for a multicast group"),
    ("udp://239.1.1.1", "the URL needs a port"),
    ("srt://h:1?mode=rendezvous", "mode must be caller or listener"),
    ("srt://h:1?latency=2s", "latency must be whole milliseconds"),
    ("srt://h:1?latency=99999999", "latency must be 0 to 60 seconds"),
    ("srt://h:1?passphrase=short", "passphrase must have 10 to 79 characters"),
    ("srt://h:1?streamid=" + "x" * 600, "streamid must have at most 512 bytes"),
    ("srt://h:1?transtype=file", "the query has 'transtype'"),
    ("srt://h:1?mode=caller&mode=listener", "the query has a word twice"),
    ("srt://:1?mode=caller", "a caller needs a host to call"),
    ("srt://u:p@h:1", "an SRT URL has no user"),
    ("rtmp://h/live/x playpath=y live=1", "the URL has spaces"),
    ("rtmp:///live/x", "the URL needs a host"),
    ("rtsp://h/a\r\nSET_PARAMETER x", "the URL has spaces"),
    ("rtsp://h:99999999/a", "source URL cannot be read"),
    ("file:///etc/passwd", "continuous inputs are"),
    ("concat:udp://h:1|/etc/passwd", "continuous inputs are"),
    ("tcp://h:1", "continuous inputs are"),
    ("async:rtsp://h/a", "continuous inputs are"),
]


@pytest.mark.parametrize(("url", "said"), HOSTILE)
def test_hostile_url_is_refused(url: str, said: str) -> None:
    """Other protocols, options in queries and what does not belong are refused in one line, once for all."""
    with pytest.raises(SourceError) as caught:
        parse_input(url, InputOptions())

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (caught.value.reason, caught.value.retryable) == (ErrorReason.SOURCE_INVALID, False)


@pytest.mark.parametrize("url", ["concat:/etc/passwd", "file:/etc/passwd", "tcp://h:1", "pipe:0", "data:x"])
def test_no_other_protocol_becomes_a_live_input(url: str) -> None:
    """What is not in the list of schemes is a local path at best, and never FFmpeg's to open."""
    try:
        kind = kind_of(url)
    except SourceError:
        kind = "refused"

    assert kind in ("refused", "files")


@pytest.mark.parametrize(
    ("url", "format", "kind"),
    [
        ("udp://@239.1.1.1:5000", "auto", "continuous"),
        ("RTSP://h/a", "auto", "continuous"),
        ("https://h/live.ts", "auto", "download"),
        ("https://h/live.ts", "ts", "continuous"),
        ("https://h/live", "hls", "hls"),
        ("https://h/live.m3u8", "dash", "dash"),
        ("https://h/clip", "file", "download"),
    ],
)
def test_format_says_what_a_url_is(url: str, format: Any, kind: str) -> None:
    """Live schemes speak for themselves; http URLs are what their name or the configuration says."""
    assert kind_of(url, format) == kind


def test_format_must_fit_the_scheme() -> None:
    """A playlist over UDP is a mistake that is named."""
    with pytest.raises(SourceError, match="format hls is not had over udp"):
        kind_of("udp://@239.1.1.1:5000", "hls")


GUARD = AddressGuard()


@pytest.mark.parametrize(
    "url",
    [
        "rtmp://169.254.169.254/latest/meta-data",
        "rtsp://169.254.169.254/a",
        "srt://169.254.169.254:9000",
        "rtsp://[::ffff:169.254.169.254]/a",
        "rtsp://239.1.1.1/a",
        "srt://239.1.1.1:9000",
        "rtmp://0.0.0.0/live/x",
    ],
)
async def test_guarded_addresses_are_not_called(url: str) -> None:
    """Cloud metadata and the like are out of reach, multicast groups are for UDP and RTP alone."""
    with pytest.raises(SourceError, match="address not allowed") as caught:
        await setup(url)
    assert caught.value.reason is ErrorReason.SOURCE_REFUSED


async def test_name_that_does_not_resolve_is_told() -> None:
    """An unknown host is an error to retry."""
    with pytest.raises(SourceError, match="host name does not resolve") as caught:
        await setup("rtsp://no-such-host.invalid/a")
    assert caught.value.retryable


@pytest.mark.parametrize(
    "url",
    [
        f"rtsp://user:{SECRET}@127.0.0.1/a",
        f"rtmp://127.0.0.1/live/x?key={SECRET}",
        f"srt://127.0.0.1:9000?passphrase={SECRET}",
        f"srt://127.0.0.1:9000?streamid={SECRET}",
    ],
)
async def test_secrets_are_in_no_repr(url: str) -> None:
    """Neither the parsed URL nor the child's orders show a secret when they are printed."""
    parsed, options = parse_input(url, InputOptions())
    made = await setup(url)
    async with HttpClient() as http:
        source = make_source("s", url, SourceOptions(), http=http)

    assert SECRET in str(made.fields())  # it does get there
    for thing in (parsed, options, made, source, SourceOptions(input=options)):
        assert SECRET not in repr(thing)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"program": 0}, "program must be 1 to 65535"),
        ({"segment_s": 0.1}, "segment must be 0.5 to 10 seconds"),
        ({"segment_s": 11}, "segment must be 0.5 to 10 seconds"),
        ({"timeout_s": 0}, "timeout and buffer must be above 0"),
        ({"latency_s": -1}, "latency must be 0 to 60 seconds"),
        ({"passphrase": "short"}, "passphrase must have 10 to 79 characters"),
        ({"streamid": "ä" * 300}, "streamid must have at most 512 bytes"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, Any], said: str) -> None:
    """A value that cannot be used is refused in one line."""
    with pytest.raises(ValueError, match=f"^{said}$"):
        InputOptions(**options)
