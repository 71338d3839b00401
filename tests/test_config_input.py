"""`input:` and `format:` in the configuration: units, layers, secrets, mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from qoed.config import Config, load_config
from qoed.errors import ConfigError
from qoed.source.input_options import InputOptions

SECRET = "S3CR3T-S3CR3T"


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load_config(path)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/config.yaml:", "").splitlines()


def test_every_key_arrives(tmp_path: Path) -> None:
    """What is said of an input is what its source is asked, in seconds and bytes."""
    config = load(
        tmp_path,
        """
streams:
  - name: feed
    url: udp://@239.1.1.1:5000
    format: ts
    input:
      {program: 3, segment: 4s, timeout: 500ms, buffer: 1MiB, interface: eth1, transport: udp, verify: false,
       mode: listener, latency: 250ms, passphrase: 0123456789, streamid: one}
""".replace("0123456789", "'0123456789'"),
    )
    options = config.streams[0].source_options()

    assert options.format == "ts"
    assert options.input == InputOptions(
        program=3,
        segment_s=4.0,
        timeout_s=0.5,
        buffer_bytes=1 << 20,
        interface="eth1",
        transport="udp",
        verify=False,
        mode="listener",
        latency_s=0.25,
        passphrase="0123456789",
        streamid="one",
    )


def test_defaults_are_the_sources_own(tmp_path: Path) -> None:
    """A stream of which nothing is said gets the source's defaults."""
    config = load(tmp_path, "streams: [{name: a, url: 'rtsp://h/a'}]\n")

    assert config.streams[0].source_options().input == InputOptions()
    assert config.streams[0].source_options().format == "auto"


def test_layers_are_merged_key_by_key(tmp_path: Path) -> None:
    """Defaults give way to the profile and the profile to the stream, within `input` too."""
    config = load(
        tmp_path,
        """
defaults: {input: {timeout: 3s, latency: 1s}}
profiles: {far: {input: {latency: 2s}}}
streams:
  - {name: a, url: "srt://h:1", profile: far, input: {segment: 3s}}
""",
    )
    found = config.streams[0].source_options().input

    assert (found.timeout_s, found.latency_s, found.segment_s) == (3.0, 2.0, 3.0)


def test_secrets_come_from_file_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passphrase and stream id may stand elsewhere, and no repr of the configuration shows them."""
    (tmp_path / "pass").write_text(f"{SECRET}\n")
    monkeypatch.setenv("LINK_ID", f"{SECRET}-id")
    config = load(
        tmp_path,
        """
streams:
  - {name: a, url: "srt://h:1", input: {passphrase: {file: pass}, streamid: {env: LINK_ID}}}
""",
    )
    found = config.streams[0].source_options().input

    assert (found.passphrase, found.streamid) == (SECRET, f"{SECRET}-id")
    assert set(config.secrets()) == {SECRET, f"{SECRET}-id"}
    assert SECRET not in repr(config)


@pytest.mark.parametrize(
    "url",
    [f"srt://h:1?passphrase={SECRET}", f"srt://h:1?streamid={SECRET}", f"rtsp://user:{SECRET}@h/a"],
)
def test_secrets_of_urls_are_known_to_the_log(tmp_path: Path, url: str) -> None:
    """What is secret in a URL is masked wherever it turns up."""
    assert list(load(tmp_path, f"streams: [{{name: a, url: '{url}'}}]\n").secrets()) == [SECRET]


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ("url: 'udp://239.1.1.1'", "streams[0].url: the URL needs a port"),
        (
            "url: 'udp://239.1.1.1:5?fifo_size=1'",
            "streams[0].url: options of udp inputs stand in input, not in the URL",
        ),
        ("url: 'srt://h:1?mode=both'", "streams[0].url: mode must be caller or listener"),
        (
            "url: 'rtsp://h/a?tcp'",
            "streams[0].url: say how RTSP media come in input.transport, not in the URL",
        ),
        (
            f"url: 'srt://h:1?passphrase={SECRET}&x={SECRET}'",
            "streams[0].url: the query has 'x'; it may have mode, latency, passphrase, streamid, once each",
        ),
        (
            "url: 'srt://h:1', input: {latenci: 1s}",
            "streams[0].input.latenci: unknown key; did you mean latency?",
        ),
        (
            "url: 'srt://h:1', input: {passphrase: short}",
            "streams[0].input: passphrase must have 10 to 79 characters",
        ),
        (
            "url: 'srt://h:1', input: {passphrase: {env: NOT_SET_ANYWHERE}}",
            "streams[0].input: environment variable NOT_SET_ANYWHERE is not set; set it for the qoed process",
        ),
        ("url: 'srt://h:1', input: {segment: 20s}", "streams[0].input: segment must be 0.5 to 10 seconds"),
        (
            "url: 'srt://h:1', input: {latency: 200}",
            "streams[0].input.latency: 200 has no unit; write it like 500ms, 10s, 5m or 1h",
        ),
        (
            "url: 'udp://@239.1.1.1:5', input: {program: 0}",
            "streams[0].input.program: must be at least 1, got 0",
        ),
        (
            "url: 'https://h/a.ts', format: mpegts",
            "streams[0].format: 'mpegts' is not one of auto, hls, dash, ts, file",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, stream: str, said: str) -> None:
    """What cannot be is told with line, key and remedy, and without secrets."""
    assert mistakes(tmp_path, f"streams: [{{name: a, {stream}}}]\n") == [f"1: {said}"]
