"""How soon an operator hears of a fault: from the fault on the wire to the alert at a Redis subscriber.

Unit: seconds of wall time. They begin when the demo's origin first serves what is broken (or fails to serve
what is due) and end when a subscriber has the alert; fetching, windows and every `for` of the rules count.
Reference: none; the table comes from `qoed demo --json FILE` (`--demo-json FILE` here), which is run when no
file is given.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import Result, Say, Settings, Table


def run(settings: Settings, say: Say) -> Result:
    """Summarise the demo's table. Raises `RuntimeError` when the demo gave none."""
    if settings.demo_json is not None:
        return _read(settings.demo_json)
    with tempfile.TemporaryDirectory(prefix="qoed-bench-") as folder:
        path = Path(folder) / "demo.json"
        say("running the demo, about two minutes")
        _run_demo(path, quick=settings.quick)
        return _read(path)


def _read(path: Path) -> Result:
    try:
        return _result(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise RuntimeError(f"{path}: not what `qoed demo --json` writes ({error})") from error


def _run_demo(path: Path, *, quick: bool) -> None:
    code = "from qoed.cli.main import main; main()"
    command = [sys.executable, "-c", code, "demo", "--plain", "--json", str(path)]
    done = subprocess.run(
        command + ["--quick"] * quick, capture_output=True, text=True, errors="replace", check=False
    )
    if not path.exists():  # a fault missed is an exit code of 1 with a table; no table is a failure
        last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise RuntimeError(f"the demo ended with {done.returncode} and no table: {last}")


def _result(demo: dict[str, Any]) -> Result:
    faults = demo["faults"]
    times = [fault["alert_s"] for fault in faults if fault["alert_s"] is not None]
    missed = len(faults) - len(times)
    false = len(demo["false"])
    summary = f"median {median(times):.1f} s, worst {max(times):.1f} s" if times else "no alert at all"
    return Result(
        headline=f"Fault on the wire to alert in Redis: {summary}, over {len(faults)} faults; "
        f"{missed} missed, {false} false alerts",
        tables=(
            Table(
                title="Faults of the demo",
                columns=("fault", "stream", "lasted s", "alert", "seconds to alert", "seconds to resolve"),
                rows=[
                    (
                        fault["fault"],
                        fault["stream"],
                        f"{fault['seconds']:g}",
                        fault["raised"] or "MISSED",
                        _seconds(fault["alert_s"]),
                        _seconds(fault["resolve_s"]),
                    )
                    for fault in faults
                ],
            ),
        ),
        notes=("Seconds to resolve count from the end of the fault on the wire.",),
        figures={
            "median_s": median(times) if times else None,
            "worst_s": max(times, default=None),
            "faults": len(faults),
            "missed": missed,
            "false": false,
            "passed": demo["passed"],
            "rows": faults,
        },
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
