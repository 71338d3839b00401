"""The unit: parsed always, and judged by systemd's own tools where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[1] / "systemd"
MAX_EXPOSURE = 15
"""systemd-analyze's scale is 0 (safe) to 100; a bare unit has 96."""


def directives(path: Path) -> dict[str, list[str]]:
    """`Key=value` lines of a unit by key, in order."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#;[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("WatchdogSec", "30"),
        ("TimeoutStopSec", "30"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "78"),
        ("KillMode", "mixed"),
        ("OOMPolicy", "continue"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateDevices", "yes"),
        ("PrivateTmp", "yes"),
        ("RestrictNamespaces", "yes"),
        ("SystemCallArchitectures", "native"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
        ("IPAddressDeny", "link-local multicast"),
        ("UMask", "0077"),
    ],
)
def test_directive(key: str, value: str) -> None:
    """Every promise that the unit makes about life cycle and sandbox stands in it, once."""
    assert directives(UNITS / "qoed.service")[key] == [value]


def test_what_would_break_the_engine_is_absent() -> None:
    """The sandbox does not forbid what OpenVINO, CUDA and thread pinning need."""
    unit = directives(UNITS / "qoed.service")

    assert "MemoryDenyWriteExecute" not in unit
    assert "ProcSubset" not in unit
    assert not any("@resources" in value for value in unit["SystemCallFilter"])


def test_gpu_drop_in_admits_both_driver_names() -> None:
    """The GPU drop-in opens exactly the GPU's devices, under the names of old and of current drivers."""
    drop_in = directives(UNITS / "qoed-gpu.conf")

    assert drop_in["DevicePolicy"] == ["closed"]
    assert drop_in["PrivateDevices"] == ["no"]
    assert {"char-nvidia rw", "char-nvidia-frontend rw", "char-nvidia-uvm rw"} <= set(drop_in["DeviceAllow"])


def test_multicast_drop_in_opens_multicast_only() -> None:
    """Multicast inputs need the drop-in, which lifts that one denial and nothing else."""
    assert directives(UNITS / "qoed-multicast.conf") == {"IPAddressAllow": ["multicast"]}


def analyze(*arguments: str) -> str:
    """Output of systemd-analyze; the test is reported as skipped, with the reason, where it is missing."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the unit was parsed, its exposure was NOT measured")
    command = ["systemd-analyze", "--no-pager", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    return result.stdout + result.stderr


@pytest.mark.parametrize("drop_in", [None, "gpu", "multicast"])
def test_exposure(tmp_path: Path, drop_in: str | None) -> None:
    """systemd rates the sandbox as tight, with and without each drop-in."""
    shutil.copy(UNITS / "qoed.service", tmp_path)
    if drop_in:
        (tmp_path / "qoed.service.d").mkdir()
        shutil.copy(UNITS / f"qoed-{drop_in}.conf", tmp_path / "qoed.service.d" / f"{drop_in}.conf")

    analyze("security", "--offline=true", f"--threshold={MAX_EXPOSURE}", str(tmp_path / "qoed.service"))


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """systemd knows every directive and value of the unit."""
    text = (UNITS / "qoed.service").read_text(encoding="utf-8")
    unit = tmp_path / "qoed.service"
    unit.write_text(text.replace("/usr/bin/qoed", "/bin/true"), encoding="utf-8")

    output = analyze("verify", "--man=no", str(unit))

    assert "qoed.service" not in output, output
