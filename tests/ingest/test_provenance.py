"""Markers in media: each kind in each container, what only looks like one, and files that are out to do harm."""

from __future__ import annotations

import io
import json
import struct
import zlib
from typing import Any

import mediakit as kit
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.errors import InputError
from ingest.provenance import gb45438, iptc, jpeg, parts, xmp
from ingest.provenance.examine import examine as examine_open
from ingest.provenance.marker import MEANING

CONTAINERS = tuple(kit.MIME)


def examine(data: bytes, anchors: bytes | None = None) -> dict[str, Any]:
    return examine_open(io.BytesIO(data), anchors and anchors.decode())


def only(found: dict[str, Any]) -> dict[str, Any]:
    """The one marker of a file that was read in full."""
    assert found["unread"] == []
    assert len(found["markers"]) == 1
    marker: dict[str, Any] = found["markers"][0]
    return marker


@pytest.fixture(scope="module")
def signed() -> dict[str, bytes]:
    return {container: kit.signed(container) for container in CONTAINERS}


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_signature_by_anybody_is_valid_and_not_trusted(container: str, signed: dict[str, bytes]) -> None:
    found = examine(signed[container])
    assert found["container"] == container
    assert found["status"] == "valid-untrusted"
    marker = only(found)
    assert (marker["kind"], marker["says"]) == ("c2pa", "generated")
    assert marker["details"]["signed_by"] == "Test signer"
    assert marker["details"]["claim_generator"] == "Test generator"
    assert marker["details"]["failures"] == ["signingCredential.untrusted"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_trust_anchor_makes_its_signatures_trusted_and_no_others(container: str, signed: dict[str, bytes]) -> None:
    found = examine(signed[container], kit.authority().root)
    assert found["status"] == only(found)["details"]["state"] == "trusted"
    assert "failures" not in only(found)["details"]
    assert examine(signed[container], kit.authority("Another").root)["status"] == "valid-untrusted"


@pytest.mark.parametrize("container", CONTAINERS)
def test_one_bit_of_the_pixels_changed_is_invalid_whoever_signed(container: str, signed: dict[str, bytes]) -> None:
    found = examine(kit.flipped(signed[container], kit.pixel_byte(container)), kit.authority().root)
    assert found["status"] == "invalid"
    assert any("Hash.mismatch" in code for code in only(found)["details"]["failures"])


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_manifest_that_was_changed_itself_is_never_valid(container: str, signed: dict[str, bytes]) -> None:
    changed = signed[container].replace(b"trainedAlgorithmicMedia", b"trainedAlgorithmicMedja")
    assert changed != signed[container]
    found = examine(changed, kit.authority().root)
    assert found["status"] == "invalid"
    assert only(found)["says"] != "generated"


def test_what_a_manifest_says_is_told_apart_from_how_far_it_can_be_believed(signed: dict[str, bytes]) -> None:
    camera = examine(kit.signed("jpeg", source=kit.CAMERA), kit.authority().root)
    assert camera["status"] == "trusted"
    assert only(camera)["says"] == "nothing about how it was made"
    assert only(examine(kit.signed("png", source=kit.COMPOSITE)))["says"] == "partly generated"
    edited = only(examine(kit.signed("jpeg", signed["jpeg"], edited=True)))
    assert edited["says"] == "nothing about how it was made"
    assert edited["details"]["ingredients_say"] == ["generated"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_manifest_kept_elsewhere_is_named_and_not_fetched(container: str) -> None:
    found = examine(kit.signed(container, remote="http://127.0.0.1:9/manifest.c2pa", embed=False))
    assert (found["status"], found["markers"]) == ("none", [])
    assert "kept elsewhere (http://127.0.0.1:9/manifest.c2pa)" in found["unread"][0]


@pytest.mark.parametrize(
    ("value", "says"), [(kit.GENERATED, "generated"), (kit.COMPOSITE, "partly generated"), (kit.CAMERA, None)]
)
@pytest.mark.parametrize("container", CONTAINERS)
def test_iptc_source_type(container: str, value: str, says: str | None) -> None:
    found = examine(kit.with_xmp(container, kit.source_type(value)))
    assert found["status"] == ("declared" if says else "none")
    assert [(m["kind"], m["says"], m["details"]) for m in found["markers"]] == (
        [("iptc", says, {"value": value})] if says else []
    )


@pytest.mark.parametrize(
    "packet",
    [
        kit.xmp(attributes=f'Iptc4xmpExt:DigitalSourceType="{kit.GENERATED}"'),
        kit.xmp(f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{kit.GENERATED}"/>'),
        kit.xmp(
            "<Iptc4xmpExt:DigitalSourceType><rdf:Bag><rdf:li>"
            f"{kit.GENERATED}</rdf:li></rdf:Bag></Iptc4xmpExt:DigitalSourceType>"
        ),
        kit.source_type(kit.GENERATED).decode().encode("utf-16"),
    ],
)
def test_iptc_as_the_ways_of_rdf_and_unicode_let_it_be_written(packet: bytes) -> None:
    assert only(examine(kit.with_xmp("webp", packet)))["says"] == "generated"


def test_iptc_counts_only_the_whole_last_word() -> None:
    assert iptc.says("trainedAlgorithmicMedia") == "generated"
    assert iptc.says("urn:newscodes:trainedAlgorithmicMedia\n") == "generated"
    assert iptc.says(kit.GENERATED + "s") is None
    assert iptc.says("http://trainedAlgorithmicMedia.example/x") is None
    assert iptc.says("") is None


@pytest.mark.parametrize(
    ("label", "says"), [("1", "generated"), ("2", "possibly generated"), ("3", "suspected to be generated")]
)
@pytest.mark.parametrize("container", CONTAINERS)
def test_gb_45438_label_in_xmp(container: str, label: str, says: str) -> None:
    found = examine(kit.with_xmp(container, kit.aigc(kit.LABEL | {"Label": label})))
    assert found["status"] == "declared"
    marker = only(found)
    assert (marker["kind"], marker["where"], marker["says"]) == ("gb45438", "XMP AIGC", says)
    assert marker["details"] == {"Label": label, "ContentProducer": kit.LABEL["ContentProducer"], "ProduceID": "p-1"}


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (kit.mp4(kit.mp4_keys(title="t", AIGC=json.dumps(kit.LABEL))), "MP4 key AIGC"),
        (kit.mp4(kit.mp4_keys(full=False, AIGC=json.dumps(kit.LABEL))), "MP4 key AIGC"),
        (kit.mp4(kit.mp4_freeform("AIGC", json.dumps(kit.LABEL))), "MP4 key AIGC"),
        (kit.mp4(kit.box(b"udta", kit.box(b"AIGC", json.dumps(kit.LABEL).encode()))), "MP4 key AIGC"),
        (kit.mp4(kit.box(b"udta", kit.box(b"XMP_", kit.aigc()))), "XMP AIGC"),
        (kit.png_text(("AIGC", json.dumps(kit.LABEL))), "PNG text AIGC"),
        (kit.with_exif("jpeg", {}, b"ASCII\0\0\0" + json.dumps({"AIGC": kit.LABEL}).encode()), "EXIF UserComment"),
        (kit.with_xmp("jpeg", kit.aigc({"AIGC": json.dumps(kit.LABEL)})), "XMP AIGC"),
        (kit.with_xmp("png", kit.xmp(attributes=f"TC260:AIGC='{json.dumps(kit.LABEL)}'")), "XMP AIGC"),
    ],
)
def test_gb_45438_label_elsewhere(data: bytes, where: str) -> None:
    marker = only(examine(data))
    assert (marker["kind"], marker["where"], marker["says"]) == ("gb45438", where, "generated")


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("{", "not the JSON of a label"),
        ("[1]", "not a JSON object"),
        ({"Label": "7"}, "Label is '7'"),
        ({"ContentProducer": "x"}, "Label is ''"),
        ('{"a":' * 100_000, "not the JSON of a label"),
        ('{"Label": ' + "9" * 5000 + "}", "not the JSON of a label"),
    ],
)
def test_a_label_that_cannot_be_read_is_no_answer(label: Any, why: str) -> None:
    found = examine(kit.with_xmp("png", kit.aigc(label)))
    assert found["status"] == "error"
    assert why in found["unread"][0]


