"""What image generators write into their files unasked: parameters and workflows in PNG's texts and in EXIF.

A name alone is no marker ("parameters" is anybody's word): the text has to look as the generator writes it. What
people typed into the generator is not repeated.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Sequence
from typing import Any

from graph.errors import InputError
from ingest.provenance.marker import GENERATED, Marker

_MAKE, _MODEL, _SOFTWARE, _COMMENT = 0x010F, 0x0110, 0x0131, 0x9286
_EXIF_PART = 0x8769
_PARAMETERS = re.compile(r"(?s)\bSteps: \d+.{0,200}?\b(Sampler|CFG scale|Seed): ")
_LONGEST = 4 * 2**20


def in_texts(texts: Sequence[tuple[str, str]], where: str) -> list[Marker]:
    """Markers among texts (keyword, text); `where` is what the container calls them, such as `PNG text`."""
    found: dict[str, str] = {}
    for keyword, text in texts:
        if generator := _generator(keyword, text):
            found.setdefault(generator, keyword)
    return [Marker("generator", f"{where} {keyword}", GENERATED, {"generator": g}) for g, keyword in found.items()]


def in_exif(block: bytes) -> tuple[list[Marker], list[tuple[str, str]]]:
    """Markers in an EXIF block, and its texts that other markers may be in (tag, text).

    Raises:
        InputError: it is no EXIF that can be read.
    """
    fields = _fields(block)
    found: dict[str, str] = {}
    for name, text in fields:
        # ComfyUI writes "workflow:{...}" and "prompt:{...}" where the camera's make and model would be
        keyword, _, rest = text.partition(":")
        inner = (keyword, rest) if name in ("Make", "Model") else ("parameters", text)
        generator = _generator(*inner) or _generator(name, text)
        if generator:
            found.setdefault(generator, name)
    markers = [Marker("generator", f"EXIF {name}", GENERATED, {"generator": g}) for g, name in found.items()]
    return markers, fields


def _generator(keyword: str, text: str) -> str | None:
    """Whose text this is, if it is a generator's."""
    if keyword == "parameters":
        if _PARAMETERS.search(text[:_LONGEST]):
            return "Stable Diffusion web UI"
        return "SwarmUI" if "sui_image_params" in text[:100] and _object(text) else None
    if keyword == "prompt":
        nodes = _object(text)
        is_graph = nodes and all(isinstance(node, dict) and "class_type" in node for node in nodes.values())
        return "ComfyUI" if is_graph else None
    if keyword == "workflow":
        return "ComfyUI" if isinstance(_object(text).get("nodes"), list) else None
    if keyword in ("invokeai_metadata", "sd-metadata"):
        return "InvokeAI" if _object(text) else None
    if keyword == "fooocus_scheme":
        return "Fooocus"
    if keyword == "Software" and re.match(r"(NovelAI|Midjourney|InvokeAI|ComfyUI|Fooocus)\b", text):
        return text.split(maxsplit=1)[0]
    return None


def _object(text: str) -> dict[str, Any]:
    """A JSON object; empty where it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _fields(block: bytes) -> list[tuple[str, str]]:
    from PIL import Image

    exif = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow reads what it can; cameras write worse
            exif.load(b"Exif\x00\x00" + block)
            inner = exif.get_ifd(_EXIF_PART)
    except Exception as error:  # noqa: BLE001  a reader of binary structures fails in many ways on broken ones
        raise InputError(f"EXIF cannot be read ({type(error).__name__}: {str(error)[:100]})") from None
    values = [(n, exif.get(tag)) for n, tag in (("Make", _MAKE), ("Model", _MODEL), ("Software", _SOFTWARE))]
    values.append(("UserComment", inner.get(_COMMENT, exif.get(_COMMENT))))
    return [(name, _text(value)) for name, value in values if isinstance(value, (str, bytes)) and value]


def _text(value: str | bytes) -> str:
    """UserComment begins with eight bytes that name its encoding."""
    if isinstance(value, str):
        return value.strip("\x00")
    code, rest = value[:8], value[8:]
    if code == b"UNICODE\x00":  # UTF-16, in whichever order; Latin letters tell
        order = "utf-16-be" if rest[:1] == b"\x00" or rest[1:2] != b"\x00" else "utf-16-le"
        return rest.decode(order, "replace").strip("\x00")
    return (rest if code in (b"ASCII\x00\x00\x00", bytes(8)) else value).decode("utf-8", "replace").strip("\x00")
