"""The configuration file: what it means, how layers combine, and that the shipped one documents every key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from qoed.alert.rule import PROBE_STREAM, Metric, Rule
from qoed.checks import CATALOGUE
from qoed.config import BUILTIN_RULES, Config, StreamConfig, config_schema, load_config
from qoed.config.explain import keys_at
from qoed.config.units import duration_text, parse_duration, parse_size
from qoed.decode.options import DecodeOptions
from qoed.errors import ConfigError
from qoed.model import Reason, Severity
from qoed.publish.options import RedisOptions
from qoed.source.options import SourceOptions

SHIPPED = Path(__file__).parents[1] / "config.yaml"
PLAIN = "https://example.com/live.m3u8"


def load(tmp_path: Path, text: str) -> Config:
    """The configuration that `text` amounts to."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load_config(path)


def one_stream(tmp_path: Path, text: str) -> StreamConfig:
    """The only stream of `text`."""
    (stream,) = load(tmp_path, text).streams
    return stream


def rule(stream: StreamConfig, name: str) -> Rule:
    """A stream's rule by name."""
    return next(each for each in stream.rules if each.name == name)


def test_shipped_config_is_the_default() -> None:
    """The shipped config.yaml starts as it is, and says exactly what leaving everything out would mean."""
    config = load_config(SHIPPED)

    assert config == Config(warnings=("streams is empty: nothing is watched; add a stream and reload",))


def every_key(schema: dict[str, Any]) -> set[str]:
    """All keys that a JSON Schema names."""
    models = [schema, *schema.get("$defs", {}).values()]
    return {key for model in models for key in model.get("properties", {})}


def test_shipped_config_documents_every_key() -> None:
    """Every key of the schema is in the shipped config.yaml, set or as an example."""
    text = SHIPPED.read_text()
    missing = {key for key in every_key(config_schema()) if not re.search(rf"\b{key}:", text)}

    assert not missing


def test_shipped_config_names_every_builtin_rule() -> None:
    """The shipped config.yaml lists every built-in rule by name."""
    text = SHIPPED.read_text()

    assert [each.name for each in BUILTIN_RULES if not re.search(rf"\b{each.name}\b", text)] == []


def test_shipped_examples_work(tmp_path: Path) -> None:
    """The commented examples of the shipped config.yaml are valid once uncommented."""
    text = SHIPPED.read_text()
    for key in ("rules: \\[\\]", "profiles: {}", "streams: \\[\\]"):
        text = re.sub(rf"^ *{key}\n", "", text, flags=re.MULTILINE)
    start = text.index("  # rules:")
    text = text[:start] + re.sub(r"^( *)# ", r"\1", text[start:], flags=re.MULTILINE)

    stream, *inputs = load(tmp_path, text).streams

    assert stream.name == "arena"
    assert [each.name for each in inputs] == ["feed", "link", "camera"]
    assert inputs[0].source_options().input.interface == "eth1"
    assert stream.display_height == 720
    assert stream.depth == "full"
    assert rule(stream, "low_quality").below == 40
    assert rule(stream, "gaps").count == 3
    assert all(each.name != "silence" for each in stream.rules)


def test_empty_file(tmp_path: Path) -> None:
    """An empty file is a valid configuration that watches nothing and says so."""
    assert load(tmp_path, "").warnings == ("streams is empty: nothing is watched; add a stream and reload",)
    assert load(tmp_path, "redis:\nstreams:\nprofiles:\ndefaults:\n").streams == ()


def test_nearest_layer_wins(tmp_path: Path) -> None:
    """Defaults give way to the profile and the profile to the stream, key by key, also in nested options."""
    stream = one_stream(
        tmp_path,
        f"""
defaults: {{display_height: 720, depth: full, black: {{duration: 4s, pixel_level: 0.2}}}}
profiles: {{tv: {{display_height: 2160, black: {{duration: 5s}}}}}}
streams: [{{name: a, url: {PLAIN}, profile: tv, black: {{picture_share: 0.9}}}}]
""",
    )

    assert stream.display_height == 2160
    assert stream.depth == "full"
    assert (stream.black.duration, stream.black.pixel_level, stream.black.picture_share) == (5.0, 0.2, 0.9)


def test_rules_override_by_name(tmp_path: Path) -> None:
    """A rule without metric and finding changes only what it names of the inherited rule."""
    stream = one_stream(
        tmp_path,
        f"""
defaults: {{rules: [{{name: low_quality, for: 20s}}, {{name: black, enabled: false}}]}}
profiles: {{tv: {{rules: [{{name: low_quality, below: 10}}, {{name: own, finding: freeze, for: 1m}}]}}}}
streams:
  - name: a
    url: {PLAIN}
    profile: tv
    rules: [{{name: black, enabled: on}}, {{name: own, severity: info}}, {{name: freeze, enabled: no}}]
""",
    )
    low, builtin = rule(stream, "low_quality"), next(r for r in BUILTIN_RULES if r.name == "low_quality")

    assert (low.below, low.for_s) == (10, 20)
    assert (low.clear, low.severity, low.metric) == (builtin.clear, builtin.severity, builtin.metric)
    assert rule(stream, "black").finding is Reason.BLACK
    assert rule(stream, "own") == Rule(name="own", finding=Reason.FREEZE, for_s=60.0, severity=Severity.INFO)
    assert "freeze" not in {each.name for each in stream.rules}


