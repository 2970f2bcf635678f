"""YAML text with the place of every node, and without what lets a small file mean more than it shows.

Anchors, aliases, merge keys, duplicate keys, tags beyond YAML's own, several documents, deep nesting and long texts
are refused: a policy that two people approve must read the same to both, and to the program.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from graph.errors import InputError

MAX_BYTES = 256 << 10
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # by libyaml, where it is there
MAX_DEPTH = 40

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Marked:
    """What a YAML text says (`value`), and where: path of a node -> its line and column, counted from 1."""

    where: str
    value: Any
    marks: dict[Path, tuple[int, int]] = field(repr=False)

    def error(self, path: Path, said: str) -> InputError:
        """The error that names a node's place; that of the nearest node above, where the node itself is missing."""
        near = path
        while near and near not in self.marks:
            near = near[:-1]
        line, column = self.marks.get(near, (1, 1))
        return InputError(f"{self.where}: line {line}, column {column}: {said}")


def read(text: str, where: str) -> Marked:
    """Parse YAML text. Raises InputError naming `where`, line and column."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise InputError(f"{where}: over {MAX_BYTES >> 10} KiB; a policy has a few hundred lines")
    try:
        _plain(text, where)
        loader = LOADER(text)
        try:
            root = loader.get_single_node()
            marks: dict[Path, tuple[int, int]] = {}
            value = None
            if root is not None:
                _walk(root, (), marks, where)
                value = loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InputError(f"{where}: {place}not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{where}: not YAML: {str(error).splitlines()[0]}") from error
    return Marked(where, value, marks)


def _plain(text: str, where: str) -> None:
    """Refuse depth, anchors and aliases before anything is built of the text."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        said = None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            said = "anchors and aliases are not taken: write out what is meant"
        elif depth > MAX_DEPTH:
            said = f"nested more than {MAX_DEPTH} deep"
        if said is not None:
            mark = event.start_mark
            place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
            raise InputError(f"{where}: {place}{said}")


def _walk(node: yaml.Node, path: Path, marks: dict[Path, tuple[int, int]], where: str) -> None:
    marks.setdefault(path, _place(node))
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _walk(item, (*path, i), marks, where)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        line, column = _place(key)
        at = f"{where}: line {line}, column {column}"
        if key.tag == "tag:yaml.org,2002:merge":
            raise InputError(f"{at}: merge keys (<<) are not taken: write out what is meant")
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"{at}: a key is a word")
        inside = (*path, str(key.value))
        if inside in marks:
            raise InputError(f"{at}: {key.value!r} stands there twice")
        marks[inside] = (line, column)
        _walk(value, inside, marks, where)


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
