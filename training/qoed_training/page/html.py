"""Pieces of the page: cards, tables, lists. Everything from outside is escaped here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from qoed_training.page.draw import Figure
from qoed_training.page.targets import Reached
from qoed_training.tables.layout import Row, Table

STYLE = Path(__file__).with_name("style.css")
_MARKS = {"met": "✓", "short": "✗", "missing": "–"}
_WORDS = {"met": "reached", "short": "falls short", "missing": "not measured"}


def figure_card(figure: Figure) -> str:
    """A figure with its two sentences."""
    label = f'<svg role="img" aria-label="{escape(figure.alt)}"'
    return (
        f'<figure class="card" id="{escape(figure.name)}"><h3>{escape(figure.title)}</h3>'
        f"{figure.svg.replace('<svg', label, 1)}"
        f"<figcaption><p>{escape(figure.shows)}</p>"
        f'<p class="good"><b>Good:</b> {escape(figure.good)}</p></figcaption></figure>'
    )


def missing_card(title: str, why: str) -> str:
    """What stands where a figure would be."""
    return (
        f'<figure class="card missing"><h3>{escape(title)}</h3><p>Not measured: {escape(why)}.</p></figure>'
    )


def table_card(table: Table) -> str:
    """A table that scrolls sideways on its own where the screen is narrow."""
    head = "".join(f"<th scope=col>{escape(column)}</th>" for column in (table.head, *table.columns))
    bars = any(row.bar is not None for row in table.rows)
    kind = "mixed" if {row.kind for row in table.rows} >= {"ours", "published"} else "own"
    rows = "\n".join(_row(row, len(table.columns), bars) for row in table.rows)
    sources = list(dict.fromkeys(row.note for row in table.rows if row.kind == "published"))
    notes = [*table.notes, *([f"Published: {'; '.join(sources)}."] if sources else [])]
    return (
        f'<div class="card wide" id="table-{escape(table.name)}"><h3>{escape(table.title)}</h3>'
        f'<div class="scroll"><table class="{kind}">'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>"
        + "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
        + "</div>"
    )


def _row(row: Row, columns: int, bars: bool) -> str:
    name = f"<th scope=row>{escape(row.name)}</th>"
    if row.kind == "missing":
        return f'<tr class="missing">{name}<td colspan={columns}><span>{escape(row.note)}</span></td></tr>'
    first, *rest = row.cells
    bar = f'<i style="width:{100 * row.bar:.1f}%"></i>' if row.bar is not None else ""
    cell = f'<td class="bar">{bar}<span>{escape(first)}</span></td>' if bars else f"<td>{escape(first)}</td>"
    return f'<tr class="{row.kind}">{name}{cell}' + "".join(f"<td>{escape(c)}</td>" for c in rest) + "</tr>"


def target_list(targets: Sequence[Reached]) -> str:
    """Targets as rows with a mark, so that one look tells what is short."""
    rows = "\n".join(
        f'<tr class="{one.state}"><td class="mark" title="{_WORDS[one.state]}">{_MARKS[one.state]}</td>'
        f"<th scope=row>{escape(one.name)}</th><td>{escape(one.value)}</td>"
        f"<td>{escape(one.bounds)}</td><td>{escape(one.wanted)}</td></tr>"
        for one in targets
    )
    return (
        '<div class="card wide"><div class="scroll"><table class="targets"><thead><tr><th></th>'
        "<th scope=col>figure</th><th scope=col>measured</th><th scope=col>95 % between</th>"
        f"<th scope=col>wanted</th></tr></thead><tbody>{rows}</tbody></table></div>"
        '<p class="note">Between: bootstrap over whole productions and scenes; few productions make it wide.'
        "</p></div>"
    )


def receipt_list(receipt: Mapping[str, Any]) -> str:
    """Everything that the receipt holds, folded away."""
    return (
        '<details class="card wide"><summary>The whole receipt, as the manifest holds it</summary>'
        f"{_nested(receipt)}</details>"
    )


def _nested(value: Any) -> str:
    if isinstance(value, Mapping):
        rows = (f"<dt>{escape(str(key))}</dt><dd>{_nested(entry)}</dd>" for key, entry in value.items())
        return f"<dl>{''.join(rows)}</dl>"
    if isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        return f"<ol>{''.join(f'<li>{_nested(entry)}</li>' for entry in value)}</ol>"
    if isinstance(value, list):
        return escape(", ".join(str(entry) for entry in value))
    return escape("not measured" if value is None else str(value))


def section(name: str, title: str, lead: str, parts: Sequence[str]) -> str:
    """A headed part of the page."""
    inside = "\n".join(parts)
    return (
        f'<section id="{escape(name)}"><h2>{escape(title)}</h2><p class="lead">{escape(lead)}</p>'
        f'<div class="cards">\n{inside}\n</div></section>'
    )


def document(title: str, summary: str, links: Mapping[str, str], sections: Sequence[str]) -> str:
    """The whole page; nothing in it is fetched from anywhere."""
    menu = "".join(f'<a href="#{escape(name)}">{escape(text)}</a>' for name, text in links.items())
    style = STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style></head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1><p>{escape(summary)}</p><nav>{menu}</nav></header>\n<main>\n"
        + "\n".join(sections)
        + "\n</main>\n</body></html>\n"
    )
