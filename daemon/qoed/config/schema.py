"""The file's shape: every section and key with its type, default and meaning. Unknown keys are refused."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from qoed.alert.rule import Metric, Scope
from qoed.config.fields import Checks, Findings, Name, Networks, NoneIsEmpty, RedisUrl, Selector, Url
from qoed.config.input import Input
from qoed.config.section import Header, Section, Text
from qoed.config.units import (
    AutoCount,
    AutoSeconds,
    Count,
    Depth,
    Number,
    Seconds,
    SecondsOrZero,
    Share,
    Size,
    written,
)
from qoed.model import Severity


class RedisSection(Section):
    """Where scores, findings and alerts are published."""

    url: RedisUrl = Field(default=None, repr=False)
    """`redis://`, `rediss://` or `unix://`; without one, qoed starts a server of its own and says where."""
    username: Text | None = None
    """ACL user."""
    password_file: Text | None = None
    """File with the password (one line)."""
    password_env: Text | None = None
    """Environment variable with the password."""
    prefix: Name = "qoe"
    """First part of every key and channel."""
    buffer_messages: Count = 10_000
    """Messages kept while Redis is away; beyond, the oldest scores go first, counted."""
    last_ttl: Seconds = 60.0
    """How long a stream's last value outlives its newest score."""
    log_maxlen: Count = 100_000
    """Entries kept, roughly, in each of the score and event logs; alerts are trimmed by age instead."""
    connect_timeout: Seconds = 5.0
    """Limit for connecting."""
    command_timeout: Seconds = 5.0
    """Limit for a command's reply."""


class EngineSection(Section):
    """The quality network."""

    backend: Literal["auto", "openvino", "onnxruntime"] = "auto"
    """Library that runs it; auto takes the best one installed."""
    weights: Text | None = None
    """Manifest (.json) of other weights; without one, those shipped with qoed."""
    batch_size: Count = 8
    """Clips that are scored together."""
    batch_deadline: Seconds = 0.2
    """How long a clip may wait for a batch to fill."""
    threads: AutoCount = None
    """CPU threads; auto: one per core."""


class DecodeSection(Section):
    """The decoder processes."""

    workers: AutoCount = None
    """Child processes that decode; auto: by the number of cores."""
    max_pixels: Count = 8192 * 4320
    """Larger pictures are refused before memory is taken for them."""
    deadline_factor: Annotated[float, Field(strict=True, ge=1)] = 3.0
    """A worker gets so many times a segment's duration, then it is killed."""
    recycle_after: Count = 2000
    """Segments after which a worker is replaced by a fresh one."""
    memory_limit: Size = 2 << 30
    """Address space of one worker."""
    cpu_share: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.7
    """Share of the workers' CPU time that `depth: auto` may plan with; the rest is for bursts and scoring."""

    def cpu_budget(self) -> float:
        """CPU seconds a second that decoding may plan with."""
        return self.cpu_share * min(self.worker_count(), len(os.sched_getaffinity(0)))

    def worker_count(self) -> int:
        """How many workers to start: `workers`, or one for each core that this process may use."""
        return self.workers or len(os.sched_getaffinity(0))


class HttpSection(Section):
    """The HTTP client that all streams share."""

    deadline: Seconds = 30.0
    """Longest time for a segment; shorter ones are given twice their duration."""
    playlist_deadline: Seconds = 5.0
    """Longest time for a playlist or key."""
    read_timeout: Seconds = 5.0
    """A connection that is silent for so long is given up."""
    max_playlist_bytes: Size = 2 << 20
    """Larger playlists are refused (decompressed)."""
    max_segment_bytes: Size = 64 << 20
    """Larger segments are refused."""
    connections: Count = 512
    """Open connections in all."""
    connections_per_host: Count = 64
    """Open connections to one host."""
    ca_file: Text | None = None
    """File (PEM) of certificate authorities to trust for https besides the system's."""
    allow_networks: Networks = ()
    """Networks allowed although the address guard refuses them (link-local, multicast, cloud metadata)."""


class LogSection(Section):
    """The log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """auto: readable on a terminal, JSON lines elsewhere."""


class Black(Section):
    """When a picture counts as black."""

    duration: Seconds = 1.0
    """It has been black for so long."""
    picture_share: Share = 0.99
    """Share of the pixels that must be dark."""
    pixel_level: Share = 0.06
    """Luma below this share of the range is dark."""


class Freeze(Section):
    """When a picture counts as frozen."""

    duration: Seconds = 2.0
    """It has not changed for so long."""
    noise: Share = 0.003
    """Mean difference of pictures that still counts as no change."""


class Silence(Section):
    """When sound counts as silent."""

    duration: Seconds = 3.0
    """It has been silent for so long."""
    level_db: Annotated[float, Field(strict=True, le=0)] = -60.0
    """Below this level, dBFS."""


class Loudness(Section):
    """Limits of short-term loudness (EBU R 128)."""

    min_lufs: Number | None = None
    """Quieter is a finding, LUFS; null: not watched."""
    max_lufs: Number | None = None
    """Louder is a finding, LUFS; null: not watched."""


class Blockiness(Section):
    """Limit of blockiness (FFmpeg blockdetect)."""

    max: Annotated[float, Field(strict=True, gt=0)] | None = None
    """A segment's mean above this is a finding; null: not watched."""


