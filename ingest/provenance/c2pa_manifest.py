"""C2PA manifests, by the reference library: is one there, does it fit the file, and who signed it.

The library can fetch: manifests kept elsewhere, revocation answers, identity documents. All of that is switched off,
and no host is allowed besides. `Valid` means that signature and hashes fit, by a certificate that anybody can make;
`Trusted` means that the certificate leads to one of the given anchors.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from graph.errors import InputError
from ingest.provenance import iptc
from ingest.provenance.marker import GENERATED, INVALID, PARTLY, SILENT, TRUSTED, UNTRUSTED, Marker

_STATES = {"Trusted": TRUSTED, "Valid": UNTRUSTED, "Invalid": INVALID}
_ELSEWHERE = "must fetch remote manifests from url"
_MOST = 20  # of anything that is listed


class ElsewhereError(InputError):
    """The file names an address where its manifest is kept."""


def find(file: BinaryIO, mime: str, anchors: str | None, *, embedded: bool) -> Marker | None:
    """The manifest's marker; None where there is none.

    Args:
        file: the whole file, open.
        mime: its container's type.
        anchors: PEM of the certificates that trust begins with; None: nobody is trusted.
        embedded: whether a manifest store was seen in the file.

    Raises:
        ElsewhereError: the manifest is kept elsewhere.
        InputError: no manifest was seen, and the library cannot read the file.
    """
    from c2pa import C2paError, Context, Reader, Settings

    file.seek(0)
    try:
        with (
            Context(Settings.from_dict(offline(anchors))) as context,
            Reader(mime, file, context=context) as reader,
        ):
            return _marker(json.loads(reader.json()), reader.get_validation_state())
    except C2paError.ManifestNotFound:
        return None
    except (C2paError, ValueError, RecursionError) as error:
        why = " ".join(str(error).split())[:300]
        if _ELSEWHERE in why:
            where = why.split(_ELSEWHERE)[-1].strip()
            raise ElsewhereError(f"the C2PA manifest is kept elsewhere ({where}), and nothing is fetched") from None
        if embedded:
            return Marker("c2pa", "C2PA manifest", SILENT, {"state": INVALID, "failures": [why]})
        raise InputError(f"C2PA: {why}") from None


def offline(anchors: str | None) -> dict[str, Any]:
    """Settings under which the library asks nobody for anything."""
    trust = {"trust": {"trust_anchors": anchors}} if anchors else {}
    return {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
        # identity assertions resolve did:web by a way of their own, which does not ask allowed_network_hosts
        "core": {"allowed_network_hosts": [], "decode_identity_assertions": False},
        **trust,
    }


def _marker(store: dict[str, Any], state: str | None) -> Marker:
    active = store.get("manifests", {}).get(store.get("active_manifest"), {})
    types = _source_types(active)
    said = {iptc.says(t) for t in types}
    signature = active.get("signature_info") or {}
    results = (store.get("validation_results") or {}).get("activeManifest") or {}
    failures = [f.get("code") for f in results.get("failure") or [] if isinstance(f, dict)]
    generator = (active.get("claim_generator_info") or [{}])[0]
    details = {
        "state": _STATES.get(str(state), INVALID),
        "signed_by": _cut(signature.get("issuer")),
        "signed_at": _cut(signature.get("time")),
        "claim_generator": _cut(generator.get("name") if isinstance(generator, dict) else None),
        "source_types": [_cut(t) for t in types],
        "ingredients_say": sorted(
            {
                word
                for name, manifest in store.get("manifests", {}).items()
                if name != store.get("active_manifest")
                for t in _source_types(manifest)
                if (word := iptc.says(t)) is not None
            }
        ),
        "failures": [str(code)[:100] for code in failures[:_MOST]],
    }
    says = GENERATED if GENERATED in said else PARTLY if PARTLY in said else SILENT
    return Marker("c2pa", "C2PA manifest", says, {k: v for k, v in details.items() if v})


def _source_types(manifest: dict[str, Any]) -> list[str]:
    """The digitalSourceType of every action of a manifest, each once."""
    found: list[str] = []
    for assertion in manifest.get("assertions") or []:
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            data = assertion.get("data")
            for action in (data.get("actions") if isinstance(data, dict) else None) or []:
                value = action.get("digitalSourceType") if isinstance(action, dict) else None
                if isinstance(value, str) and value not in found:
                    found.append(value)
    return found[:_MOST]


def _cut(value: object) -> str | None:
    return None if value is None else str(value)[:200]
