"""KoNViD-1k: 1,200 user videos of 960x540 and 8 s, MOS 1-5, each its own content.

Hosu et al., "The Konstanz natural video database (KoNViD-1k)", QoMEX 2017. KoNViD_1k_attributes.csv (there is
a copy in lorenzowu/SIONR) has columns flickr_id, file_name, MOS and others; KoNViD_1k_mos.csv has flickr_id
and mos. The videos are named by their flickr_id now and by file_name in the first edition.
"""

from __future__ import annotations

from pathlib import Path

from qoed_training.mos.layout import Layout
from qoed_training.mos.videos import Label

_TABLES = {"KoNViD_1k_attributes.csv": "MOS", "KoNViD_1k_mos.csv": "mos"}
"""Label files and their columns of opinion: either will do."""
_PLACES = (".", "KoNViD_1k_metadata", "KoNViD_1k_videos")


def read(root: Path, layout: Layout) -> list[Label]:
    """Labels of the first table that is there. Raises `CorpusError`."""
    path = layout.label_file(root, [str(Path(place) / table) for table in _TABLES for place in _PLACES])
    column = _TABLES[path.name]
    labels = []
    for row in layout.rows(path, ("flickr_id", column)):
        name = f"{row['flickr_id']}.mp4"
        first_edition = row.get("file_name")
        labels.append(
            Label(
                name=name,
                mos=layout.opinion(row[column], path, name),
                files=(name, first_edition) if first_edition else (name,),
                content=row["flickr_id"],
            )
        )
    return labels


LAYOUT = Layout(
    name="konvid-1k",
    title="KoNViD-1k (videos and metadata)",
    page="https://database.mmsp-kn.de/konvid-1k-database.html",
    wants=f"{' or '.join(_TABLES)} and 1,200 videos such as KoNViD_1k_videos/8536919744.mp4",
    higher_is_better=True,
    lo=1.0,
    hi=5.0,
    folders=("KoNViD_1k_videos", "."),
    read=read,
    count=1200,
)
