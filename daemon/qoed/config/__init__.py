"""Configuration: one strict YAML file, every mistake told at once, every stream fully resolved."""

from qoed.config.diff import ConfigDiff, diff_config
from qoed.config.load import load_config
from qoed.config.resolved import BUILTIN_RULES, Config, EngineConfig, RedisConfig, StreamConfig
from qoed.config.schema import config_schema

__all__ = [
    "BUILTIN_RULES",
    "Config",
    "ConfigDiff",
    "EngineConfig",
    "RedisConfig",
    "StreamConfig",
    "config_schema",
    "diff_config",
    "load_config",
]
