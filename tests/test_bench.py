"""The benchmarks: every one runs, its figures are sane, its page says how to make it again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.flops import count_flop  # noqa: E402
from bench.machine import process_cpu_s  # noqa: E402
from bench.renditions_per_core import search  # noqa: E402
from bench.stages import STAGES, StageClock  # noqa: E402

from qoed_engine import Recipe  # noqa: E402

import openvino  # noqa: E402  isort: skip
from openvino import opset13 as ops  # noqa: E402  isort: skip


def _fault(name: str, alert_s: float | None) -> dict[str, Any]:
    raised = None if alert_s is None else "low_quality"
    row = {"fault": name, "stream": "live", "seconds": 6.0, "raised": raised, "resolve_s": None}
    return row | {"alert_s": alert_s}


DEMO = {
    "passed": False,
    "faults": [_fault("blur", 8.0), _fault("black", 2.0), _fault("freeze", 5.0), _fault("stale", None)],
    "false": [{"stream": "live", "rendition": None, "rule": "loudness"}],
}


def _bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "bench"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One quick run of everything: its JSON document, its pages and what it printed."""
    folder = tmp_path_factory.mktemp("bench")
    demo, figures, pages = folder / "demo.json", folder / "figures.json", folder / "pages"
    demo.write_text(json.dumps(DEMO))
    done = _bench("--quick", "--demo-json", demo, "--json", figures, "--write", pages)
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(**json.loads(figures.read_text()), pages=pages, done=done)


def test_decode_cost_compares_every_depth_with_a_plain_decode(quick: SimpleNamespace) -> None:
    """Each depth's ratio to a plain full decode is measured, and skipping frames costs less than not."""
    found = quick.benchmarks["decode_cost"]
    depths = found["depths"]
    assert set(depths) == {"full", "light", "extra_light"}
    assert found["reference_cpu_s_per_s"] > 0
    assert all(0 < each["ratio_min"] <= each["ratio_median"] < 100 for each in depths.values())
    assert depths["extra_light"]["ratio_median"] < depths["full"]["ratio_median"]
    assert depths["full"]["clips"] == depths["light"]["clips"] == 4


def test_decode_cost_says_where_all_of_it_goes(quick: SimpleNamespace) -> None:
    """The stages' shares add up to the whole cost, and none of them is without work."""
    for depth in quick.benchmarks["decode_cost"]["depths"].values():
        stages = depth["stages"]
        assert set(STAGES) < set(stages)
        assert all(share > 0 for share in stages.values()), stages
        assert sum(stages.values()) == pytest.approx(depth["ratio_median"], rel=1e-3)


def test_engine_throughput_is_a_share_of_the_machines_peak(quick: SimpleNamespace) -> None:
    """Clips a second, arithmetic and peak agree with each other for every number of threads."""
    found = quick.benchmarks["engine_throughput"]
    assert 0.01 < found["gflop_per_clip"] < 1000
    for each in found["rates"]:
        assert each["gflop_per_s"] == pytest.approx(each["clips_per_s"] * found["gflop_per_clip"])
        # One short repeat beside other load may flatter the engine; it cannot by much.
        assert 0.01 < each["share_of_peak"] < 2
        assert each["speed_over_onnxruntime"] > 0


def test_renditions_per_core_scores_every_clip_that_is_due(quick: SimpleNamespace) -> None:
    """Live renditions fed in real time to one pinned core are scored once a second at a known cost."""
    found = quick.benchmarks["renditions_per_core"]
    (trial,) = found["trials"]
    assert trial["renditions"] == 2
    assert trial["clips_due"] == 4
    assert trial["clips_scored"] + trial["dropped"] >= 4
    assert 0 < trial["cpu_s_per_rendition_s"] < 5
    assert found["extrapolated"] == pytest.approx(1 / trial["cpu_s_per_rendition_s"])


def test_poll_scale_polls_every_playlist_when_it_is_due(quick: SimpleNamespace) -> None:
    """Each stream is polled and its new segments fetched once a segment duration, without a finding."""
    found = quick.benchmarks["poll_scale"]
    bare, qoed = found["runs"]
    assert (bare["who"], qoed["who"]) == ("bare", "qoed")
    for each in (bare, qoed):
        due = each["streams"] * each["seconds"] / each["segment_s"]
        assert each["segments"] == pytest.approx(due, rel=0.3)
        assert each["playlists"] >= 0.7 * due
        assert 0 <= each["lag_s"][0] <= each["lag_s"][1] <= each["lag_s"][2]
    assert qoed["findings"] == {}
    assert qoed["cpu_ratio"] > 0


