"""Messages as Redis commands."""

from __future__ import annotations

from qoed.model import AlertState
from qoed.publish.keys import Keys
from qoed.publish.options import RedisOptions
from qoed.publish.outbox import Kind, Message

Command = tuple[str | bytes | int, ...]

ALERT_LOG_KEEP_S = 24 * 3600
"""An alert stays in its log at least this long, and is not logged twice within it."""

# Logs and announces an alert unless its event id has been seen. The id is marked last: a script that fails
# half way (wrong type of key, out of memory) must not leave an alert marked that was never logged. The age is
# reckoned by the server's clock because the server stamps the entries.
# KEYS: mark, log. ARGV: event id, payload, keep seconds, channels.
ALERT_SCRIPT = """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local id = redis.call('XADD', KEYS[2], '*', 'event_id', ARGV[1], 'payload', ARGV[2])
redis.call('SET', KEYS[1], id, 'EX', ARGV[3])
local oldest = (redis.call('TIME')[1] - ARGV[3]) * 1000
redis.call('XTRIM', KEYS[2], 'MINID', '~', string.format('%.0f', oldest))
for i = 4, #ARGV do redis.call('PUBLISH', ARGV[i], ARGV[2]) end
return id
"""


def commands_of(message: Message, keys: Keys, options: RedisOptions) -> list[Command]:
    """The commands that deliver one message; the first one decides whether it arrived."""
    match message.kind:
        case Kind.ALERT:
            return [_log_alert(message, keys), *_keep_active(message, keys)]
        case Kind.SCORE:
            return [*_log_and_tell(message, keys, options), *_keep_last(message, keys, options)]
        case Kind.EVENT:
            return _log_and_tell(message, keys, options)


def _log_and_tell(message: Message, keys: Keys, options: RedisOptions) -> list[Command]:
    log = keys.log(message.kind)
    fields = ("event_id", message.event_id, "payload", message.payload)
    return [
        ("XADD", log, "MAXLEN", "~", options.log_maxlen, "*", *fields),
        ("PUBLISH", keys.live(message.kind, message.stream), message.payload),
    ]


def _keep_last(message: Message, keys: Keys, options: RedisOptions) -> list[Command]:
    if message.rendition is None or message.last is None:
        return []
    key = keys.last(message.stream)
    return [
        ("HSET", key, message.rendition, message.last),
        ("PEXPIRE", key, round(options.last_ttl * 1000)),
    ]


def _log_alert(message: Message, keys: Keys) -> Command:
    names = (keys.dedupe(message.event_id), keys.log(Kind.ALERT))
    channels = (keys.live(Kind.ALERT, message.stream), keys.alert)
    return (
        "EVAL",
        ALERT_SCRIPT,
        len(names),
        *names,
        message.event_id,
        message.payload,
        ALERT_LOG_KEEP_S,
        *channels,
    )


def _keep_active(message: Message, keys: Keys) -> list[Command]:
    if message.fingerprint is None:
        return []
    match message.state:
        case AlertState.FIRING:
            return [("HSET", keys.active, message.fingerprint, message.payload)]
        case AlertState.RESOLVED:
            return [("HDEL", keys.active, message.fingerprint)]
        case _:
            return []
