"""The Redis contract: every key and channel, as a consumer sees it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from published import a_finding, a_score, a_window, an_alert, balanced, eventually, running
from qoed.model import AlertState, DropReason
from qoed.publish.options import RedisOptions
from qoed.publish.redis import DAEMON_TTL_S, Publisher

if TYPE_CHECKING:
    from redis_server import RedisServer

pytest_plugins = ["redis_server"]


def publisher_of(server: RedisServer, **options: Any) -> Publisher:
    return Publisher(RedisOptions(**{"url": server.url} | options), instance="probe-1", engine="openvino-f32")


def payloads(entries: list[tuple[str, dict[str, str]]]) -> list[dict[str, Any]]:
    return [json.loads(fields["payload"]) for _, fields in entries]


class Listener:
    """Everything that is published, by channel."""

    def __init__(self, server: RedisServer, pattern: str = "*") -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._pubsub = server.client().pubsub(ignore_subscribe_messages=True)
        self._pubsub.psubscribe(pattern)
        self._pubsub.get_message(timeout=1)

    def listen(self) -> list[str]:
        while message := self._pubsub.get_message():
            self.heard.append((message["channel"], json.loads(message["data"])))
        return [channel for channel, _ in self.heard]


async def test_score_reaches_live_channel_log_and_last_value(redis_server: RedisServer) -> None:
    """A score is heard live, can be replayed from the log and is kept as the rendition's last value."""
    listener, client = Listener(redis_server), redis_server.client()
    async with running(publisher_of(redis_server, last_ttl=30)) as publisher:
        publisher.publish_score(a_score(), [a_window(10), a_window(60), a_window(300)])
        publisher.publish_score(a_score(rendition="360p", score=55.0))
        await eventually(lambda: len(listener.listen()) == 2)
    assert listener.listen() == ["qoe:v1:score:news"] * 2
    live = listener.heard[0][1]
    assert (live["schema"], live["version"], live["score"]) == ("qoed.score", "1.1", 72.5)
    assert (live["w10s_mean"], live["w1m_p05"], live["w5m_coverage"]) == (70.0, 60.0, 1.0)
    assert (live["engine"], live["distortion_blur"]) == ("openvino-f32", 0.25)
    assert payloads(client.xrange("qoe:v1:log:score")) == [payload for _, payload in listener.heard]
    last = {name: json.loads(value) for name, value in client.hgetall("qoe:v1:last:news").items()}
    assert last["720p"] == live | {"schema": "qoed.last"}
    assert last["360p"]["score"] == 55.0
    assert 25 < client.ttl("qoe:v1:last:news") <= 30


async def test_alert_reaches_both_channels_log_and_active_set(redis_server: RedisServer) -> None:
    """Every edge of an alert is heard on both channels and logged; only while it fires is it active."""
    listener, client = Listener(redis_server), redis_server.client()
    active: list[dict[str, str]] = []
    async with running(publisher_of(redis_server)) as publisher:
        for edge, state in enumerate(AlertState, 1):
            publisher.publish_alert(an_alert(state=state))
            await eventually(lambda edge=edge: publisher.stats().sent == edge)
            active.append(client.hgetall("qoe:v1:alerts:active"))
    assert listener.listen() == ["qoe:v1:alert:news", "qoe:v1:alert"] * 3
    logged = client.xrange("qoe:v1:log:alert")
    assert [payload["state"] for payload in payloads(logged)] == ["pending", "firing", "resolved"]
    assert [fields["event_id"] for _, fields in logged] == [p["event_id"] for p in payloads(logged)]
    assert [list(fields) for fields in active] == [[], ["f00d"], []]
    assert json.loads(active[1]["f00d"]) == payloads(logged)[1]


async def test_finding_reaches_live_channel_and_log(redis_server: RedisServer) -> None:
    """A finding is heard live and can be replayed from the log."""
    listener, client = Listener(redis_server), redis_server.client()
    async with running(publisher_of(redis_server)) as publisher:
        publisher.publish_finding(a_finding())
        await eventually(listener.listen)
    assert listener.heard[0][0] == "qoe:v1:event:news"
    assert payloads(client.xrange("qoe:v1:log:event")) == [listener.heard[0][1]]


