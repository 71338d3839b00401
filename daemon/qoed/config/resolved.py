"""The configuration as the daemon uses it: every stream with all its options, secrets at hand but hidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import SecretStr

from qoed.alert.rule import PROBE_STREAM, Rule
from qoed.checks import CheckSettings
from qoed.config.input import InputConfig, url_secrets
from qoed.config.rules import build, builtin_drafts
from qoed.config.schema import (
    Black,
    Blockiness,
    DecodeSection,
    EngineSection,
    Freeze,
    HttpSection,
    LogSection,
    Loudness,
    RedisSection,
    Silence,
    config_schema,
)
from qoed.config.units import Depth
from qoed.reason import Reason

if TYPE_CHECKING:
    from qoed.decode.options import DecodeOptions
    from qoed.publish.options import RedisOptions
    from qoed.source.options import SourceOptions

BUILTIN_RULES: tuple[Rule, ...] = build(builtin_drafts())[0]
"""The rules of a stream of which the file says nothing."""


def probe_rules(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Those of `rules` that are about the daemon itself."""
    return tuple(rule for rule in rules if rule.finding is not None and rule.finding.domain == "probe")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisConfig:
    """`redis:` with its password."""

    section: RedisSection = field(default_factory=RedisSection)
    password: SecretStr | None = None

    @property
    def url(self) -> str | None:
        """The configured URL (it may hold a password: not for logs); None: qoed starts its own server."""
        return self.section.url

    def options(self, url: str) -> RedisOptions:
        """What the publisher needs, for the server at `url`."""
        from qoed.publish.options import RedisOptions

        return RedisOptions(
            url=url,
            username=self.section.username,
            password=self.password.get_secret_value() if self.password else None,
            prefix=self.section.prefix,
            buffer_messages=self.section.buffer_messages,
            last_ttl=self.section.last_ttl,
            log_maxlen=self.section.log_maxlen,
            connect_timeout=self.section.connect_timeout,
            command_timeout=self.section.command_timeout,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """`engine:` with paths made absolute; durations in seconds."""

    backend: Literal["auto", "openvino", "onnxruntime"] = "auto"
    weights: Path | None = None
    batch_size: int = 8
    batch_deadline: float = 0.2
    threads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConfig:
    """One stream with every option resolved: defaults, then profile, then its own. Durations in seconds."""

    name: str
    url: str = field(repr=False)
    profile: str | None = None
    renditions: str = "all"
    display_height: int = 1080
    depth: Depth = "auto"
    format: Literal["auto", "hls", "dash", "ts", "file"] = "auto"
    input: InputConfig = field(default_factory=InputConfig)
    start_segments: int | None = None
    stale_after: float | None = None
    low_latency: bool = True
    pace: Literal["fast", "realtime"] = "fast"
    headers: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)
    black: Black = field(default_factory=Black)
    freeze: Freeze = field(default_factory=Freeze)
    silence: Silence = field(default_factory=Silence)
    loudness: Loudness = field(default_factory=Loudness)
    blockiness: Blockiness = field(default_factory=Blockiness)
    checks: Mapping[Reason, float | bool] = field(default_factory=dict)
    rules: tuple[Rule, ...] = BUILTIN_RULES
    decode: DecodeSection = field(default_factory=DecodeSection)
    http: HttpSection = field(default_factory=HttpSection)

    def check_settings(self) -> CheckSettings:
        """Limits of the checks, and which are off."""
        return CheckSettings(self.checks)

    def source_options(self) -> SourceOptions:
        """What the source needs to know."""
        from qoed.source.options import SourceOptions

        return SourceOptions(
            renditions=self.renditions,
            headers={name: value.get_secret_value() for name, value in self.headers.items()},
            format=self.format,
            input=self.input.options(self.http.ca_file),
            start_segments=self.start_segments,
            pace=self.pace,
            low_latency=self.low_latency,
            stale_after_s=self.stale_after,
            playlist_deadline_s=self.http.playlist_deadline,
            segment_deadline_min_s=min(4.0, self.http.deadline),
            segment_deadline_max_s=self.http.deadline,
            max_playlist_bytes=self.http.max_playlist_bytes,
            max_segment_bytes=self.http.max_segment_bytes,
            checks=self.check_settings(),
        )

    def decode_options(self) -> DecodeOptions:
        """What the decoder needs to know; under `depth: auto`, as long as nobody says otherwise."""
        from qoed.decode.options import DecodeOptions
        from qoed.ts.report import Limits

        checks = self.check_settings()
        transport = any(checks.on(reason) for reason in Reason if reason.domain == "transport")
        return DecodeOptions(
            display_height=self.display_height,
            depth="light" if self.depth == "auto" else self.depth,
            max_pixels=self.decode.max_pixels,
            black_duration_s=self.black.duration,
            black_picture_ratio=self.black.picture_share,
            black_pixel_threshold=self.black.pixel_level,
            freeze_duration_s=self.freeze.duration,
            freeze_noise=self.freeze.noise,
            silence_duration_s=self.silence.duration,
            silence_noise_db=self.silence.level_db,
            loudness_min_lufs=self.loudness.min_lufs,
            loudness_max_lufs=self.loudness.max_lufs,
            blockiness_max=self.blockiness.max,
            transport=Limits.of(checks) if transport else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole configuration, checked; `warnings` are lines worth a log entry, not errors."""

    redis: RedisConfig = RedisConfig()
    engine: EngineConfig = EngineConfig()
    decode: DecodeSection = field(default_factory=DecodeSection)
    http: HttpSection = field(default_factory=HttpSection)
    log: LogSection = field(default_factory=LogSection)
    streams: tuple[StreamConfig, ...] = ()
    probe_rules: tuple[Rule, ...] = probe_rules(BUILTIN_RULES)
    warnings: tuple[str, ...] = ()

    def rules(self) -> dict[str, tuple[Rule, ...]]:
        """The evaluator's rules by stream, those for the daemon itself under `PROBE_STREAM`."""
        return {PROBE_STREAM: self.probe_rules} | {stream.name: stream.rules for stream in self.streams}

    def secrets(self) -> Iterator[str]:
        """Every secret value in use, for redaction."""
        if self.redis.password:
            yield self.redis.password.get_secret_value()
        for stream in self.streams:
            for value in stream.headers.values():
                yield value.get_secret_value()
            yield from stream.input.secrets()
            yield from url_secrets(stream.url)

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """JSON Schema of the file."""
        return config_schema()


def engine_config(section: EngineSection, folder: Path) -> EngineConfig:
    """`engine:` with its path relative to the file's folder."""
    weights = folder / section.weights if section.weights else None
    return EngineConfig(
        backend=section.backend,
        weights=weights,
        batch_size=section.batch_size,
        batch_deadline=section.batch_deadline,
        threads=section.threads,
    )
