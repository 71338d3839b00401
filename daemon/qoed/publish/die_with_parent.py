"""Run a command that the kernel ends when the process that started us ends, however that happens.

Run by path, not imported: `python -I -S die_with_parent.py PARENT_PID COMMAND...`. Between fork and exec of a
process with threads, Python code is not safe; after exec of this small interpreter it is.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def main(arguments: list[str]) -> None:
    """Never returns: becomes the command. Exits 1 when the parent is gone already."""
    parent, *command = arguments
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
