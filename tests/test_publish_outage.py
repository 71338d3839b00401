"""What happens to messages when Redis is away, slow, full or misconfigured."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from published import a_finding, a_score, an_alert, balanced, eventually, running
from qoed.errors import PublishError
from qoed.model import AlertState, DropReason, Finding, Phase, Reason, Severity
from qoed.publish.options import RedisOptions
from qoed.publish.outbox import Kind
from qoed.publish.redis import Publisher

if TYPE_CHECKING:
    from redis_server import LossyProxy, RedisServer

pytest_plugins = ["redis_server"]

SECRET = "S3CR3T-hunter2"


def publisher_to(url: str, findings: list[Finding] | None = None, **options: Any) -> Publisher:
    heard = findings if findings is not None else []
    options = {"url": url, "command_timeout": 1.0} | options
    return Publisher(RedisOptions(**options), instance="probe-1", on_finding=heard.append)


def logged_ids(server: RedisServer, kind: str) -> list[str]:
    return [fields["event_id"] for _, fields in server.client().xrange(f"qoe:v1:log:{kind}")]


@pytest.mark.parametrize("times", [1, 3])
async def test_lost_reply_duplicates_nothing(
    redis_server: RedisServer, lossy_proxy: LossyProxy, times: int
) -> None:
    """Replies lost on the wire, even several in a row, neither lose nor duplicate a message."""
    publisher = publisher_to(lossy_proxy.url)
    async with running(publisher):
        await eventually(lambda: publisher.stats().connected)
        lossy_proxy.lose_replies = times
        publisher.publish_alert(an_alert())
        publisher.publish_score(a_score())
        publisher.publish_finding(a_finding())
        await eventually(lambda: publisher.stats().sent == 3)
    assert lossy_proxy.lost >= 1
    assert [len(logged_ids(redis_server, kind)) for kind in Kind] == [1, 1, 1]
    assert balanced(publisher)


async def test_kill_and_restart_keeps_every_alert_exactly_once(redis_server: RedisServer) -> None:
    """With a durable Redis killed and restarted in mid-stream, every alert is logged exactly once."""
    redis_server.kill()
    redis_server.persist = True
    redis_server.start()
    publisher = publisher_to(redis_server.url, buffer_messages=150)
    async with running(publisher):
        for number in range(120):
            publisher.publish_alert(an_alert(number))
            for second in range(5):
                publisher.publish_score(a_score(number + second / 5))
            assert balanced(publisher)
            if number in (30, 60, 90):
                redis_server.kill()
            if number in (45, 75, 110):
                redis_server.start()
            await asyncio.sleep(0.01)
        await eventually(lambda: publisher.stats().buffered == 0)
    stats = publisher.stats()
    assert logged_ids(redis_server, "alert") == [f"f00d-{number}-firing" for number in range(120)]
    assert stats.by_kind[Kind.ALERT].dropped == {}
    scores = logged_ids(redis_server, "score")
    assert len(scores) == len(set(scores)) == stats.by_kind[Kind.SCORE].sent
    assert stats.by_kind[Kind.SCORE].received == 600
    assert balanced(publisher)


async def test_alerts_survive_a_redis_that_forgets(redis_server: RedisServer) -> None:
    """After a Redis without persistence restarts, what was buffered is logged and firing alerts return."""
    publisher = publisher_to(redis_server.url)
    async with running(publisher):
        publisher.publish_alert(an_alert(1, fingerprint="before"))
        await eventually(lambda: publisher.stats().sent == 1)
        redis_server.kill()
        publisher.publish_alert(an_alert(2, fingerprint="during"))
        publisher.publish_alert(an_alert(3, fingerprint="over"))
        publisher.publish_alert(an_alert(3, AlertState.RESOLVED, fingerprint="over"))
        await asyncio.sleep(0.2)
        redis_server.start()
        await eventually(lambda: publisher.stats().buffered == 0)
    assert logged_ids(redis_server, "alert") == ["f00d-2-firing", "f00d-3-firing", "f00d-3-resolved"]
    assert set(redis_server.client().hgetall("qoe:v1:alerts:active")) == {"before", "during"}


async def test_full_buffer_drops_oldest_scores_first(redis_server: RedisServer) -> None:
    """A full buffer gives up the oldest scores, then findings, and counts each; alerts stay to the last."""
    redis_server.kill()
    publisher = publisher_to(redis_server.url, buffer_messages=50)
    async with running(publisher):
        for number in range(30):
            publisher.publish_alert(an_alert(number))
            publisher.publish_finding(a_finding(media_time_s=number))
            publisher.publish_score(a_score(number))
        assert publisher.stats().buffered == 50
        dropped = {kind: part.dropped for kind, part in publisher.stats().by_kind.items()}
        full = DropReason.PUBLISH_FULL
        assert dropped == {Kind.SCORE: {full: 30}, Kind.EVENT: {full: 10}, Kind.ALERT: {}}
        redis_server.start()
        await eventually(lambda: publisher.stats().sent == 50)
    assert len(logged_ids(redis_server, "alert")) == 30
    found = redis_server.client().xrange("qoe:v1:log:event")
    assert [json.loads(fields["payload"])["media_time_s"] for _, fields in found] == list(range(10, 30))


async def test_outage_is_a_finding_with_start_and_end(redis_server: RedisServer) -> None:
    """A Redis that goes away is one critical finding, ended when it is back, and one log line."""
    redis_server.kill()
    findings: list[Finding] = []
    publisher = publisher_to(redis_server.url, findings)
    with capture_logs() as logs:
        async with running(publisher):
            await asyncio.sleep(0.6)
            redis_server.start()
            await eventually(lambda: len(findings) == 2)
    start, end = findings
    assert (start.reason, start.phase, start.severity) == (
        Reason.REDIS_UNAVAILABLE,
        Phase.START,
        Severity.CRITICAL,
    )
    assert redis_server.url in start.message
    assert (end.phase, end.unit) == (Phase.END, "s")
    assert end.value is not None
    assert 0.4 < end.value < 8
    assert [line["event"] for line in logs] == ["redis.unavailable", "redis.recovered"]


async def test_close_writes_what_waits(redis_server: RedisServer) -> None:
    """Closing first writes everything that was published before it, and takes nothing more in."""
    publisher = publisher_to(redis_server.url)
    async with running(publisher):
        for number in range(1000):
            publisher.publish_score(a_score(number))
    publisher.publish_score(a_score(1000))
    assert publisher.stats().sent == 1000
    assert publisher.stats().dropped == {DropReason.SHUTDOWN: 1}
    assert redis_server.client().xlen("qoe:v1:log:score") == 1000


@pytest.mark.parametrize("trouble", ["away", "frozen"])
async def test_close_does_not_wait_for_ever(redis_server: RedisServer, trouble: str) -> None:
    """Closing ends in time when Redis is away or hangs, and counts what could not be written."""
    publisher = publisher_to(redis_server.url, command_timeout=30.0)
    async with running(publisher, drain_s=0.3):
        await eventually(lambda: publisher.stats().connected)
        redis_server.kill() if trouble == "away" else redis_server.freeze()
        publisher.publish_alert(an_alert())
        publisher.publish_score(a_score())
        await asyncio.sleep(0.05)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert publisher.stats().dropped == {DropReason.SHUTDOWN: 2}
    assert balanced(publisher)


async def test_hanging_redis_is_left_after_the_timeout(redis_server: RedisServer) -> None:
    """A Redis that hangs without hanging up is found out by the timeout, and the alert arrives once later."""
    publisher = publisher_to(redis_server.url, command_timeout=0.3)
    async with running(publisher):
        await eventually(lambda: publisher.stats().connected)
        redis_server.freeze()
        publisher.publish_alert(an_alert())
        await eventually(lambda: not publisher.stats().connected)
        redis_server.kill()
        redis_server.start()
        await eventually(lambda: publisher.stats().sent == 1)
    assert logged_ids(redis_server, "alert") == ["f00d-1-firing"]


async def test_refused_scores_do_not_hold_up_alerts(redis_server: RedisServer) -> None:
    """Scores that Redis refuses are dropped and counted as refused, once in the log; alerts still arrive."""
    redis_server.client().set("qoe:v1:log:score", "not a stream")
    publisher = publisher_to(redis_server.url)
    with capture_logs() as logs:
        async with running(publisher):
            for number in range(3):
                publisher.publish_score(a_score(number))
                publisher.publish_alert(an_alert(number))
                await eventually(lambda: publisher.stats().buffered == 0)
    assert publisher.stats().by_kind[Kind.SCORE].dropped == {DropReason.PUBLISH_REFUSED: 3}
    assert len(logged_ids(redis_server, "alert")) == 3
    refusals = [line for line in logs if line["event"] == "redis.refused"]
    assert len(refusals) == 1
    assert "WRONGTYPE" in refusals[0]["err"]


async def test_refused_alert_is_kept_until_taken(redis_server: RedisServer) -> None:
    """An alert that Redis refuses is kept and tried again until it is logged, exactly once."""
    client = redis_server.client()
    client.set("qoe:v1:log:alert", "not a stream")
    findings: list[Finding] = []
    publisher = publisher_to(redis_server.url, findings)
    async with running(publisher):
        publisher.publish_alert(an_alert())
        await eventually(lambda: findings)
        assert publisher.stats().by_kind[Kind.ALERT].buffered == 1
        client.delete("qoe:v1:log:alert")
        await eventually(lambda: publisher.stats().sent == 1)
    assert logged_ids(redis_server, "alert") == ["f00d-1-firing"]


async def test_full_redis_is_waited_out(redis_server: RedisServer) -> None:
    """A Redis out of memory loses no alert and no score: both arrive once when there is room again."""
    client = redis_server.client()
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", 1)
    findings: list[Finding] = []
    publisher = publisher_to(redis_server.url, findings)
    async with running(publisher):
        publisher.publish_alert(an_alert())
        publisher.publish_score(a_score())
        await eventually(lambda: findings)
        client.config_set("maxmemory", 0)
        await eventually(lambda: publisher.stats().sent == 2)
    assert "maxmemory" in findings[0].message
    assert [len(logged_ids(redis_server, kind)) for kind in ("alert", "score")] == [1, 1]


async def test_missing_right_for_transactions_writes_nothing_twice(redis_server: RedisServer) -> None:
    """An ACL without MULTI is a clear finding and not a flood of half-done batches."""
    client = redis_server.client()
    client.execute_command("ACL SETUSER", "half", "on", ">pw-half", "~*", "&*", "+@all", "-multi")
    findings: list[Finding] = []
    publisher = publisher_to(redis_server.url, findings, username="half", password="pw-half")
    async with running(publisher, drain_s=0.3):
        publisher.publish_score(a_score())
        await eventually(lambda: findings)
    assert "'multi'" in findings[0].message
    assert client.xlen("qoe:v1:log:score") == 0


@pytest.mark.parametrize("place", ["argument", "url"])
async def test_secret_shows_nowhere(redis_server: RedisServer, place: str) -> None:
    """A Redis password is in no log line, repr, finding or payload, whether it is right or wrong."""
    client = redis_server.client()
    client.execute_command("ACL SETUSER", "qoed", "on", f">{SECRET}", "~*", "&*", "+@all")
    seen: list[str] = []
    for secret in (SECRET, SECRET + "-wrong"):
        findings: list[Finding] = []
        if place == "argument":
            options = RedisOptions(url=redis_server.url, username="qoed", password=secret)
        else:
            options = RedisOptions(url=redis_server.url.replace("://", f"://qoed:{secret}@"))
        publisher = Publisher(options, instance="probe-1", on_finding=findings.append)
        with capture_logs() as logs:
            async with running(publisher, drain_s=0.3):
                publisher.publish_status("running")
                source = f"https://user:{SECRET}@cdn/a.m3u8?token={SECRET}"
                publisher.publish_finding(a_finding(message=f"GET {source} failed", evidence={"url": source}))
                await eventually(lambda f=findings, p=publisher: f or p.stats().sent)
        assert bool(findings) == (secret != SECRET)
        seen += [str(logs), repr(publisher), repr(options), repr(findings), str(publisher.stats())]
    seen += [str(client.xrange("qoe:v1:log:event")), str(client.get("qoe:v1:daemon:probe-1"))]
    assert "cdn/a.m3u8" in seen[-2]
    assert [text for text in seen if SECRET in text] == []


@pytest.mark.parametrize(
    "url",
    [f"http://u:{SECRET}@host", f"redis://u:{SECRET}@host:port", f"redis://u:{SECRET}@host/?db=x", "host"],
)
async def test_unusable_url_is_one_clear_error(url: str) -> None:
    """A Redis address that cannot be used is one line that names redis.url and not the secret."""
    publisher = publisher_to(url)
    with pytest.raises(PublishError, match=r"^redis\.url .*$") as caught:
        await publisher.run()
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_closing_ends_though_the_client_swallows_the_cancellation(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that eats the cancellation, as client libraries may, does not keep the publisher open."""
    publisher = publisher_to(redis_server.url, [])

    async def session() -> bool:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.5)
        return False

    monkeypatch.setattr(publisher, "_session", session)
    async with asyncio.timeout(5), running(publisher, drain_s=0.2):
        publisher.publish_score(a_score())
        await asyncio.sleep(0.1)
    assert publisher.stats().dropped == {DropReason.SHUTDOWN: 1}