async def test_status_is_told_and_kept_alive(redis_server: RedisServer) -> None:
    """The daemon's state is heard on the status channel and found under its key until it falls silent."""
    listener, client = Listener(redis_server, "qoe:v1:status"), redis_server.client()
    async with running(publisher_of(redis_server)) as publisher:
        publisher.publish_status("running", {"streams": {"up": 3, "down": 0}})
        await eventually(listener.listen)
        publisher.publish_status("stopped")
    assert [payload["state"] for _, payload in listener.heard] == ["running"]
    assert listener.heard[0][1]["streams_up"] == 3
    assert json.loads(client.get("qoe:v1:daemon:probe-1"))["state"] == "stopped"
    assert 0 < client.ttl("qoe:v1:daemon:probe-1") <= DAEMON_TTL_S


async def test_same_alert_edge_counts_once(redis_server: RedisServer) -> None:
    """An alert edge that is published again, by a restarted daemon say, is logged and heard only once."""
    listener, client = Listener(redis_server, "qoe:v1:alert"), redis_server.client()
    for _ in range(2):
        async with running(publisher_of(redis_server)) as publisher:
            publisher.publish_alert(an_alert())
            publisher.publish_alert(an_alert())
        assert publisher.stats().sent == 2
    assert client.xlen("qoe:v1:log:alert") == 1
    assert len(listener.listen()) == 1


async def test_prefix_moves_every_name(redis_server: RedisServer) -> None:
    """With another prefix nothing is written or heard outside it."""
    listener, client = Listener(redis_server), redis_server.client()
    async with running(publisher_of(redis_server, prefix="site[1]")) as publisher:
        publisher.publish_score(a_score())
        publisher.publish_finding(a_finding())
        publisher.publish_alert(an_alert())
        publisher.publish_status("running")
        await eventually(lambda: publisher.stats().sent == 3)
    names = [*client.keys(), *listener.listen()]
    assert len(names) > 8
    assert [name for name in names if not name.startswith("site[1]:v1:")] == []


async def test_sequence_numbers_have_no_gap(redis_server: RedisServer) -> None:
    """Consumers can see a loss: sequence numbers count up by one per kind and every event id is unique."""
    client = redis_server.client()
    async with running(publisher_of(redis_server)) as publisher:
        for second in range(1000):
            publisher.publish_score(a_score(second))
            publisher.publish_finding(a_finding(media_time_s=second))
    for kind in ("score", "event"):
        logged = payloads(client.xrange(f"qoe:v1:log:{kind}"))
        assert [payload["seq"] for payload in logged] == list(range(1, 1001))
        assert len({payload["event_id"] for payload in logged}) == 1000


async def test_score_log_is_bounded(redis_server: RedisServer) -> None:
    """The score log keeps about as many entries as configured, however long the daemon runs."""
    async with running(publisher_of(redis_server, log_maxlen=100)) as publisher:
        for second in range(1000):
            publisher.publish_score(a_score(second))
    assert 100 <= redis_server.client().xlen("qoe:v1:log:score") < 300


async def test_alert_log_is_trimmed_by_age_only(redis_server: RedisServer) -> None:
    """Alerts of the last 24 hours are never trimmed from the log, older ones are."""
    client = redis_server.client()
    now_ms = int(client.time()[0]) * 1000
    with client.pipeline() as pipe:
        for hours, count in ((48, 1000), (23, 1000)):
            for n in range(count):
                pipe.xadd("qoe:v1:log:alert", {"payload": "{}"}, id=f"{now_ms - hours * 3600_000}-{n + 1}")
        pipe.execute()
    async with running(publisher_of(redis_server)) as publisher:
        publisher.publish_alert(an_alert())
    yesterday_ms = now_ms - 24 * 3600_000
    assert client.xlen("qoe:v1:log:alert") < 1001 + 200
    assert len(client.xrange("qoe:v1:log:alert", min=yesterday_ms)) == 1001


async def test_rendition_no_longer_scored_leaves_last_values(redis_server: RedisServer) -> None:
    """A rendition that is scored no more vanishes from the last values though its siblings go on."""
    client = redis_server.client()
    async with running(publisher_of(redis_server, last_ttl=0.3)) as publisher:
        publisher.publish_score(a_score(rendition="old"))
        for second in range(8):
            publisher.publish_score(a_score(second))
            await asyncio.sleep(0.1)
        assert list(client.hgetall("qoe:v1:last:news")) == ["720p"]
        await eventually(lambda: not client.exists("qoe:v1:last:news"))


