"""Where the network is most wrong: what to look at first."""

from __future__ import annotations

from qoed_training.page.material import Clip, Evaluation
from qoed_training.tables.layout import Row, Table

WORST = 12
SAID_AT = 0.5


def worst_cases(evaluation: Evaluation) -> Table:
    """The held-out clips whose score is farthest from the label, at most two of a scene."""
    seen: dict[str, int] = {}
    rows = []
    for clip in sorted(
        evaluation.clips, key=lambda clip: (-abs(clip.score - clip.label), clip.scene, clip.plan)
    ):
        seen[clip.scene] = seen.get(clip.scene, 0) + 1
        if seen[clip.scene] <= 2:
            rows.append(_row(clip, evaluation.distortions))
        if len(rows) == WORST:
            break
    return Table(
        name="worst",
        title="Held-out clips scored worst",
        head="scene and what was done to it",
        columns=("score", "label", "off by", "interval", "the network says"),
        rows=tuple(rows),
        notes=("At most two of a scene. A plus means scored too high.",),
    )


def _row(clip: Clip, distortions: tuple[str, ...]) -> Row:
    said = [
        f"{name.replace('_', ' ')} {100 * probability:.0f} %"
        for probability, name in sorted(zip(clip.probabilities, distortions, strict=True), reverse=True)
        if probability >= SAID_AT
    ]
    missed = "" if clip.lo <= clip.label <= clip.hi else " (missed)"
    cells = (
        f"{clip.score:.0f}",
        f"{clip.label:.0f}",
        f"{clip.score - clip.label:+.0f}".replace("-", "−"),
        f"{clip.lo:.0f}–{clip.hi:.0f}{missed}",
        ", ".join(said) or "nothing",
    )
    return Row(name=f"{clip.scene}: {clip.plan}", cells=cells)
