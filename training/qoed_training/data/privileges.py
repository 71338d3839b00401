"""Give up CAP_SYS_NICE: as root, SVT-AV1 would take real-time priority and starve the machine."""

from __future__ import annotations

import ctypes
import os

_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_CAP_SYS_NICE = 23


def drop_sys_nice() -> None:
    """Drop the capability from this thread and those that it starts; only root has it to drop."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) != 0:
        return
    for index in (0, 1):  # effective, permitted
        sets[index] &= ~(1 << _CAP_SYS_NICE) & 0xFFFFFFFF
    libc.capset(header, sets)
