"""A table as data, and as Markdown; the page has its own way to show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["ours", "published", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line. `cells` are as many as the columns; a `missing` row has none, and its `note` says why.

    `bar` is a 0-1 length to draw beside the first cell.
    """

    name: str
    cells: tuple[str, ...] = ()
    kind: Kind = "ours"
    note: str = ""
    bar: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: `head` names the rows, `columns` the cells; `notes` follow it, each a sentence or two."""

    name: str
    title: str
    head: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if row.kind != "missing" and len(row.cells) != len(self.columns):
                raise ValueError(f"table {self.name}, {row.name}: {len(row.cells)} cells")


def to_markdown(table: Table) -> str:
    """The table with its notes; published rows carry their source, rows that lack something say what."""
    lines = [f"## {table.title}", "", _line(table.head, *table.columns, "source"), _rule(len(table.columns))]
    for row in table.rows:
        cells = row.cells if row.kind != "missing" else (row.note,)
        empty = [""] * (len(table.columns) - len(cells))
        source = row.note if row.kind == "published" else "ours" if row.kind == "ours" else ""
        lines.append(_line(row.name, *cells, *empty, source))
    for note in table.notes:
        lines += ["", note]
    return "\n".join([*lines, ""])


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _rule(columns: int) -> str:
    return "|---|" + "---:|" * columns + "---|"
