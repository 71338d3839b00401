"""SRT without the library, and what is told then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qoed.ingest import srt_library
from qoed.ingest.failure import InputError
from qoed.ingest.setup import Setup
from qoed.ingest.srt import SrtLink, _sockaddr


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A host on which libsrt is not installed."""
    srt_library.load.cache_clear()
    monkeypatch.setattr(srt_library, "LIBRARIES", ("libno-such-thing.so.1",))
    yield
    srt_library.load.cache_clear()


def test_missing_library_names_its_package(no_library: None) -> None:
    """Without libsrt an SRT input fails with what to install, and can be retried after that."""
    with pytest.raises(InputError) as caught:
        SrtLink(Setup(kind="srt", host="127.0.0.1", port=9000))

    assert str(caught.value) == "SRT needs libsrt, which is not installed: apt install libsrt1.5-gnutls"
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("host", "size", "tail"),
    [("192.0.2.7", 16, bytes([192, 0, 2, 7]) + bytes(8)), ("::1", 28, bytes(19) + b"\x01" + bytes(4))],
)
def test_addresses_as_the_library_reads_them(host: str, size: int, tail: bytes) -> None:
    """`sockaddr_in` and `sockaddr_in6` have the kernel's layout."""
    address = _sockaddr(host, 9000)

    assert len(address) == size
    assert address[2:4] == b"\x23\x28"  # network order
    assert address.endswith(tail)


def test_statistics_have_the_librarys_layout() -> None:
    """Offsets of the counters that are read, as a C compiler gives them for srt.h of 1.5 on 64 bits."""
    layout = srt_library._Statistics
    offsets = {
        name: getattr(layout, name).offset
        for name in ("pktRecvTotal", "pktRcvLossTotal", "pktRcvDropTotal", "pktRcvUndecryptTotal", "msRTT")
    }

    assert offsets == {
        "pktRecvTotal": 16,
        "pktRcvLossTotal": 28,
        "pktRcvDropTotal": 68,
        "pktRcvUndecryptTotal": 72,
        "msRTT": 328,
    }
