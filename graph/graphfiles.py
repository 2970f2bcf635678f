"""Edge tables as graph files: GraphML and GEXF 1.2 that networkx and Gephi read, with every column an edge attribute.

The first two columns are the ends of an edge, the others its attributes; a null is an attribute left out. Parallel
edges (one a channel) are edges of their own. networkx's own writers want the graph in Python objects and put today's
date into GEXF, so the same table would give other bytes tomorrow; its readers are used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.errors import InputError

NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2
RETURN = {"\r": "&#13;"}  # as it stands, a reader of XML takes it for a new line
XML_TYPES = {
    pa.int32(): "long",
    pa.int64(): "long",
    pa.float64(): "double",
    pa.string(): "string",
    pa.bool_(): "boolean",
}


def _nodes(table: pa.Table) -> list[str]:
    """The ends of all edges, in order of their bytes."""
    ends = pc.unique(pa.chunked_array([*table.column(0).chunks, *table.column(1).chunks], pa.string()))
    return sorted(ends.to_pylist(), key=str.encode)


def _edge_lines(table: pa.Table, parts: Callable[[_Texts], list[str | pa.Array]]) -> Iterator[bytes]:
    """The text of all edges, a batch at a time: `parts` of each batch, put together row by row."""
    number = 0
    for batch in table.to_batches(max_chunksize=1 << 16):
        texts = _Texts(batch, number)
        joined = pc.binary_join_element_wise(*map(_large, parts(texts)), pa.scalar("", pa.large_string()))
        number += batch.num_rows
        first, last = joined.offset, joined.offset + len(joined)
        ends = np.frombuffer(joined.buffers()[1], np.int64)
        yield memoryview(joined.buffers()[2])[ends[first] : ends[last]].tobytes()


def _large(part: str | pa.Array) -> pa.Scalar | pa.Array:
    return pa.scalar(part, pa.large_string()) if isinstance(part, str) else part.cast(pa.large_string())


class _Texts:
    """The values of a batch of edges as text. What is the same value is made into text once."""

    def __init__(self, batch: pa.RecordBatch, number: int) -> None:
        self.ends = [_each(column, _quoted) for column in batch.columns[:2]]
        self.numbers = pa.array(np.arange(number, number + batch.num_rows)).cast(pa.string())
        self._values = batch.columns[2:]

    def values(self, before: Callable[[int], str], text: Callable[[object], str], after: str) -> list[pa.Array]:
        """Each value, between what comes before (by number of the column) and after it; nothing for a null."""
        whole = [_each(column, text) for column in self._values]
        return [
            pc.fill_null(pc.binary_join_element_wise(before(i), column, after, ""), "")
            for i, column in enumerate(whole)
        ]


def _each(column: pa.Array, text: Callable[[Any], str]) -> pa.Array:
    """The text of each value; null stays null."""
    coded = column.dictionary_encode()
    return pa.array([text(v) for v in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)


def _quoted(value: object) -> str:
    return quoteattr(_shown(value))


def _shown(value: object) -> str:
    """Text of a value for XML."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    wrong = NO_XML.search(text)
    if wrong:
        raise InputError(
            f"{text[:60]!a}: holds U+{ord(wrong[0]):04X}, which XML cannot hold; write .parquet or .csv instead"
        )
    return text


def write_graphml(table: pa.Table, path: Path, metadata: str, *, directed: bool) -> int:
    """Write GraphML; `metadata` becomes the graph attribute `shoal`. Returns the number of edges."""
    nodes, fields = _nodes(table), list(table.schema)[2:]
    kind = "directed" if directed else "undirected"
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        out.write('<key id="shoal" for="graph" attr.name="shoal" attr.type="string"/>\n')
        for i, field in enumerate(fields):
            holds = XML_TYPES[field.type]
            out.write(f'<key id="e{i}" for="edge" attr.name={_quoted(field.name)} attr.type="{holds}"/>\n')
        out.write(f'<graph edgedefault="{kind}">\n')
        out.write(f'<data key="shoal">{escape(_shown(metadata))}</data>\n')
        out.writelines(f"<node id={_quoted(node)}/>\n" for node in nodes)
        out.flush()
        for lines in _edge_lines(table, _graphml_edge):
            out.buffer.write(lines)
        out.write("</graph>\n</graphml>\n")
    return int(table.num_rows)


def _graphml_edge(texts: _Texts) -> list[str | pa.Array]:
    a, b = texts.ends
    values = texts.values('<data key="e{}">'.format, lambda v: escape(_shown(v), RETURN), "</data>")
    return ['<edge id="', texts.numbers, '" source=', a, " target=", b, ">", *values, "</edge>\n"]


def write_gexf(table: pa.Table, path: Path, metadata: str, *, directed: bool) -> int:
    """Write GEXF; `metadata` becomes the description. Returns the number of edges."""
    nodes, fields = _nodes(table), list(table.schema)[2:]
    kind = "directed" if directed else "undirected"
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">\n')
        out.write(f"<meta><creator>Shoal</creator><description>{escape(_shown(metadata))}</description></meta>\n")
        out.write(f'<graph defaultedgetype="{kind}" mode="static">\n<attributes class="edge" mode="static">\n')
        for i, field in enumerate(fields):
            out.write(f'<attribute id="{i}" title={_quoted(field.name)} type="{XML_TYPES[field.type]}"/>\n')
        out.write("</attributes>\n<nodes>\n")
        out.writelines(f"<node id={_quoted(node)} label={_quoted(node)}/>\n" for node in nodes)
        out.write("</nodes>\n<edges>\n")
        out.flush()
        for lines in _edge_lines(table, _gexf_edge):
            out.buffer.write(lines)
        out.write("</edges>\n</graph>\n</gexf>\n")
    return int(table.num_rows)


def _gexf_edge(texts: _Texts) -> list[str | pa.Array]:
    a, b = texts.ends
    values = texts.values('<attvalue for="{}" value='.format, _quoted, "/>")
    opened = ['<edge id="', texts.numbers, '" source=', a, " target=", b, "><attvalues>"]
    return [*opened, *values, "</attvalues></edge>\n"]


def read_graph(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Edges of a GraphML or GEXF file as account_a, account_b and the attributes; and the choices it carries.

    Raises ValueError, SyntaxError or KeyError for a file that holds no such graph.
    """
    import networkx as nx

    try:
        graph: Any = (nx.read_graphml if path.suffix.lower() == ".graphml" else nx.read_gexf)(path)
    except nx.NetworkXException as error:
        raise ValueError(str(error)) from error
    edges = [{"account_a": str(a), "account_b": str(b), **held} for a, b, held in graph.edges(data=True)]
    for edge in edges:
        edge.pop("id", None)  # the number of the edge in the file
    names = list(dict.fromkeys(name for edge in edges for name in edge)) or ["account_a", "account_b"]
    table = pa.table({name: [edge.get(name) for edge in edges] for name in names})
    kept = graph.graph.get("shoal") if path.suffix.lower() == ".graphml" else _description(path)
    try:
        choices = json.loads(kept or "{}")
    except ValueError:  # somebody else's description
        choices = {}
    return table, choices if isinstance(choices, dict) else {}


def _description(path: Path) -> str | None:
    import xml.etree.ElementTree as ET

    found = ET.iterparse(path)  # noqa: S314 - networkx has parsed the file the same way just before
    return next((element.text for _, element in found if element.tag.endswith("}description")), None)
