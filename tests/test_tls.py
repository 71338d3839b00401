"""HTTPS: whom the client trusts, and what the operator can add to that."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from certificates import certificates
from qoed.config import load_config
from qoed.errors import ConfigError
from qoed.source import HttpClient
from qoed.source.http import FetchError, FetchKind
from qoed.source.tls import trusting


@asynccontextmanager
async def https_origin(folder: Path) -> AsyncIterator[str]:
    """An origin whose certificate is by an authority that nobody knows; gives a URL that answers `hello`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_an_unknown_authority_is_refused_until_the_operator_trusts_it(tmp_path: Path) -> None:
    """A certificate by an unknown authority is a TLS fault; `ca_file` with that authority makes it good."""
    ca_file = certificates(tmp_path)
    async with https_origin(tmp_path) as url:
        async with HttpClient() as http:
            with pytest.raises(FetchError, match=r"^TLS failed: https://") as caught:
                await http.fetch(url, max_bytes=100, deadline_s=5)
        async with HttpClient(tls=trusting(ca_file)) as http:
            fetched = await http.fetch(url, max_bytes=100, deadline_s=5)

    assert caught.value.kind is FetchKind.TLS
    assert fetched.body == b"hello"


def test_own_authorities_come_on_top_of_the_systems(tmp_path: Path) -> None:
    """With `ca_file` the system's authorities stay trusted, so public origins go on working."""
    system = len(ssl.create_default_context().get_ca_certs())
    assert len(trusting(certificates(tmp_path)).get_ca_certs()) == system + 1


def test_ca_file_is_found_beside_the_config_file(tmp_path: Path) -> None:
    """A relative `http.ca_file` starts at the config file's folder."""
    certificates(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text("http: {ca_file: ca.pem}")
    assert load_config(path).http.ca_file == str(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot read {path} (No such file or directory)"), ("hello", "{path} holds no certificate")],
)
def test_a_bad_ca_file_is_told_with_its_line(tmp_path: Path, content: str | None, said: str) -> None:
    """A `ca_file` that is not there or holds no certificate is a mistake of the file, with its line."""
    authority = tmp_path / "ca.pem"
    if content is not None:
        authority.write_text(content)
    path = tmp_path / "config.yaml"
    path.write_text("http:\n  ca_file: ca.pem\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}:2: http.ca_file: {said.format(path=authority)}")