async def test_active_alerts_agree_after_restart_of_daemon(redis_server: RedisServer) -> None:
    """A restarted daemon's active alerts are those that still fire; other daemons' are left alone."""
    client = redis_server.client()
    async with running(publisher_of(redis_server)) as publisher:
        publisher.publish_alert(an_alert(1, fingerprint="still"))
        publisher.publish_alert(an_alert(2, fingerprint="gone"))
    other = Publisher(RedisOptions(url=redis_server.url), instance="probe-2")
    async with running(other):
        other.publish_alert(an_alert(3, fingerprint="other"))
    client.hset("qoe:v1:alerts:active", "foreign", "not json")
    restarted = publisher_of(redis_server)
    restarted.seed_active([an_alert(1, fingerprint="still")])
    async with running(restarted):
        await eventually(lambda: restarted.stats().connected)
    assert set(client.hgetall("qoe:v1:alerts:active")) == {"still", "other", "foreign"}
    assert client.xlen("qoe:v1:log:alert") == 3


async def test_shipped_acl_suffices(redis_server: RedisServer) -> None:
    """The least rights in examples/redis.acl let the daemon publish everything and nothing else."""
    client = redis_server.client()
    acl = Path(__file__).parents[1] / "examples" / "redis.acl"
    for line in acl.read_text().splitlines():
        if line.startswith("user "):
            _, name, *rules = line.split()
            client.execute_command("ACL SETUSER", name, *rules)
    client.execute_command("ACL SETUSER", "default", "on", ">owner")
    options = {"username": "qoed", "password": "change-me-daemon"}
    async with running(publisher_of(redis_server, **options)) as publisher:
        publisher.publish_score(a_score())
        publisher.publish_finding(a_finding())
        publisher.publish_alert(an_alert())
        publisher.publish_alert(an_alert(state=AlertState.RESOLVED))
        publisher.publish_status("running")
    assert (publisher.stats().sent, publisher.stats().buffered) == (4, 0)
    async with running(publisher_of(redis_server, prefix="other", **options), drain_s=0.2) as outsider:
        outsider.publish_score(a_score())
    assert outsider.stats().dropped == {DropReason.SHUTDOWN: 1}
    assert client.keys("other:*") == []


async def test_unix_socket(redis_server: RedisServer) -> None:
    """A unix:// address works as well as a TCP one."""
    async with running(publisher_of(redis_server, url=redis_server.socket_url)) as publisher:
        publisher.publish_alert(an_alert())
    assert redis_server.client().xlen("qoe:v1:log:alert") == 1


async def test_tls(redis_server: RedisServer, tmp_path: Path) -> None:
    """A rediss:// address works, and only with a certificate that can be verified."""
    certificate, context = server_certificate(tmp_path)
    async with tls_front(redis_server, context) as port:
        trusted = f"rediss://localhost:{port}?ssl_ca_certs={certificate}"
        async with running(publisher_of(redis_server, url=trusted)) as publisher:
            publisher.publish_alert(an_alert())
        distrusted = publisher_of(redis_server, url=f"rediss://localhost:{port}")
        async with running(distrusted, drain_s=0.2):
            distrusted.publish_alert(an_alert(2))
    assert publisher.stats().sent == 1
    assert distrusted.stats().dropped == {DropReason.SHUTDOWN: 1}
    assert redis_server.client().xlen("qoe:v1:log:alert") == 1
    assert balanced(distrusted)


def server_certificate(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for localhost and the server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = directory / "cert.pem", directory / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate_path, key_path)
    return certificate_path, context


@asynccontextmanager
async def tls_front(server: RedisServer, context: ssl.SSLContext) -> AsyncIterator[int]:
    """The server behind TLS, on a port of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", server.port)
        async with asyncio.TaskGroup() as pumps:
            back = pumps.create_task(pump(up_reader, writer))
            await pump(reader, up_writer)
            back.cancel()
        up_writer.close()
        writer.close()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 20):
            writer.write(data)

    front = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with front:
        yield front.sockets[0].getsockname()[1]
