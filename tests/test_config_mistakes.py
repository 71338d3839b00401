"""One tiny file for each mistake that people make, and the exact line that they get for it."""

# ruff: noqa: E501  (messages stand here as people read them, on one line)

from __future__ import annotations

from pathlib import Path

import pytest

from qoed.config import load_config
from qoed.errors import ConfigError, ErrorReason

CONFIGS = Path(__file__).parent / "configs"

# After `<file>.yaml:`, the line comes first.
MISTAKES = {
    "bad_network": "2: http.allow_networks: '169.254.1' is not a network; write it like 169.254.10.0/24",
    "bad_selector": "2: defaults.renditions: unknown field 'size' in 'size<=720'; known: height, width, bandwidth, fps",
    "black_share": "3: defaults.black.picture_share: must be at most 1, got 98",
    "clear_below_threshold": "7: defaults.rules[0].clear: rule low_quality: clear 30 must be above below 40, or the alert would clear while still in trouble",
    "duplicate_key": "5: log: duplicate key, first given on line 1; keep one",
    "duplicate_name": "4: streams[1].name: duplicate name arena, first used on line 2; names must differ",
    "finding_with_level": "4: defaults.rules[0].below: rule freeze: below is for rules with a metric, this one has finding freeze; remove it",
    "level_out_of_range": "6: defaults.rules[0].below: rule holes: below 50 is out of range; coverage goes from 0 to 1",
    "loudness_crossed": "3: profiles.film.loudness: min_lufs -28 must be below max_lufs -30",
    "merge_key": "5: profiles.more: YAML merge keys (<<) are not supported; use a profile",
    "metric_and_finding": "5: defaults.rules[0].finding: rule both: has a metric and a finding; make two rules of it",
    "misplaced_key": "1: batch_size: unknown key; batch_size belongs under engine",
    "missing_url": "2: streams[0]: missing key url; add it",
    "no_findings": "4: defaults.rules[0].finding: rule nothing: has an empty list of findings; name at least one",
    "no_level": "4: defaults.rules[0].metric: rule dip: metric score.mean needs a level; add below or above",
    "no_such_profile": "7: streams[0].profile: there is no profile sports; known: sport",
    "no_such_rule": "4: profiles.radio.rules[0]: there is no rule low_qualty to change; a new rule needs a metric (score.mean, score.p05, score.min, score.lo, score.hi, score.drop, score.vs_top, score.vs_top_drop, coverage) or a finding; did you mean low_quality?",
    "no_unit": "2: redis.last_ttl: 60 has no unit; write it like 500ms, 10s, 5m or 1h",
    "not_a_list": "1: streams: needs a list, each item on a line that begins with -; got a mapping",
    "not_a_mapping": "1: redis: needs keys below it, indented; got text",
    "number_as_name": "2: streams[0].name: a name is text; put it in quotes: '7'",
    "password_file_missing": "2: redis.password_file: cannot read no-such-secret (No such file or directory); check path and permissions",
    "password_in_file": "3: redis.password: a password does not belong in the file; use password_file or password_env",
    "password_twice": "3: redis.password_env: password_file is given as well; keep one of them",
    "password_variable_unset": "2: redis.password_env: environment variable QOED_TEST_UNSET is not set; set it for the qoed process",
    "rule_twice": "5: defaults.rules[1].name: rule black is given twice in this list; keep one",
    "secret_header_number": "5: streams[0].headers.X-Token: cannot be a header's value; write a text, {env: VARIABLE} or {file: PATH}",
    "tabs": "2: not valid YAML: found character '\\t' that cannot start any token; indent with spaces, not tabs",
    "tag": "1: log: YAML tag tag:yaml.org,2002:python/object:os.system is not supported; remove it",
    "threshold_above_inherited_clear": "6: streams[0].rules[0].below: rule low_quality: clear 20 must be above below 60, or the alert would clear while still in trouble",
    "too_small": "2: engine.batch_size: must be at least 1, got 0",
    "unknown_finding": "4: defaults.rules[0].finding: there is no finding 'frozen'; did you mean freeze? docs/checks.md lists them",
    "unknown_key": "4: streams[0].display_hight: unknown key; did you mean display_height?",
    "unknown_metric": "4: defaults.rules[0].metric: 'score.p5' is not one of score.mean, score.p05, score.min, score.lo, score.hi, score.drop, score.vs_top, score.vs_top_drop, coverage; did you mean score.p05?",
    "unknown_section": "1: reddis: unknown key; did you mean redis?",
    "unknown_unless": "4: defaults.rules[0].unless: there is no finding 'ad_brake'; did you mean ad_break? docs/checks.md lists them",
    "unless_own_finding": "4: defaults.rules[0].unless: rule freeze: is held by its own finding freeze and would never fire; remove one of the two",
    "unsafe_name": "2: streams[0].name: 'arena one' cannot be a name; use letters, digits, _ . and -, at most 64, starting with a letter or digit",
    "vs_top_out_of_range": "6: defaults.rules[0].below: rule far_off: below -140 is out of range; score.vs_top goes from -100 to 100",
    "wrong_choice": "2: defaults.depth: 'ligth' is not one of auto, full, light, extra_light; did you mean light?",
    "wrong_scheme": "3: streams[0].url: scheme mms is not supported; use http, https, udp, rtp, srt, rtmp, rtmps, rtsp, rtsps or a path",
    "wrong_size": "2: http.max_segment_bytes: wrong unit 'M' in '64M'; known units: B, KiB, MiB, GiB, kB, MB, GB; write it like 64KiB, 2MiB or 1GiB",
    "wrong_type": "2: engine.batch_size: needs a whole number, got 'eight'",
    "wrong_unit": "2: engine.batch_deadline: wrong unit 'sec' in '200sec'; known units: ms, s, m, h; write it like 500ms, 10s, 5m or 1h",
    "wrong_window": "5: defaults.rules[0].window: rule dip: window 30s is not kept for metrics; use 10s, 1m or 5m",
}


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_mistakes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mistake is answered with one line that names file, line, key and remedy."""
    monkeypatch.chdir(CONFIGS)

    with pytest.raises(ConfigError) as caught:
        load_config(f"{name}.yaml")

    assert str(caught.value) == f"{name}.yaml:{MISTAKES[name]}"
    assert caught.value.reason is ErrorReason.CONFIG_INVALID


def test_no_mistake_is_forgotten() -> None:
    """Every bad example has its message, and every message its example."""
    assert sorted(path.stem for path in CONFIGS.glob("*.yaml")) == sorted(MISTAKES)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """A file with many mistakes is answered with all of them, in the order of its lines."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "engine:\n"
        "  batch_size: 0\n"
        "  thread: 2\n"
        "streams:\n"
        "  - name: a\n"
        "    url: https://example.com/a.m3u8\n"
        "    depth: deep\n"
        "  - name: a\n"
        "    url: ftp://example.com/b\n"
        "    rules:\n"
        "      - {name: black, for: 10}\n"
        "logs:\n"
    )

    with pytest.raises(ConfigError) as caught:
        load_config(path)

    assert str(caught.value).replace(f"{path}:", "").splitlines() == [
        "2: engine.batch_size: must be at least 1, got 0",
        "3: engine.thread: unknown key; did you mean threads?",
        "7: streams[0].depth: 'deep' is not one of auto, full, light, extra_light",
        "8: streams[1].name: duplicate name a, first used on line 5; names must differ",
        "9: streams[1].url: scheme ftp is not supported; use http, https, udp, rtp, srt, rtmp, rtmps, rtsp, rtsps or a path",
        "11: streams[1].rules[0].for: 10 has no unit; write it like 500ms, 10s, 5m or 1h",
        "12: logs: unknown key; did you mean log?",
    ]


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_messages_keep_secrets(name: str) -> None:
    """No message repeats what may be a secret."""
    with pytest.raises(ConfigError) as caught:
        load_config(CONFIGS / f"{name}.yaml")

    assert "S3CR3T" not in str(caught.value)
    assert "12345678" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["redis: redis://u:S3CR3T@h", "streams: https://e.com/?t=S3CR3T", "streams: ['https://e.com/?t=S3CR3T']",
     "redis: {url: 'http://u:S3CR3T@h'}", "defaults: {headers: {A: ['S3CR3T']}}", "'https://e.com/?t=S3CR3T'"],
)  # fmt: skip
def test_misplaced_secrets_stay_secret(text: str, tmp_path: Path) -> None:
    """A secret in the wrong place is refused without being repeated."""
    path = tmp_path / "config.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError) as caught:
        load_config(path)

    assert "S3CR3T" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    """A configuration that is not there is named, with what to check."""
    path = tmp_path / "none.yaml"

    with pytest.raises(ConfigError) as caught:
        load_config(path)

    expected = "cannot read the configuration (No such file or directory); check path and permissions"
    assert str(caught.value) == f"{path}: {expected}"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: \xff", "1: not UTF-8 text; save the file as UTF-8"),
        (b"[" * 5000, "1: nested more than 20 levels deep; flatten it"),
        (b"a: &a [*a]", "nested more than 20 levels deep; flatten it"),
        (b"log: {level: [1", "not valid YAML: "),
        (b"log: \x01", "1: not valid YAML: control character #x0001; remove it"),
        (b"--- {}\n--- {}", "2: not valid YAML: but found another document"),
        (b"? [a]\n: b", "1: a key must be plain text, not a list or mapping"),
        (b"- a", "1: the file must hold keys such as streams:, got a list"),
        (b"x" * (8 * 1024 * 1024 + 1), " larger than 8 MiB; is this the right file?"),
    ],
)
def test_hostile_files(data: bytes, expected: str, tmp_path: Path) -> None:
    """Whatever the file holds, the answer is a line, never a crash or a hang."""
    path = tmp_path / "config.yaml"
    path.write_bytes(data)

    with pytest.raises(ConfigError) as caught:
        load_config(path)

    assert expected in str(caught.value)


def test_alias_bomb(tmp_path: Path) -> None:
    """A few lines of nested aliases cannot fill the memory."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(lines))

    with pytest.raises(ConfigError, match="aliases expand to too much"):
        load_config(path)
