"""Reads a configuration file: all of it or nothing, with every mistake named at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError

from qoed.alert.rule import Rule
from qoed.config import rules as rule_layers
from qoed.config.explain import explain, keys_at, kind_of, unknown_key
from qoed.config.input import InputConfig, check_input
from qoed.config.resolved import Config, RedisConfig, StreamConfig, engine_config, probe_rules
from qoed.config.schema import (
    DecodeSection,
    EngineSection,
    HttpSection,
    LogSection,
    RedisSection,
    StreamEntry,
    StreamOptions,
)
from qoed.config.secrets import redis_password
from qoed.config.section import Section
from qoed.config.yaml_tree import Path as Where
from qoed.config.yaml_tree import Tree, parse
from qoed.errors import ConfigError

MAX_BYTES = 8 << 20

S = TypeVar("S", bound=Section)
Layer = tuple[Where, StreamOptions]


def load_config(path: Path | str) -> Config:
    """The configuration in the file at `path`.

    Raises `ConfigError` with one line for each mistake: file, line, key and what to do. Relative paths in the
    file are relative to its folder.
    """
    path = Path(path)
    reader = _Reader(parse(_read(path)), path.parent)
    config = reader.config()
    if problems := sorted(set(reader.tree.problems), key=lambda p: (p.line, str(p.path), p.text)):
        raise ConfigError("\n".join(problem.render(str(path)) for problem in problems))
    return config


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot read the configuration ({error.strerror}); check path and permissions"
        ) from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES >> 20} MiB; is this the right file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from error


class _Reader:
    """Goes through the document part by part, so that one mistake does not hide another."""

    def __init__(self, tree: Tree, folder: Path) -> None:
        self.tree = tree
        self._folder = folder

    def config(self) -> Config:
        """What the document says; worth something only if it left no problem."""
        data = self._top()
        redis = self._section(RedisSection, data, "redis")
        engine = self._section(EngineSection, data, "engine")
        decode = self._section(DecodeSection, data, "decode")
        http = self._trusting(self._section(HttpSection, data, "http"))
        log = self._section(LogSection, data, "log")
        defaults = self._part(StreamOptions, data.get("defaults"), ("defaults",))
        profiles = self._profiles(data.get("profiles"))
        streams = self._streams(data.get("streams"), defaults, profiles, decode, http)
        warnings = []
        if not data.get("streams"):
            warnings.append("streams is empty: nothing is watched; add a stream and reload")
        used = {stream.profile for stream in streams}
        warnings += [f"profile {name} is not used by any stream" for name in profiles if name not in used]
        return Config(
            redis=RedisConfig(section=redis, password=self._password(redis)),
            engine=engine_config(engine, self._folder),
            decode=decode,
            http=http,
            log=log,
            streams=tuple(streams),
            probe_rules=probe_rules(self._rules([(("defaults",), defaults)] if defaults else [])),
            warnings=tuple(warnings),
        )

    def _problem(self, path: Where, text: str) -> None:
        self.tree.problems.append(self.tree.problem(path, text))

    def _top(self) -> dict[str, Any]:
        data = {} if self.tree.data is None else self.tree.data
        if not isinstance(data, dict):
            self._problem((), f"the file must hold keys such as streams:, got {kind_of(data)}")
            return {}
        for key in data:
            if key not in keys_at(()):
                self._problem((key,), unknown_key((key,)))
        return data

    def _section(self, model: type[S], data: Mapping[str, Any], key: str) -> S:
        return self._part(model, data.get(key), (key,)) or model()

    def _part(self, model: type[S], data: Any, path: Where) -> S | None:
        try:
            return model.model_validate({} if data is None else data)
        except ValidationError as error:
            for where, text in explain(error, path):
                self._problem(where, text)
            return None

    def _password(self, redis: RedisSection) -> SecretStr | None:
        if redis.password_file and redis.password_env:
            self._problem(("redis", "password_env"), "password_file is given as well; keep one of them")
            return None
        key = "password_file" if redis.password_file else "password_env"
        try:
            return redis_password(redis.password_file, redis.password_env, self._folder)
        except ValueError as error:
            self._problem(("redis", key), str(error))
            return None

    def _trusting(self, http: HttpSection) -> HttpSection:
        """With `ca_file` relative to the file's folder, and known to be good."""
        if http.ca_file is None:
            return http
        from qoed.source.tls import trusting

        path = str(self._folder / http.ca_file)
        try:
            trusting(path)
        except ValueError as error:
            self._problem(("http", "ca_file"), str(error))
        return http.model_copy(update={"ca_file": path})

    def _profiles(self, data: Any) -> dict[str, StreamOptions | None]:
        if data is None:
            return {}
        if not isinstance(data, dict):
            self._problem(("profiles",), f"needs named profiles below it, indented; got {kind_of(data)}")
            return {}
        return {name: self._part(StreamOptions, data[name], ("profiles", name)) for name in data}

    def _streams(
        self,
        data: Any,
        defaults: StreamOptions | None,
        profiles: Mapping[str, StreamOptions | None],
        decode: DecodeSection,
        http: HttpSection,
    ) -> list[StreamConfig]:
        if data is not None and not isinstance(data, list):
            self._problem(
                ("streams",), f"needs a list, each item on a line that begins with -; got {kind_of(data)}"
            )
            return []
        base: list[Layer] | None = None if defaults is None else [(("defaults",), defaults)]
        if base is not None:
            for name, profile in profiles.items():
                if profile is not None:  # checked even where no stream uses it
                    self._resolve([*base, (("profiles", name), profile)])
        streams: list[StreamConfig] = []
        first_of: dict[str, Where] = {}
        for index, item in enumerate(data or []):
            path: Where = ("streams", index)
            self._check_twice(item, path, first_of)
            entry = self._part(StreamEntry, item, path)
            if entry is None:
                continue
            layers: list[Layer] | None = base
            if entry.profile is not None and entry.profile not in profiles:
                known = (
                    f"known: {', '.join(profiles)}" if profiles else "none is defined; add it under profiles"
                )
                self._problem((*path, "profile"), f"there is no profile {entry.profile}; {known}")
                layers = None
            elif entry.profile is not None and layers is not None:
                profile = profiles[entry.profile]
                layers = None if profile is None else [*layers, (("profiles", entry.profile), profile)]
            if layers is not None:
                options = self._resolve([*layers, (path, entry)])
                try:
                    check_input(entry.url, options.get("input", InputConfig()))
                except ValueError as error:
                    self._problem((*path, "url"), str(error))
                streams.append(
                    StreamConfig(
                        name=entry.name,
                        url=self._place(entry.url),
                        profile=entry.profile,
                        decode=decode,
                        http=http,
                        **options,
                    )
                )
        return streams

    def _check_twice(self, item: Any, path: Where, first_of: dict[str, Where]) -> None:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str):
            return
        if name in first_of:
            line = self.tree.line((*first_of[name], "name"))
            self._problem(
                (*path, "name"), f"duplicate name {name}, first used on line {line}; names must differ"
            )
        first_of.setdefault(name, path)

    def _place(self, url: str) -> str:
        return url if "://" in url else str(self._folder / url)

    def _resolve(self, layers: list[Layer]) -> dict[str, Any]:
        """The options that the layers amount to, the last one nearest."""
        options: dict[str, Any] = {}
        headers: dict[str, tuple[str, SecretStr]] = {}
        for path, layer in layers:
            for key in layer.model_fields_set & StreamOptions.model_fields.keys() - {"headers", "rules"}:
                value = getattr(layer, key)
                if key == "checks":
                    value = options.get("checks", {}) | value
                if isinstance(value, Section) and key in options:
                    value = options[key].model_copy(
                        update={k: getattr(value, k) for k in value.model_fields_set}
                    )
                options[key] = value
            for name, source in layer.headers.items():
                try:
                    headers[name.lower()] = (name, source.resolve(self._folder))
                except ValueError as error:
                    self._problem((*path, "headers", name), str(error))
        if "input" in options:
            try:
                options["input"] = InputConfig.of(options["input"], self._folder)
            except ValueError as error:
                setters = [path for path, layer in layers if "input" in layer.model_fields_set]
                self._problem((*setters[-1], "input"), str(error))
                del options["input"]
        low, high = (getattr(options.get("loudness"), key, None) for key in ("min_lufs", "max_lufs"))
        if low is not None and high is not None and low >= high:
            setters = [path for path, layer in layers if "loudness" in layer.model_fields_set]
            self._problem((*setters[-1], "loudness"), f"min_lufs {low:g} must be below max_lufs {high:g}")
        return options | {"headers": dict(headers.values()), "rules": self._rules(layers)}

    def _rules(self, layers: list[Layer]) -> tuple[Rule, ...]:
        drafts = rule_layers.builtin_drafts()
        mistakes: list[rule_layers.Mistake] = []
        for path, layer in layers:
            drafts, found = rule_layers.merge(drafts, layer.rules, (*path, "rules"))
            mistakes += found
        rules, found = rule_layers.build(drafts)
        for where, text in mistakes + found:
            self._problem(where, text)
        return rules