@pytest.mark.parametrize(
    ("text", "generator"),
    [
        (("parameters", kit.PARAMETERS), "Stable Diffusion web UI"),
        (("parameters", '{"sui_image_params": {"prompt": "x"}}'), "SwarmUI"),
        (("prompt", kit.PROMPT), "ComfyUI"),
        (("workflow", kit.WORKFLOW), "ComfyUI"),
        (("invokeai_metadata", '{"generation_mode": "txt2img"}'), "InvokeAI"),
        (("Software", "NovelAI"), "NovelAI"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_generators_texts_in_png(text: tuple[str, str], generator: str, compressed: bool) -> None:
    found = examine(kit.png_text(("Title", "fish"), text, compressed=compressed))
    assert found["status"] == "declared"
    marker = only(found)
    assert marker == {
        "kind": "generator",
        "where": f"PNG text {text[0]}",
        "says": "generated",
        "details": {"generator": generator},
    }


def test_both_of_comfyuis_texts_are_one_marker_and_other_text_chunks_are_read_too() -> None:
    assert only(examine(kit.png_text(("prompt", kit.PROMPT), ("workflow", kit.WORKFLOW))))["where"] == "PNG text prompt"
    whole = kit.saved(kit.scene(1), "png")
    before_end = len(whole) - 12
    for kind, body in (
        (b"tEXt", b"parameters\0" + kit.PARAMETERS.encode()),
        (b"zTXt", b"parameters\0\0" + zlib.compress(kit.PARAMETERS.encode())),
    ):
        data = whole[:before_end] + kit.chunk(kind, body) + whole[before_end:]
        assert only(examine(data))["details"] == {"generator": "Stable Diffusion web UI"}


@pytest.mark.parametrize("container", kit.PICTURES)
@pytest.mark.parametrize("order", ["utf-16-be", "utf-16-le"])
def test_generators_texts_in_exif(container: str, order: str) -> None:
    parameters = kit.with_exif(container, {}, b"UNICODE\0" + kit.PARAMETERS.encode(order))
    assert only(examine(parameters))["where"] == "EXIF UserComment"
    comfy = kit.with_exif(container, {0x010F: f"workflow:{kit.WORKFLOW}", 0x0110: f"prompt:{kit.PROMPT}"})
    assert only(examine(comfy))["details"] == {"generator": "ComfyUI"}


@pytest.mark.parametrize(
    "data",
    [
        kit.png_text(("parameters", "alpha=0.1, beta=2"), ("prompt", "enter your name"), ("workflow", "review")),
        kit.png_text(("parameters", "Steps: climbed with a Sampler of teas"), ("prompt", '{"a": 1}')),
        kit.png_text(("prompt", "{}"), ("workflow", "[]"), ("Software", "Adobe NovelAI plugin"), ("invokeai", "{}")),
        kit.with_exif("jpeg", {0x010F: "Canon", 0x0110: "prompt: EOS", 0x0131: "GIMP"}, b"ASCII\0\0\0a fish"),
        kit.with_xmp("webp", kit.xmp("<Iptc4xmpExt:Other>trainedAlgorithmicMedia</Iptc4xmpExt:Other>")),
        kit.with_xmp("jpeg", kit.source_type(kit.CAMERA)),
        kit.mp4(kit.mp4_keys(comment="AIGC", aigc="{}")),
        kit.saved(kit.scene(3), "jpeg") + kit.aigc(),  # after the picture's end, where nothing is part of it
    ],
)
def test_what_only_looks_like_a_marker_is_none(data: bytes) -> None:
    found = examine(data)
    assert (found["status"], found["markers"], found["unread"]) == ("none", [], [])


def test_several_markers_stand_together_and_the_signed_one_decides() -> None:
    first = kit.png_text(("XML:com.adobe.xmp", kit.aigc().decode()), ("parameters", kit.PARAMETERS))
    assert [m["kind"] for m in examine(first)["markers"]] == ["gb45438", "generator"]
    second = examine(kit.signed("png", first, source=kit.CAMERA))
    assert second["status"] == "valid-untrusted"
    assert [(m["kind"], m["says"]) for m in second["markers"]] == [
        ("c2pa", "nothing about how it was made"),
        ("gb45438", "generated"),
        ("generator", "generated"),
    ]


def test_xmp_in_pieces_and_in_imagemagicks_hexadecimal() -> None:
    packet = kit.source_type(kit.GENERATED)
    pieces = b""
    for at in (40, 0):  # in any order
        piece = packet[at : at + 40] if at == 0 else packet[at:]
        body = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + struct.pack(">II", len(packet), at) + piece
        pieces += struct.pack(">HH", 0xFFE1, len(body) + 2) + body
    whole = kit.saved(kit.scene(1), "jpeg")
    assert only(examine(whole[:2] + pieces + whole[2:]))["kind"] == "iptc"
    raw = f"\nxmp\n{len(packet):8}\n{packet.hex()}\n"
    assert only(examine(kit.png_text(("Raw profile type xmp", raw))))["kind"] == "iptc"


def test_no_status_and_no_word_of_a_marker_says_that_a_person_made_it() -> None:
    found = examine(kit.saved(kit.scene(1), "png"))
    assert found["status"] == "none"
    assert "says nothing about who or what made this" in found["meaning"]
    assert set(MEANING) == {"trusted", "valid-untrusted", "invalid", "declared", "none", "error"}
    assert not any(word in json.dumps(MEANING).lower() for word in ("human", "authentic", "genuine", "real "))


# files out to do harm


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_file_cut_anywhere_never_passes_for_one_without_markers(container: str, signed: dict[str, bytes]) -> None:
    whole = signed[container] if container == "mp4" else kit.with_xmp(container, kit.source_type(kit.GENERATED))
    pixels = {"jpeg": whole.find(b"\xff\xda"), "webp": len(whole), "png": len(whole), "mp4": len(whole)}[container]
    for end in sorted({0, 1, 3, 11, 12, 30, *range(60, pixels, max(1, pixels // 60))}):
        try:
            found = examine(whole[:end])
        except InputError:
            continue
        assert found["status"] != "none", end
        assert found["unread"] or found["markers"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (kit.SIGNATURE + struct.pack(">I4s", 2**31 - 1, b"iTXt"), "says it is 2,147,483,647 bytes long"),
        (kit.SIGNATURE + struct.pack(">I4s", 2**32 - 1, b"IDAT") + bytes(100), "says it is 4,294,967,295 bytes long"),
        (b"\xff\xd8\xff\xe1\xff\xff" + bytes(8), "65,533 bytes were expected"),
        (b"\xff\xd8\xff\xe1\x00\x01" + bytes(8), "says it is 1 bytes long"),
        (b"\xff\xd8\xff\xe0\x00\x04ab" + bytes(8), "a segment was expected"),
        (b"RIFF\xff\xff\xff\xffWEBPXMP \xff\xff\xff\x7f" + bytes(8), "says it is 2,147,483,647 bytes long"),
        (b"RIFF\xff\xff\xff\xffWEBPVP8 \x04\0\0\0abcd", "says it is 4,294,967,303 bytes long"),
        (kit.box(b"ftyp", b"isom", bytes(4)) + struct.pack(">I4sQ", 1, b"moov", 2**63), "says it is 9,223,372"),
        (kit.box(b"ftyp", b"isom", bytes(4)) + struct.pack(">I4s", 4, b"moov"), "says it is 4 bytes long"),
        (kit.mp4(kit.box(b"meta", bytes(4), kit.box(b"keys", bytes(8), b"\xff" * 8))), "a key that says"),
        (kit.with_xmp("mp4", bytes(parts.PACKET + 1)), "XMP of 4,194,305 bytes"),
        (kit.png_text(("XML:com.adobe.xmp", "a" * (parts.PACKET + 1)), compressed=True), "unpacks to more than"),
        (kit.png_text(("Raw profile type xmp", "nothing\nof\nthe sort")), "is not in hexadecimal"),
    ],
)
def test_sizes_are_not_believed(data: bytes, why: str) -> None:
    found = examine(data)
    assert found["status"] == "error"
    assert any(why in said for said in found["unread"]), found["unread"]
    assert any(said.startswith("byte ") for said in found["unread"])


def test_nesting_and_number_have_limits() -> None:
    deep = b""
    for _ in range(500):
        deep = kit.box(b"moov", deep)
    assert any("deep" in why for why in examine(kit.box(b"ftyp", b"isom", bytes(4)) + deep)["unread"])
    many = kit.SIGNATURE + kit.chunk(b"teXt", b"") * (parts.PARTS + 1)
    with pytest.raises(InputError, match="more than 20,000 segments, chunks or boxes"):
        examine(many)


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (LAUGHS, "document type or an entity"),
        (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>', "document type or an entity"),
        (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>', "document type or an entity"),
        (b"<a>" * 100_000, "more than 100 deep"),
        (b"<a", "not well-formed"),
        (b"", "not well-formed"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "XMP is"),
        (b"\xff\xfe\x00\xd8", "XMP is"),
    ],
)
def test_xml_out_to_do_harm(packet: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why):
        xmp.properties(packet)


def test_one_bad_part_does_not_hide_the_next() -> None:
    bad = kit.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0not compressed")
    good = kit.png_text(("parameters", kit.PARAMETERS))
    found = examine(good[:33] + bad + good[33:])
    assert found["status"] == "declared"
    assert "is not compressed as it says" in found["unread"][0]


# anything at all

NONSENSE = st.binary(max_size=200)
SEEDS = [
    kit.with_xmp("jpeg", kit.aigc()),
    kit.with_exif("jpeg", {0x0110: f"prompt:{kit.PROMPT}"}, b"UNICODE\0" + kit.PARAMETERS.encode("utf-16-be")),
    kit.png_text(("XML:com.adobe.xmp", kit.aigc().decode()), ("workflow", kit.WORKFLOW), compressed=True),
    kit.with_xmp("webp", kit.source_type(kit.GENERATED)),
    kit.mp4(kit.mp4_keys(AIGC=json.dumps(kit.LABEL)), kit.box(b"uuid", kit.XMP_BOX, kit.aigc())),
]


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A file with bytes changed near its beginning (where structures are), parts taken out or put in, or cut."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        reach = min(len(data), draw(st.sampled_from([64, 1024, len(data)])))
        at = draw(st.integers(0, max(reach - 1, 0)))
        how = draw(st.sampled_from(["set", "cut", "insert", "drop", "size"]))
        if how == "set":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif how == "size":
            data[at : at + 4] = draw(st.sampled_from([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\0\1"]))
        elif how == "insert":
            data[at:at] = draw(NONSENSE)
        elif how == "drop":
            del data[at : at + draw(st.integers(1, 64))]
        elif at:
            del data[at:]
    return bytes(data)


def answers(data: bytes) -> None:
    try:
        found = examine(data)
    except InputError:
        return
    json.dumps(found)
    assert found["status"] in MEANING
    assert found["status"] != "error" or found["unread"]
    assert (found["status"] != "none") or not found["markers"]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(mutated(SEEDS))
def test_mutated_files_are_answered_or_refused(data: bytes) -> None:
    answers(data)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"\xff\xd8\xff", kit.SIGNATURE, b"RIFF\x40\0\0\0WEBP", b"\0\0\0\x14ftypisom"]), NONSENSE)
def test_nonsense_after_a_true_beginning(head: bytes, rest: bytes) -> None:
    answers(head + rest)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=100)
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda v: st.dictionaries(st.sampled_from(["Label", "AIGC", "x"]), v, max_size=3) | st.lists(v, max_size=3),
    ).map(json.dumps)
)
def test_any_label_is_a_marker_or_refused(value: str) -> None:
    try:
        marker = gb45438.find(value, "here")
    except InputError:
        return
    assert marker.details["Label"].strip() in gb45438.SAYS
    assert all(len(text) <= 200 for text in marker.details.values())


@given(st.dictionaries(st.integers(0, 60), st.binary(max_size=30), max_size=6))
def test_xmp_pieces_join_without_gaps(pieces: dict[int, bytes]) -> None:
    joined = jpeg._joined(pieces)
    expected = b""
    while len(expected) in pieces and pieces[len(expected)]:
        expected += pieces[len(expected)]
    assert joined == expected