def test_rules_refer_to_context_and_to_several_findings(tmp_path: Path) -> None:
    """A rule can be held by findings and made of a list of them; an empty list takes the hold off again."""
    stream = one_stream(
        tmp_path,
        f"""
defaults: {{rules: [{{name: quality_drop, unless: [ad_break, slate], unless_hold: 20s}}]}}
profiles: {{tv: {{rules: [{{name: freeze, unless: slate}}, {{name: own, finding: [segment_gap, damage]}}]}}}}
streams: [{{name: a, url: {PLAIN}, profile: tv, rules: [{{name: freeze, unless: []}}]}}]
""",
    )

    drop = rule(stream, "quality_drop")
    assert (drop.unless, drop.unless_hold_s) == ((Reason.AD_BREAK, Reason.SLATE), 20)
    assert rule(stream, "freeze").unless == ()
    assert rule(stream, "own").findings == (Reason.SEGMENT_GAP, Reason.DAMAGE)


def test_every_serious_finding_has_a_builtin_rule() -> None:
    """What is critical alerts by default as such, warnings alert at least mildly, information does not."""
    severity = {reason: each.severity for each in BUILTIN_RULES for reason in each.findings}
    by_catalogue = {reason: check.severity for reason, check in CATALOGUE.items()}
    serious = {reason for reason, wanted in by_catalogue.items() if wanted is not Severity.INFO}

    assert serious - severity.keys() == {Reason.DECODER_RESTARTED}
    assert severity.keys() - serious == set()
    assert all(
        severity[reason] is Severity.CRITICAL
        for reason, wanted in by_catalogue.items()
        if wanted is Severity.CRITICAL
    )
    assert not any(reason.domain == "context" for reason in severity)


def test_rule_with_metric_replaces(tmp_path: Path) -> None:
    """A rule that names a metric or a finding owes nothing to the inherited rule of its name."""
    stream = one_stream(
        tmp_path,
        f"""
streams:
  - name: a
    url: {PLAIN}
    rules: [{{name: low_quality, metric: score.hi, window: 1m, below: 30}}]
""",
    )

    assert rule(stream, "low_quality") == Rule(name="low_quality", metric=Metric.HI, window_s=60.0, below=30)


def test_probe_rules(tmp_path: Path) -> None:
    """Rules about the daemon itself come from the defaults and stand under a name no stream can have."""
    config = load(tmp_path, "defaults: {rules: [{name: overloaded, severity: info}]}")
    own = {each.name: each for each in config.rules()[PROBE_STREAM]}

    assert own.keys() == {"overloaded", "engine_fault", "redis_unavailable"}
    assert own["overloaded"].severity is Severity.INFO
    with pytest.raises(ConfigError, match="cannot be a name"):
        load(tmp_path, f"streams: [{{name: {PROBE_STREAM}, url: {PLAIN}}}]")


def test_options_match_the_stages(tmp_path: Path) -> None:
    """A stream without options asks of source, decoder and publisher exactly what these do by themselves."""
    stream = StreamConfig(name="a", url=PLAIN)
    config = load(tmp_path, "")

    assert stream.source_options() == SourceOptions()
    assert stream.decode_options() == DecodeOptions()
    assert config.redis.options("unix:///r.sock") == RedisOptions(url="unix:///r.sock")


def test_options_reach_the_stages(tmp_path: Path) -> None:
    """What the file says about a stream arrives at its source and its decoder."""
    stream = one_stream(
        tmp_path,
        f"""
http: {{deadline: 3s, playlist_deadline: 2s, max_segment_bytes: 1MiB}}
decode: {{max_pixels: 1000000}}
streams:
  - name: a
    url: {PLAIN}
    renditions: height<=720
    start_segments: 2
    low_latency: false
    stale_after: 12s
    headers: {{X-Tag: one}}
    depth: extra_light
    silence: {{duration: 10s, level_db: -50}}
    loudness: {{min_lufs: -30, max_lufs: -10}}
    blockiness: {{max: 5}}
""",
    )
    source, decode = stream.source_options(), stream.decode_options()

    assert not source.low_latency
    assert (source.renditions, source.start_segments, source.stale_after_s) == ("height<=720", 2, 12.0)
    assert (source.segment_deadline_max_s, source.playlist_deadline_s) == (3.0, 2.0)
    assert (source.max_segment_bytes, source.headers) == (1 << 20, {"X-Tag": "one"})
    assert (decode.depth, decode.max_pixels, decode.blockiness_max) == ("extra_light", 1_000_000, 5)
    assert (decode.silence_duration_s, decode.silence_noise_db) == (10.0, -50)
    assert (decode.loudness_min_lufs, decode.loudness_max_lufs) == (-30, -10)


def test_workers(tmp_path: Path) -> None:
    """Without a number, there is at least one decoder process; with one, exactly so many."""
    assert load(tmp_path, "").decode.worker_count() >= 1
    assert load(tmp_path, "decode: {workers: 3}").decode.worker_count() == 3


