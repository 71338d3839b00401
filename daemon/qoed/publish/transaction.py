"""All or nothing: commands as one MULTI/EXEC in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from qoed.publish.commands import Command


async def execute(client: Redis, commands: Sequence[Command]) -> list[Any] | RedisError:
    """The raw replies, errors of single commands among them; or the error for which none was done.

    The library's own transaction would quote the command, payload and all, in the error's text.
    """
    async with client.pipeline(transaction=False) as pipe:
        for command in (("MULTI",), *commands, ("EXEC",)):
            pipe.execute_command(*command)
        queued = await pipe.execute(raise_on_error=False)
    done = queued[-1]
    if isinstance(done, RedisError):
        return next(reply for reply in queued if isinstance(reply, RedisError))
    return list(done)


def raise_first(replies: Sequence[Any] | RedisError) -> None:
    """Raise the first error in what `execute` returned."""
    for reply in [replies] if isinstance(replies, RedisError) else replies:
        if isinstance(reply, RedisError):
            raise reply