class RuleEntry(Section):
    """An alert rule, or, without `metric` and `finding`, changes to the inherited one of that name."""

    name: Name
    """Name of the rule; in alerts and payloads."""
    enabled: bool = True
    """false turns the inherited rule off."""
    metric: Metric | None = None
    """Statistic of a rolling window."""
    finding: Findings = None
    """Finding that raises the alert, or a list of findings of which any does."""
    window: Seconds | None = None
    """Metrics: 10s, 1m or 5m of media time. Findings: how far back events count (default 1m)."""
    below: Number | None = None
    """Metrics: trouble is below this."""
    above: Number | None = None
    """Metrics: trouble is above this."""
    clear: Number | None = None
    """Metrics: trouble is over at this level (default: the level that triggers)."""
    min_coverage: Share | None = None
    """Score metrics: a window covered less than this says nothing (default 0.3)."""
    count: Count | None = None
    """Findings: so many events within the window (default 1)."""
    for_: SecondsOrZero | None = Field(default=None, alias="for")
    """How long trouble must last before the alert fires (default 0s)."""
    keep_firing_for: SecondsOrZero | None = None
    """How long all must be well before it resolves (default 0s)."""
    severity: Severity | None = None
    """info, warning or critical (default warning)."""
    scope: Scope | None = None
    """An alert for each rendition, or one for the stream (default rendition)."""
    renditions: Text | None = None
    """Shell pattern of the rendition ids that the rule looks at (default all)."""
    unless: Findings = None
    """Findings (ad_break, slate, ...) that hold the rule while they last: it neither fires nor resolves."""
    unless_hold: SecondsOrZero | None = None
    """How long after their end they still do (default 5s)."""


Rules = Annotated[tuple[RuleEntry, ...], BeforeValidator(lambda value: [] if value is None else value)]


class StreamOptions(Section):
    """What can be said in `defaults`, in a profile and for a stream; the nearest wins."""

    renditions: Selector = "all"
    """`all`, `top` or a selector: `720p`, `height<=720`, `bandwidth>1M`, an id pattern; comma is or."""
    display_height: Annotated[int, Field(strict=True, ge=144, le=8640)] = 1080
    """Rows of the viewer's screen: pictures are judged scaled to it."""
    depth: Depth = "auto"
    """auto: as deep as suspicion asks and `decode.cpu_share` bears. full: every frame. light: what scoring
    needs. extra_light: key frames, and now and then a segment as light for its scores."""
    format: Literal["auto", "hls", "dash", "ts", "file"] = "auto"
    """What an http(s) URL is; auto: by its name and answer. ts: MPEG-TS without end."""
    input: Annotated[Input, NoneIsEmpty] = Input()
    """Continuous inputs: how they are opened and cut."""
    start_segments: AutoCount = None
    """Where to join a live stream, in segments from its end; auto: three target durations."""
    stale_after: AutoSeconds = None
    """A live playlist without news for so long is stale; auto: 3 target durations, at least 6s."""
    low_latency: bool = True
    """LL-HLS: score parts as they come; false: whole segments."""
    pace: Literal["fast", "realtime"] = "fast"
    """How VOD and files are read: as fast as they are scored, or by their own clock."""
    headers: Annotated[dict[Text, Header], NoneIsEmpty] = Field(default_factory=dict, repr=False)
    """Request headers: a text, `{env: VARIABLE}` or `{file: PATH}`."""
    black: Annotated[Black, NoneIsEmpty] = Black()
    freeze: Annotated[Freeze, NoneIsEmpty] = Freeze()
    silence: Annotated[Silence, NoneIsEmpty] = Silence()
    loudness: Annotated[Loudness, NoneIsEmpty] = Loudness()
    blockiness: Annotated[Blockiness, NoneIsEmpty] = Blockiness()
    checks: Annotated[Checks, NoneIsEmpty] = Field(default_factory=dict)
    """Checks with another limit, or `off`; docs/checks.md lists them. Settings of nearer layers win."""
    rules: Rules = ()
    """Alert rules; one of the same name as an inherited rule changes that."""


class StreamEntry(StreamOptions):
    """One stream."""

    name: Name
    """Unique; part of keys, channels and labels."""
    url: Url = Field(repr=False)
    """HLS playlist or DASH MPD over http(s); udp, rtp, srt, rtmp(s) or rtsp(s); a media file, a folder or a
    pattern of files."""
    profile: Name | None = None
    """Profile that this stream takes its options from."""


class File(Section):
    """The whole file; what is left out has its default."""

    redis: RedisSection = RedisSection()
    engine: EngineSection = EngineSection()
    decode: DecodeSection = DecodeSection()
    http: HttpSection = HttpSection()
    log: LogSection = LogSection()
    defaults: StreamOptions = StreamOptions()
    """Options of every stream."""
    profiles: dict[Name, StreamOptions] = Field(default_factory=dict)
    """Named options that streams take with `profile`."""
    streams: tuple[StreamEntry, ...] = ()
    """What to watch."""


class _Generator(GenerateJsonSchema):
    """Shows defaults as the file would say them (`10s`, `2MiB`, `auto`), and none for whole sections."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """A field's schema with its default."""
        field = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if "default" not in schema or isinstance(default, BaseModel):
            return field
        return field | {"default": written(default, field)}


def config_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the configuration file, for editors and CI."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **File.model_json_schema(by_alias=True, schema_generator=_Generator),
        "title": "qoed configuration",
    }