def test_yaml_1_1_traps(tmp_path: Path) -> None:
    """Words stay words: a stream may be called no, on or 1e3, and 1:30 is no number of seconds."""
    config = load(tmp_path, f"streams: [{{name: no, url: {PLAIN}}}, {{name: on, url: {PLAIN}}}]")

    assert [stream.name for stream in config.streams] == ["no", "on"]
    with pytest.raises(ConfigError, match="'1:30' is not a duration; write it like 500ms, 10s, 5m or 1h"):
        load(tmp_path, "redis: {last_ttl: 1:30}")
    with pytest.raises(ConfigError, match="needs a whole number, got '010'"):
        load(tmp_path, "engine: {batch_size: 010}")


def test_relative_paths(tmp_path: Path) -> None:
    """Relative paths start at the file's folder, wherever the daemon was started."""
    config = load(tmp_path, "engine: {weights: net/own.json}\nstreams: [{name: a, url: clips/a.mp4}]")

    assert config.engine.weights == tmp_path / "net" / "own.json"
    assert config.streams[0].url == str(tmp_path / "clips" / "a.mp4")


def test_secrets_are_found_and_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets come from files and the environment, reach the stages, and show in no repr."""
    (tmp_path / "password").write_text("S3CR3T-redis\n")
    monkeypatch.setenv("QOED_TEST_TOKEN", "S3CR3T-token")
    config = load(
        tmp_path,
        f"""
redis: {{url: "redis://me:S3CR3T-url@host", password_file: password}}
streams:
  - name: a
    url: {PLAIN}?token=S3CR3T-query
    headers: {{Authorization: {{env: QOED_TEST_TOKEN}}, X-Key: S3CR3T-literal, X-File: {{file: password}}}}
""",
    )
    headers = config.streams[0].source_options().headers

    assert config.redis.options("unix:///r.sock").password == "S3CR3T-redis"
    assert headers == {"Authorization": "S3CR3T-token", "X-Key": "S3CR3T-literal", "X-File": "S3CR3T-redis"}
    assert set(config.secrets()) == {"S3CR3T-redis", "S3CR3T-token", "S3CR3T-literal"}
    assert "S3CR3T" not in repr(config)


def test_systemd_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Redis password can come from systemd's LoadCredential without a word in the file."""
    (tmp_path / "redis-password").write_text("from-systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert list(load(tmp_path, "").secrets()) == ["from-systemd"]


def test_headers_merge_by_name(tmp_path: Path) -> None:
    """A stream's header replaces the inherited one of that name, whatever its case, and keeps the others."""
    stream = one_stream(
        tmp_path,
        "defaults: {headers: {User-Agent: tv, X-A: one}}\n"
        f"streams: [{{name: a, url: {PLAIN}, headers: {{user-agent: phone}}}}]",
    )

    assert stream.source_options().headers == {"user-agent": "phone", "X-A": "one"}


def test_unused_profile_is_mentioned(tmp_path: Path) -> None:
    """A profile that no stream uses is worth a warning, not an error."""
    config = load(tmp_path, f"profiles: {{tv: {{}}}}\nstreams: [{{name: a, url: {PLAIN}}}]")

    assert config.warnings == ("profile tv is not used by any stream",)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("10s", 10), ("1.5m", 90), ("2 h", 7200), ("0s", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    """Durations are written with their unit."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("value", [10, "10", "10 sec", "s", "-1s", "1:30", True, None, [1]])
def test_durations_need_a_unit(value: object) -> None:
    """A duration without a known unit is refused with how to write it."""
    with pytest.raises(ValueError, match="write it like 500ms, 10s, 5m or 1h"):
        parse_duration(value)


def test_sizes() -> None:
    """Sizes are written with binary or decimal units."""
    assert [parse_size(text) for text in ("64KiB", "2MiB", "1GiB", "5kB", "7 B")] == [
        65536,
        2097152,
        1 << 30,
        5000,
        7,
    ]
    assert [duration_text(seconds) for seconds in (0.5, 10, 60, 90, 3600)] == [
        "500ms",
        "10s",
        "1m",
        "90s",
        "1h",
    ]


def test_schema_accepts_the_shipped_config() -> None:
    """The published JSON Schema accepts the shipped file and refuses unknown keys."""
    schema = config_schema()
    shipped = yaml.safe_load(SHIPPED.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)

    jsonschema.validate(shipped, schema)
    for model in [schema, *schema["$defs"].values()]:
        for field in model.get("properties", {}).values():
            if field.get("default") is not None:
                jsonschema.validate(field["default"], field | {"$defs": schema["$defs"]})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(shipped | {"reddis": {}}, schema)


def test_schema_describes_every_key() -> None:
    """An editor can show what each key means."""
    schema = config_schema()
    bare = {
        f"{name}.{key}"
        for name, model in schema["$defs"].items()
        for key, field in model.get("properties", {}).items()
        if "description" not in field and "$ref" not in field and "allOf" not in field
    }

    assert not bare
    assert {"redis", "streams"} <= set(keys_at(()))
