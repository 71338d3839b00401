"""Strict YAML: plain data plus the line of every key, read as YAML 1.2 (`no` is a word, `1:30` no number)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]
"""Where a value stands: `("streams", 0, "url")`."""

MAX_NODES = 1_000_000
"""Values after aliases are expanded: a few lines of nested aliases could stand for billions."""
MAX_DEPTH = 20


class _Loader(yaml.SafeLoader):
    """Composes nodes with the scalar types of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_TAG = "tag:yaml.org,2002:"
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_TAG + _tag, re.compile(rf"^(?:{_pattern})$"), _first)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is and what to do about it."""

    line: int
    path: Path
    text: str

    def render(self, file: str) -> str:
        """`config.yaml:12: streams[0].url: ...`."""
        where = dotted(self.path)
        return f"{file}:{self.line}: {where}: {self.text}" if where else f"{file}:{self.line}: {self.text}"


@dataclass(slots=True)
class Tree:
    """A document as plain dicts, lists and scalars, with the line on which each value is named."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, text: str) -> Problem:
        """A problem at `path`."""
        return Problem(self.line(path), path, text)


def parse(text: str) -> Tree:
    """Read one YAML document; what is wrong with it is in `problems`, never raised."""
    tree = Tree()
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
        if root is not None:
            tree.data = _build(root, (), tree)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = error.problem or "cannot be read"
        remedy = "indent with spaces, not tabs" if "\\t" in said else "check indentation, quotes and brackets"
        tree.problems.append(Problem(mark.line + 1 if mark else 1, (), f"not valid YAML: {said}; {remedy}"))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        tree.problems.append(
            Problem(line, (), f"not valid YAML: control character #x{error.character:04x}; remove it")
        )
    except RecursionError:
        tree.problems.append(Problem(1, (), f"nested more than {MAX_DEPTH} levels deep; flatten it"))
    return tree


def dotted(path: Path) -> str:
    """`streams[0].url` for `("streams", 0, "url")`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _build(node: yaml.Node, path: Path, tree: Tree) -> Any:
    tree.nodes += 1
    tree.lines.setdefault(path, node.start_mark.line + 1)
    if len(path) > MAX_DEPTH or tree.nodes > MAX_NODES:
        if len(path) > MAX_DEPTH:
            text = f"nested more than {MAX_DEPTH} levels deep; flatten it"
        else:
            text = "aliases expand to too much; write less with anchors, more with profiles"
        if all(problem.text != text for problem in tree.problems):
            tree.problems.append(Problem(node.start_mark.line + 1, path[:MAX_DEPTH], text))
        return None
    if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
        return _mapping(node, path, tree)
    if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        return [_build(item, (*path, index), tree) for index, item in enumerate(node.value)]
    return _scalar(node, path, tree)


def _mapping(node: yaml.MappingNode, path: Path, tree: Tree) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            tree.problems.append(Problem(line, path, "a key must be plain text, not a list or mapping"))
            continue
        key = str(key_node.value)
        here = (*path, key)
        if key == "<<":
            tree.problems.append(Problem(line, path, "YAML merge keys (<<) are not supported; use a profile"))
        elif key in data:
            first = tree.lines[here]
            tree.problems.append(Problem(line, here, f"duplicate key, first given on line {first}; keep one"))
        else:
            tree.lines[here] = line
            data[key] = _build(value_node, here, tree)
    return data


def _scalar(node: yaml.Node, path: Path, tree: Tree) -> Any:
    text = str(node.value)
    match node.tag.removeprefix(_TAG):
        case "str":
            return text
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text) if len(text) <= 20 else float(text)
        case "float":
            return float(text)
        case _:
            tree.problems.append(
                Problem(node.start_mark.line + 1, path, f"YAML tag {node.tag} is not supported; remove it")
            )
            return None
