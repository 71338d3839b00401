"""libsrt through ctypes: the functions and statistics that a receiver needs (srt.h of 1.4 and 1.5)."""

from __future__ import annotations

import ctypes
import sys
from ctypes import c_char_p, c_double, c_int, c_int32, c_int64, c_uint64, c_void_p
from functools import cache

from qoed.ingest.failure import InputError

LIBRARIES = ("libsrt-gnutls.so.1.5", "libsrt.so.1.5", "libsrt-gnutls.so.1.4", "libsrt.so.1.4")
PACKAGE = "libsrt1.5-gnutls"
"""Debian's package of it."""

ERROR = -1
RCVSYN, RCVTIMEO, CONNTIMEO, RCVLATENCY = 2, 14, 36, 43
PASSPHRASE, STREAMID, PEER_IDLE_TIMEOUT = 26, 46, 55
"""SRT_SOCKOPT"""
EASYNCRCV, ETIMEOUT = 6002, 6003
"""SRT_ERRNO"""
BADSECRET, UNSECURE = 10, 11
"""SRT_REJECT_REASON"""
LOG_EMERG = 0
_MAX_TEXT = 513


class _Statistics(ctypes.Structure):
    """CBytePerfMon up to msRTT; the rest, which grows with versions, is room."""

    _fields_ = (
        ("msTimeStamp", c_int64),
        ("pktSentTotal", c_int64),
        ("pktRecvTotal", c_int64),
        ("pktSndLossTotal", c_int),
        ("pktRcvLossTotal", c_int),
        ("pktRetransTotal", c_int),
        ("pktSentACKTotal", c_int),
        ("pktRecvACKTotal", c_int),
        ("pktSentNAKTotal", c_int),
        ("pktRecvNAKTotal", c_int),
        ("usSndDurationTotal", c_int64),
        ("pktSndDropTotal", c_int),
        ("pktRcvDropTotal", c_int),
        ("pktRcvUndecryptTotal", c_int),
        ("bytesTotal", c_uint64 * 7),
        ("pktSent", c_int64),
        ("pktRecv", c_int64),
        ("pktCounts", c_int * 8),
        ("mbpsSendRate", c_double),
        ("mbpsRecvRate", c_double),
        ("usSndDuration", c_int64),
        ("pktReorderDistance", c_int),
        ("pktRcvAvgBelatedTime", c_double),
        ("pktRcvBelated", c_int64),
        ("pktSndDrop", c_int),
        ("pktRcvDrop", c_int),
        ("pktRcvUndecrypt", c_int),
        ("bytes", c_uint64 * 7),
        ("usPktSndPeriod", c_double),
        ("pktFlowWindow", c_int),
        ("pktCongestionWindow", c_int),
        ("pktFlightSize", c_int),
        ("msRTT", c_double),
        ("room", c_uint64 * 64),
    )


class Srt:
    """The loaded library."""

    def __init__(self, name: str) -> None:
        lib = ctypes.CDLL(name)
        for function, result, *arguments in (
            ("srt_startup", c_int),
            ("srt_setloglevel", None, c_int),
            ("srt_create_socket", c_int32),
            ("srt_setsockflag", c_int, c_int32, c_int, c_void_p, c_int),
            ("srt_getsockflag", c_int, c_int32, c_int, c_void_p, c_void_p),
            ("srt_bind", c_int, c_int32, c_char_p, c_int),
            ("srt_listen", c_int, c_int32, c_int),
            ("srt_accept", c_int32, c_int32, c_void_p, c_void_p),
            ("srt_connect", c_int, c_int32, c_char_p, c_int),
            ("srt_recvmsg", c_int, c_int32, c_char_p, c_int),
            ("srt_bistats", c_int, c_int32, c_void_p, c_int, c_int),
            ("srt_close", c_int, c_int32),
            ("srt_getlasterror", c_int, c_void_p),
            ("srt_getlasterror_str", c_char_p),
            ("srt_getrejectreason", c_int, c_int32),
            ("srt_rejectreason_str", c_char_p, c_int),
        ):
            found = getattr(lib, function)
            found.restype, found.argtypes = result, arguments
        self.lib = lib
        lib.srt_startup()
        lib.srt_setloglevel(LOG_EMERG)  # its log would tell stream ids

    def set_flag(self, sock: int, option: int, value: int | bytes | bool) -> None:
        """Set a socket option. Raises `InputError`."""
        if isinstance(value, bool):
            data: bytes = bytes([value])
        else:
            data = value if isinstance(value, bytes) else value.to_bytes(4, sys.byteorder, signed=True)
        if self.lib.srt_setsockflag(sock, option, data, len(data)) == ERROR:
            raise InputError(f"SRT option {option} was refused: {self.last_text()}", retryable=False)

    def text_flag(self, sock: int, option: int) -> str:
        """A socket option that is text."""
        buffer, size = ctypes.create_string_buffer(_MAX_TEXT), c_int(_MAX_TEXT)
        if self.lib.srt_getsockflag(sock, option, buffer, ctypes.byref(size)) == ERROR:
            return ""
        return buffer.raw[: size.value].rstrip(b"\0").decode(errors="replace")

    def last_error(self) -> int:
        """Number of the thread's last error."""
        return int(self.lib.srt_getlasterror(None))

    def last_text(self) -> str:
        """Text of the thread's last error."""
        text: bytes = self.lib.srt_getlasterror_str() or b"unknown error"
        return text.decode(errors="replace").removeprefix("Connection setup failure: ").rstrip(".")

    def statistics(self, sock: int) -> _Statistics | None:
        """Totals of a connection; None when it is gone."""
        found = _Statistics()
        return None if self.lib.srt_bistats(sock, ctypes.byref(found), 0, 1) == ERROR else found


@cache
def load() -> Srt:
    """The library. Raises `InputError` naming the package when it is not installed."""
    for name in LIBRARIES:
        try:
            return Srt(name)
        except OSError:
            continue
    raise InputError(f"SRT needs libsrt, which is not installed: apt install {PACKAGE}")
