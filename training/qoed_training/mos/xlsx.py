"""Rows of one sheet of an Office Open XML workbook (ECMA-376 part 1, section 18), and nothing more of it."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from posixpath import join
from xml.etree.ElementTree import Element, ParseError, XMLParser

MAX_PART_BYTES = 64 << 20
"""A part that unpacks to more than this is no table of opinions."""
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_COLUMN = re.compile(r"[A-Z]{1,3}")


class WorkbookError(ValueError):
    """The workbook cannot be read; the message says why."""


def read_sheet(path: Path, sheet: str) -> list[dict[str, str]]:
    """Rows below the head as text by column name; empty cells are "". Raises `WorkbookError`."""
    try:
        with zipfile.ZipFile(path) as archive:
            strings = _shared_strings(archive)
            rows = [
                _cells(row, strings)
                for row in _part(archive, _sheet_part(archive, sheet)).iter()
                if _is(row, "row")
            ]
    except (
        OSError,
        KeyError,
        IndexError,
        zipfile.BadZipFile,
        zlib.error,
        ParseError,
        NotImplementedError,
    ) as error:
        raise WorkbookError(f"it cannot be read as a workbook ({error})") from error
    if not rows:
        return []
    head = rows[0]
    return [{name: row.get(column, "") for column, name in head.items()} for row in rows[1:]]


def _part(archive: zipfile.ZipFile, name: str) -> Element:
    if archive.getinfo(name).file_size > MAX_PART_BYTES:
        raise WorkbookError(f"{name} in it is too large")
    body = archive.read(name)
    # Without a DOCTYPE there is nothing that the parser could expand or fetch.
    if b"<!DOCTYPE" in body:
        raise WorkbookError(f"{name} in it has a DOCTYPE")
    parser = XMLParser(encoding="utf-8")  # noqa: S314
    parser.feed(body)
    root: Element = parser.close()
    return root


def _is(element: Element, name: str) -> bool:
    return element.tag.rpartition("}")[2] == name


def _sheet_part(archive: zipfile.ZipFile, sheet: str) -> str:
    entries = [entry for entry in _part(archive, "xl/workbook.xml").iter() if _is(entry, "sheet")]
    relations = {entry.get("name"): entry.get(_RELATION) for entry in entries}
    if sheet not in relations:
        raise WorkbookError(f"it has no sheet {sheet}")
    for relation in _part(archive, "xl/_rels/workbook.xml.rels"):
        if relation.get("Id") == relations[sheet]:
            # Targets are relative to xl/, or absolute from the root of the archive.
            return join("/xl", relation.get("Target", "")).lstrip("/")
    raise WorkbookError(f"its sheet {sheet} is not in it")


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    return [_text(item) for item in _part(archive, "xl/sharedStrings.xml") if _is(item, "si")]


def _text(element: Element) -> str:
    return "".join(part.text or "" for part in element.iter() if _is(part, "t"))


def _cells(row: Element, strings: list[str]) -> dict[str, str]:
    """Text by column letter."""
    cells = {}
    for cell in row:
        column = _COLUMN.match(cell.get("r", ""))
        if column is None:
            raise WorkbookError("it has a cell without a place")
        value = next((part.text or "" for part in cell if _is(part, "v")), "")
        if cell.get("t") == "s":
            value = strings[int(value)]
        elif cell.get("t") == "inlineStr":
            value = _text(cell)
        cells[column[0]] = value.strip()
    return cells