def test_fault_latency_counts_what_was_missed(quick: SimpleNamespace) -> None:
    """Median and worst are over the faults that were told; missed and false ones are counted beside them."""
    found = quick.benchmarks["fault_latency"]
    assert (found["median_s"], found["worst_s"]) == (5.0, 8.0)
    assert (found["faults"], found["missed"], found["false"], found["passed"]) == (4, 1, 1, False)


def test_figures_carry_their_machine(quick: SimpleNamespace) -> None:
    """A figure never travels without CPU model, versions, date and whether it is a measurement at all."""
    assert {"CPU", "versions", "date"} <= set(quick.machine)
    assert "openvino" in quick.machine["versions"]
    assert quick.quick is True
    assert all(0 <= each["foreign_cpu"] <= 1 for each in quick.benchmarks.values())


def test_pages_say_how_they_are_made(quick: SimpleNamespace) -> None:
    """Each benchmark's page names its command, finding and machine, and admits that the run was quick."""
    for name, found in quick.benchmarks.items():
        page = (quick.pages / f"{name}.md").read_text()
        assert f'make bench ARGS="{name}' in page.split("\n## ")[0]
        assert found["headline"] in page
        assert quick.machine["CPU"] in page
        assert "not a measurement" in page


def test_progress_stays_out_of_the_tables(quick: SimpleNamespace) -> None:
    """What is going on is told on standard error; standard output holds the results only."""
    assert "renditions in real time" in quick.done.stderr
    assert "renditions in real time" not in quick.done.stdout
    assert "fault_latency" in quick.done.stdout


def test_unfit_files_end_in_one_line(tmp_path: Path) -> None:
    """A table that the demo did not write and a clip that is no video end in one clear line."""
    unfit = tmp_path / "unfit.json"
    unfit.write_text("[]")
    for arguments in (("fault_latency", "--demo-json", unfit), ("decode_cost", "--clip", unfit)):
        done = _bench(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith(f"bench: {arguments[0]}: "), done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("limit", [0, 1, 4, 5, 37])
@pytest.mark.parametrize("guess", [1, 5, 40])
def test_search_ends_at_the_most_that_one_core_keeps_up_with(limit: int, guess: int) -> None:
    """Whatever the first guess, the search has tried the most that works and one more, and nothing twice."""
    core = SimpleNamespace(
        try_out=lambda count: SimpleNamespace(renditions=count, kept_up=count <= limit),
    )
    tried = [found.renditions for found in search(core, guess)]
    assert limit + 1 in tried
    assert limit == 0 or limit in tried
    assert len(set(tried)) == len(tried)


def test_flop_counter_agrees_with_a_count_by_hand(tmp_path: Path) -> None:
    """A convolution and a matrix product count two operations for each multiply-add."""
    recipe = Recipe(frames=2, grid=1, patch=4)  # clips of 2 x 8 x 4 x 3
    clips = ops.parameter([-1, 2, 8, 4, 3], name="clips")
    clips.output(0).set_names({"clips"})
    convolved = ops.convolution(
        clips, ops.constant(np.ones((5, 2, 1, 1, 1), np.float32)), [1] * 3, [0] * 3, [0] * 3, [1] * 3
    )
    product = ops.matmul(convolved, ops.constant(np.ones((3, 7), np.float32)), False, False)
    path = tmp_path / "network.xml"
    openvino.save_model(openvino.Model([product], [clips], "network"), path)
    by_convolution, by_product = 5 * 8 * 4 * 3 * 2, 5 * 8 * 4 * 7 * 3
    assert count_flop(path, "clips", recipe) == 2 * (by_convolution + by_product)


def test_inner_stages_are_not_counted_to_outer_ones() -> None:
    """CPU time inside a nested stage belongs to that stage alone."""
    clock = StageClock()
    with clock.stage("outer"):
        with clock.stage("inner"):
            sum(range(2_000_000))
        sum(range(20_000))
    assert clock.spent["inner"] > 4 * clock.spent["outer"] > 0


def test_cpu_time_of_another_process_is_seen() -> None:
    """The CPU time of a running child is read while it lives, as the decode worker's must be."""
    with subprocess.Popen(
        [sys.executable, "-c", "sum(range(3_000_000)); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert process_cpu_s(child.pid) > 0.02
        child.communicate(b"\n")
