"""The accuracy receipt of a manifest as a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qoed_engine.manifest import Manifest
from qoed_training.data.corpus import CorpusError
from qoed_training.evaluation.figures import CONFIDENCE
from qoed_training.evaluation.head import BINS
from qoed_training.evaluation.order import RISE_ALLOWED

RISES_SHOWN = 5


def accuracy_page(manifest: Manifest) -> str:
    """Markdown of `manifest.receipt`; every number in it comes from there.

    Raises `CorpusError` for the receipt of another version.
    """
    receipt = manifest.receipt
    if not receipt:
        return f"# Accuracy of {manifest.model}\n\nNothing measured yet: run `qoed-train evaluate`.\n"
    parts = (_head, _targets, _clips, _ladders, _people, _stills, _interval, _types, _unfit, _cost)
    try:
        lines = [line for part in parts for line in part(receipt)]
    except KeyError as error:
        raise CorpusError(
            f"the receipt of {manifest.model} lacks {error}, another version wrote it: "
            "run qoed-train evaluate again"
        ) from error
    return "\n".join([f"# Accuracy of {manifest.model}", "", *lines])


def _head(receipt: Mapping[str, Any]) -> list[str]:
    steps = receipt["training"]["steps"]
    return [
        "Written by `qoed-train receipt`; the numbers are those of the manifest beside the weights,",
        f"measured by `qoed-train evaluate` with the exported network on `{receipt['backend']}`, in the",
        f"precision that the daemon runs on such a machine ({receipt['precision']}). Trained for",
        f"{'an unknown number of' if steps is None else steps} steps on {receipt['training']['scenes']}",
        "one-second scenes.",
        "Nothing below was seen in training; scale, interval and head were calibrated on further productions",
        "and pictures of their own.",
        f"In brackets: {100 * CONFIDENCE:g} % interval of a bootstrap over productions (sources, for ladders",
        "and stills).",
        "",
    ]


def _targets(receipt: Mapping[str, Any]) -> list[str]:
    return [
        "## Targets",
        "",
        "| target | wanted | figure | reached |",
        "|---|---|---|---|",
        *(
            f"| {row['target']} | {row['wanted']} | {_number(row['figure'])} |"
            f" {'yes' if row['reached'] else 'no'} |"
            for row in receipt["targets"]
        ),
        "",
    ]


def _clips(receipt: Mapping[str, Any]) -> list[str]:
    clips = receipt["held_out_clips"]
    parts = {
        "all degradations": clips["all"],
        "codecs and scales only": clips["codecs_and_scales"],
        "all, without screen recordings": clips["all_without_screens"],
        "codecs and scales, without screen recordings": clips["codecs_and_scales_without_screens"],
    }
    if "all_that_get_a_score" in clips:
        parts["all that do not abstain"] = clips["all_that_get_a_score"]
    return [
        "## Held-out productions",
        "",
        f"{clips['clips']} clips in {clips['scenes']} scenes of {', '.join(clips['groups'])}. The label is a",
        "blend of full-reference measures, scaled to human opinion; the score is the mean over",
        f"{receipt['cuts_a_score']} sets of places in the same frames. PLCC and RMSE after the",
        "four-parameter logistic of VQEG (2000).",
        "",
        "| part | clips | SROCC | KROCC | PLCC | RMSE |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {part['n']} | {_with(part['spearman'], part['spearman_confidence'])} |"
            f" {_number(part['kendall'])} | {_number(part['pearson'])} | {_number(part['rmse'])} |"
            for name, part in parts.items()
        ),
        "",
        f"Inside a scene, mean SROCC: {_number(clips['spearman_within_scene_mean'])}. RMSE on the scale as",
        f"it stands: {_number(clips['rmse_on_scale'])} points.",
        "",
        *_table("clips with", {name.replace("_", " "): row for name, row in clips["by_distortion"].items()}),
        *_table("production", clips["by_group"]),
    ]


def _table(head: str, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"| {head} | clips | SROCC |",
        "|---|---|---|",
        *(f"| {name} | {row['n']} | {_number(row['spearman'])} |" for name, row in rows.items()),
        "",
    ]


def _ladders(receipt: Mapping[str, Any]) -> list[str]:
    ladders = receipt["ladders"]
    return [
        "## Ladders",
        "",
        f"{ladders['clips']} seconds of {ladders['sources']} held-out videos, each at every rung. Order is",
        "asked from where people see it; a rise is asked about everywhere, between any two rungs of a clip.",
        "",
        "| ladder | clips | from | adjacent in order | two steps in order | worst rise, points |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {kind['ladders']} | {kind['asked_from']:g} |"
            f" {_with(kind['adjacent_right'], kind['adjacent_right_confidence'])} |"
            f" {_with(kind['two_steps_right'], kind['two_steps_right_confidence'])} |"
            f" {_number(kind['worst_rise_points'])} |"
            for name, kind in ladders["kinds"].items()
        ),
        "",
        *_rises(ladders),
        "Mean score, best rung first:",
        "",
        *(
            f"- {name}: "
            + _series({f"{r:g}": m for r, m in zip(kind["rungs"], kind["mean_score"], strict=True)})
            for name, kind in ladders["kinds"].items()
        ),
        "",
    ]


def _rises(ladders: Mapping[str, Any]) -> list[str]:
    if not ladders["kinds"]:
        return ["Not measured: no ladder is whole.", ""]
    if not ladders["rises_beyond_allowed"]:
        return [f"No clip rises by more than {RISE_ALLOWED:g} points with less bitrate.", ""]
    return [
        f"{ladders['rises_beyond_allowed']} ladders rise by more than {RISE_ALLOWED:g} points, the worst"
        " of them:",
        "",
        *(
            f"- {rise['clip']}, {rise['kind']}, {rise['from']:g} to {rise['to']:g}:"
            f" {rise['points']:.1f} points"
            for rise in ladders["worst_rises"][:RISES_SHOWN]
        ),
        "",
    ]


def _people(receipt: Mapping[str, Any]) -> list[str]:
    people = receipt["people"]
    if not people:
        return []
    columns = {
        "mean score": people["mean_score"],
        "people": people["people_mean"],
        "spread over videos": people["spread"],
    }
    if people["people_spread"] is not None:
        columns[f"people's spread over {people['people_sources']} videos"] = people["people_spread"]
    return [
        "## People's curve over CRF",
        "",
        "The labels of the training clips were scaled to this very curve: what is asked here is whether that",
        "carries over to productions that took no part.",
        "",
        "| CRF | " + " | ".join(f"{crf}" for crf in people["crf"]) + " |",
        "|---" * (1 + len(people["crf"])) + "|",
        *(
            f"| {name} | " + " | ".join(f"{value:.1f}" for value in row) + " |"
            for name, row in columns.items()
        ),
        "",
        f"Pearson {_number(people['pearson'])} as it stands,"
        f" {_with(people['pearson_after_map'], people['pearson_after_map_confidence'])} after one map"
        f" ({people['map']}).",
        f"From CRF 0 to 22 the mean falls by {_number(people['drop_0_to_22_mean'])} points, of one clip by"
        f" at most {_number(people['drop_0_to_22_worst'])}.",
        "",
    ]


def _stills(receipt: Mapping[str, Any]) -> list[str]:
    stills = receipt["held_out_stills"]
    rows: dict[str, str] = {
        "SROCC, all stills": _with(stills["spearman"], stills["spearman_confidence"]),
        "KROCC": _number(stills["kendall"]),
        "PLCC": _number(stills["pearson"]),
        "RMSE, MOS": _number(stills["rmse"]),
        "SROCC of the height alone": _number(stills["spearman_of_height_alone"]),
        **{
            f"SROCC within {band} lines ({row['n']} stills)": _with(
                row["spearman"], row["spearman_confidence"]
            )
            for band, row in stills["spearman_within_height_band"].items()
        },
        "SROCC inside a source, mean": _number(stills["spearman_within_source_mean"]),
    }
    return [
        "## Stills with lab opinion",
        "",
        f"{stills['stills']} H.265 stills of {stills['sources']} held-out sources, shown on 1080 lines.",
        "The height of a still alone orders them well, so the rows inside a height band and inside a source",
        "say more.",
        "",
        "| measure | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
    ]


def _interval(receipt: Mapping[str, Any]) -> list[str]:
    interval = receipt["interval"]
    return [
        "## Interval",
        "",
        f"Wanted: {_number(interval['wanted'])} of labels inside. Held-out clips:"
        f" {_with(interval['coverage'], interval['coverage_confidence'])}, stills:"
        f" {_number(interval['coverage_of_stills'])}; mean width {_number(interval['mean_width'])} points.",
        "",
        "| scores | clips | coverage | half-width |",
        "|---|---|---|---|",
        *(
            f"| up to {row['up_to']:g} | {row['n']} | {_number(row['coverage'])} |"
            f" {_number(row['half_width'])} |"
            for row in interval["coverage_by_score"]
        ),
        "",
        "By production: " + _series(interval["coverage_by_group"], digits=3) + ".",
        "",
    ]


def _types(receipt: Mapping[str, Any]) -> list[str]:
    head = receipt["head"]
    return [
        "## Distortion head",
        "",
        f"Mean expected calibration error {_number(head['ece_mean'])} ({BINS} bins), mean AUC"
        f" {_number(head['auc_mean'])}.",
        "",
        "| type | clips that have it | ECE | AUC |",
        "|---|---|---|---|",
        *(
            f"| {name.replace('_', ' ')} | {row['present']} | {_number(row['ece'])} | {_number(row['auc'])} |"
            for name, row in head["types"].items()
        ),
        "",
    ]


def _unfit(receipt: Mapping[str, Any]) -> list[str]:
    found = receipt.get("abstention")
    if not found:
        return []
    return [
        "## Abstention",
        "",
        f"Of {found['clips_unfit']} clips that the network was not made for, {_number(found['found'])} are",
        f"left without a score; of {found['clips_real']} real ones {_number(found['real_abstained'])}",
        f"(AUC {_number(found['auc'])}). Measured by `qoed-train fitness` on the network before its export.",
        "",
        "Found, by kind: " + _series(found["found_by_kind"], digits=3) + ".",
        "",
    ]


def _cost(receipt: Mapping[str, Any]) -> list[str]:
    cost, base = receipt["cost"], receipt.get("against_base")
    lines = [
        "## Cost",
        "",
        f"{cost['parameters'] / 1e6:.2f} M parameters, {cost['gflop_a_clip']:.2f} GFLOP a clip,"
        f" {cost['megabytes']:.1f} MB, {cost['cpu_ms_a_clip']:.1f} ms of CPU a clip on"
        f" {cost['cpu_ms_measured_on']}.",
        "",
    ]
    if base == {}:
        lines[-1:] = ["Not compared with `base`: there is no receipt of it.", ""]
    elif base:
        lines[-1:] = [
            f"{_number(base['times_cheaper'])} times cheaper than {base['model']},"
            f" {_number(base['spearman_behind'])} Spearman behind it.",
            "",
        ]
    return lines


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4g}"


def _with(value: float | None, interval: Sequence[float] | None) -> str:
    shown = _number(value)
    return shown if interval is None else f"{shown} ({interval[0]:.3g} to {interval[1]:.3g})"


def _series(values: Mapping[str, float], *, digits: int = 1) -> str:
    return ", ".join(f"{name}: {value:.{digits}f}" for name, value in values.items())
