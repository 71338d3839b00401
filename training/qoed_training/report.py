"""The accuracy receipt of a manifest as a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qoed_engine.manifest import Manifest


def accuracy_page(manifest: Manifest) -> str:
    """Markdown of `manifest.receipt`; every number in it comes from there."""
    receipt = manifest.receipt
    clips, ladders, stills = receipt["held_out_clips"], receipt["ladders"], receipt["held_out_stills"]
    return "\n".join(
        [
            f"# Accuracy of {manifest.model}",
            "",
            "Written by `qoed-train receipt`; the numbers are those of the manifest beside the weights,",
            f"measured by `qoed-train evaluate` with the exported network on `{receipt['backend']}`.",
            f"Trained for {receipt['training']['steps']} steps on {receipt['training']['scenes']} one-second",
            "scenes. Nothing below was seen in training; scale and interval were fitted on further",
            "productions and pictures of their own.",
            "",
            "## Held-out productions",
            "",
            f"{clips['clips']} clips in {clips['scenes']} scenes of {', '.join(clips['groups'])},",
            "degraded by codecs (H.264, HEVC, AV1, MPEG-2), scaling, blur, noise, motion blur, contrast",
            "and held frames. The label is a blend of xpsnr, ssim and vif, scaled to human opinion.",
            "",
            *_table(
                {
                    "Spearman, all clips": clips["spearman"],
                    "Pearson, all clips": clips["pearson"],
                    "RMSE, points": clips["rmse"],
                    "Spearman inside a scene, mean": clips["spearman_within_scene_mean"],
                    f"label inside the interval (wanted {clips['interval_coverage_wanted']})": clips[
                        "interval_coverage"
                    ],
                }
            ),
            "",
            "## Ladders",
            "",
            f"One second of each of {ladders['sources']} held-out sources, x264. People cannot tell",
            "CRF 17 from 22, so order is asked from 22 up.",
            "",
            *_table(
                {
                    "adjacent CRF steps in the right order": ladders["crf_adjacent_pairs_right"],
                    "two CRF steps in the right order": ladders["crf_two_steps_right"],
                    "worst rise with a worse CRF, points": ladders["crf_worst_rise_points"],
                    "Pearson of mean score to mean opinion over CRF": ladders["crf_pearson_to_human_mean"],
                    "adjacent resolutions in the right order": ladders["resolution_adjacent_pairs_right"],
                }
            ),
            "",
            "Mean score by CRF: " + _series(ladders["crf_mean_score"]) + ".",
            "",
            "Mean score by share of the screen's lines: " + _series(ladders["resolution_mean_score"]) + ".",
            "",
            "## People",
            "",
            f"{stills['stills']} H.265 stills of {stills['sources']} held-out sources with lab opinion,",
            "shown on 1080 lines. The height of a still alone orders them well, so the rows inside a height",
            "band and inside a source say more.",
            "",
            *_table(
                {
                    "Spearman to opinion, all stills": stills["spearman"],
                    "Pearson to opinion, all stills": stills["pearson"],
                    "Spearman of the height alone": stills["spearman_of_height_alone"],
                    **{
                        f"Spearman within {band} lines ({row['n']} stills)": row["spearman"]
                        for band, row in stills["spearman_within_height_band"].items()
                    },
                    "Spearman inside a source, mean": stills["spearman_within_source_mean"],
                }
            ),
            "",
        ]
    )


def _table(rows: Mapping[str, Any]) -> list[str]:
    return ["| measure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]


def _series(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name}: {value:.1f}" for name, value in values.items())
