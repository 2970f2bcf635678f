"""A YAML file whose mistakes are named with line and column: its nodes, each checked as it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from graph.errors import InputError
from ingest.readers import check_readable

MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One line of a YAML mapping: the nodes of its key and of its value."""

    key: yaml.Node
    value: yaml.Node


class YamlFile:
    """A YAML file, parsed; every scalar is the text that stands there, whatever YAML would make of it.

    Raises InputError for a file that is none, is not UTF-8 or is over 1 MiB.
    """

    def __init__(self, path: Path) -> None:
        check_readable(path)
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: over {MAX_BYTES >> 20} MiB; a mapping file has a few lines")
        self.path = path
        self.content = path.read_bytes()
        try:
            root = yaml.compose(self.content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: byte {error.start + 1}: not UTF-8") from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
            raise InputError(f"{path}: {place}no YAML: {error.problem}") from error
        except yaml.YAMLError as error:
            raise InputError(f"{path}: no YAML: {str(error).splitlines()[0]}") from error
        except RecursionError as error:
            raise InputError(f"{path}: no YAML: lists within lists without end") from error
        if root is None:
            raise InputError(f"{path}: nothing in it but comments")
        self.root = root

    def error(self, node: yaml.Node, said: str) -> InputError:
        """The error that names this node's place."""
        mark = node.start_mark
        return InputError(f"{self.path}: line {mark.line + 1}, column {mark.column + 1}: {said}")

    def mapping(self, node: yaml.Node, what: str, allowed: Iterable[str] = ()) -> dict[str, Entry]:
        """The entries of a mapping, by key. With `allowed`, other keys are refused."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, f"{what}: expected lines of `name: value`")
        found: dict[str, Entry] = {}
        for key, value in node.value:
            name = self.text(key, allowed)
            if name in found:
                raise self.error(key, f"{name!r} stands there twice")
            found[name] = Entry(key, value)
        return found

    def wanted(self, entries: dict[str, Entry], name: str) -> Entry:
        """An entry that has to be there."""
        if name not in entries:
            raise self.error(self.root, f"no `{name}`")
        return entries[name]

    def text(self, node: yaml.Node, allowed: Iterable[str] = ()) -> str:
        """A scalar's text. With `allowed`, other values are refused."""
        if not isinstance(node, yaml.ScalarNode) or node.value == "":
            raise self.error(node, "expected a text")
        values = list(allowed)
        if values and node.value not in values:
            raise self.error(node, f"{node.value!r} is none of {', '.join(values)}")
        return str(node.value)

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        """The items of a list; a single value is a list of one."""
        return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]

    def texts(self, node: yaml.Node) -> list[str]:
        """The texts of a list, or of a single value."""
        return [self.text(item) for item in self.items(node)]
