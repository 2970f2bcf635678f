"""Media that tests make themselves: pictures, minimal videos, markers in them, and signatures by a test certificate."""

from __future__ import annotations

import datetime as dt
import io
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from c2pa import Builder, C2paBuilderIntent, C2paSignerInfo, Signer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image, ImageDraw, PngImagePlugin

GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
CAMERA = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
LABEL = {"Label": "1", "ContentProducer": "001191110000TEST", "ProduceID": "p-1", "ContentPropagator": "", "Extra": "x"}
PARAMETERS = (
    "a shoal of fish\nNegative prompt: people\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"
)
PROMPT = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}})
WORKFLOW = json.dumps({"nodes": [{"id": 3, "type": "KSampler"}], "links": []})
MIME = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "mp4": "video/mp4"}
PICTURES = ("jpeg", "png", "webp")
SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def scene(seed: int, width: int = 400, height: int = 300) -> Image.Image:
    """A picture with as much to see as a photograph: soft shades and a few shapes; different for every seed."""
    rng = np.random.default_rng(seed)
    shades = np.zeros((height, width, 3))
    for size in (4, 9, 18, 40):
        noise = Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8))
        shades += np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC), float) / size**0.5
    shades = 255 * (shades - shades.min()) / np.ptp(shades)
    picture = Image.fromarray(shades.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for number in range(12):
        x, y, wide, high = (int(v) for v in rng.integers(10, [width, height, width // 4, height // 4]))
        colour = tuple(rng.integers(0, 256, 3).tolist())
        (draw.ellipse if number % 2 else draw.rectangle)([x, y, x + wide, y + high], fill=colour)
    return picture


def saved(picture: Image.Image, container: str, **options: Any) -> bytes:
    """The picture's file."""
    out = io.BytesIO()
    picture.save(out, container.upper(), **options)
    return out.getvalue()


def xmp(body: str = "", attributes: str = "") -> bytes:
    """An XMP packet with these elements and attributes in its description."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" {attributes}>{body}</rdf:Description></rdf:RDF>'
        '</x:xmpmeta>   \n<?xpacket end="w"?>'
    ).encode()


def source_type(value: str) -> bytes:
    """A packet with IPTC's DigitalSourceType."""
    return xmp(f"<Iptc4xmpExt:DigitalSourceType>{value}</Iptc4xmpExt:DigitalSourceType>")


def aigc(label: Any = LABEL) -> bytes:
    """A packet with the label of GB 45438."""
    text = label if isinstance(label, str) else json.dumps(label)
    return xmp(f"<TC260:AIGC>{text.replace('&', '&amp;').replace('<', '&lt;')}</TC260:AIGC>")


def with_xmp(container: str, packet: bytes) -> bytes:
    """A file that holds this packet."""
    if container == "mp4":
        return mp4(after=box(b"uuid", XMP_BOX + packet))
    if container == "png":
        return png_text(("XML:com.adobe.xmp", packet.decode()))
    return saved(scene(1), container, xmp=packet)


def png_text(*texts: tuple[str, str], compressed: bool = False) -> bytes:
    """A PNG with texts."""
    info = PngImagePlugin.PngInfo()
    for keyword, text in texts:
        info.add_itxt(keyword, text, zip=compressed)
    return saved(scene(1), "png", pnginfo=info)


def with_exif(container: str, fields: dict[int, Any], comment: bytes = b"") -> bytes:
    """A file with EXIF: fields of the first directory, and UserComment."""
    exif = Image.Exif()
    for tag, value in {0x010E: "a test", **fields}.items():
        exif[tag] = value
    if comment:
        exif.get_ifd(0x8769)[0x9286] = comment
    return saved(scene(1), container, exif=exif)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of an MP4."""
    inner = b"".join(content)
    return struct.pack(">I4s", 8 + len(inner), kind) + inner


def mp4(metadata: bytes = b"", after: bytes = b"") -> bytes:
    """A video of nothing: file type, movie header, a little data; `metadata` goes into the movie box."""
    header = struct.pack(">IIIII", 0, 0, 0, 1000, 0) + struct.pack(">IHH8x", 0x10000, 0x100, 0)
    header += struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000) + bytes(24) + struct.pack(">I", 2)
    kind = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2mp41")
    return kind + box(b"moov", box(b"mvhd", header), metadata) + after + box(b"mdat", bytes(range(256)) * 8)


def mp4_keys(full: bool = True, **values: str) -> bytes:
    """Metadata as FFmpeg writes it with use_metadata_tags: names in `keys`, values in `ilst`."""
    names = b"".join(struct.pack(">I4s", 8 + len(k), b"mdta") + k.encode() for k in values)
    items = b"".join(
        box(struct.pack(">I", n), box(b"data", struct.pack(">II", 1, 0), v.encode()))
        for n, v in enumerate(values.values(), 1)
    )
    handler = box(b"hdlr", bytes(8), b"mdta", bytes(13))
    keys = box(b"keys", struct.pack(">II", 0, len(values)), names)
    return box(b"meta", bytes(4 if full else 0), handler, keys, box(b"ilst", items))


def mp4_freeform(name: str, value: str) -> bytes:
    """Metadata as iTunes writes names of one's own."""
    item = box(
        b"----",
        box(b"mean", bytes(4), b"com.apple.iTunes"),
        box(b"name", bytes(4), name.encode()),
        box(b"data", struct.pack(">II", 1, 0), value.encode()),
    )
    return box(b"udta", box(b"meta", bytes(4), box(b"hdlr", bytes(8), b"mdir", bytes(13)), box(b"ilst", item)))


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the tests, and one signer under it; all PEM."""

    root: bytes
    chain: bytes
    key: bytes


@cache
def authority(name: str = "Test") -> Authority:
    """An authority of this name."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    root = _certificate(f"{name} root", f"{name} root", keys[0], keys[0], signs_others=True)
    leaf = _certificate(f"{name} signer", f"{name} root", keys[1], keys[0], signs_others=False)
    pem, unlocked = serialization.Encoding.PEM, serialization.NoEncryption()
    key = keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, unlocked)
    return Authority(root.public_bytes(pem), leaf.public_bytes(pem) + root.public_bytes(pem), key)


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    signs_others: bool,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)

    def named(name: str) -> x509.Name:
        fields = ((NameOID.COMMON_NAME, name), (NameOID.ORGANIZATION_NAME, name))
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in fields])

    unused = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=signs_others, crl_sign=signs_others, decipher_only=False, **unused
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=signs_others, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not signs_others:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def signed(
    container: str,
    data: bytes | None = None,
    *,
    source: str = GENERATED,
    remote: str | None = None,
    embed: bool = True,
    edited: bool = False,
) -> bytes:
    """A file with a C2PA manifest, signed by `authority()`.

    Args:
        container: its kind.
        data: the file to sign; a picture or video of the tests by default.
        source: digitalSourceType of its making.
        remote: address that the file names for its manifest.
        embed: whether the manifest is in the file.
        edited: it says that it was edited, and what it was made from, not how.
    """
    data = data or (mp4() if container == "mp4" else saved(scene(2), container))
    action = {"action": "c2pa.edited"} if edited else {"action": "c2pa.created", "digitalSourceType": source}
    manifest = {
        "claim_generator_info": [{"name": "Test generator", "version": "1"}],
        "format": MIME[container],
        "title": "made by a test",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }
    builder = Builder(manifest)
    if remote:
        builder.set_remote_url(remote)
    if not embed:
        builder.set_no_embed()
    if edited:
        builder.set_intent(C2paBuilderIntent.EDIT)
    given = authority()
    info = C2paSignerInfo(alg=b"es256", sign_cert=given.chain, private_key=given.key, ta_url=None)
    out = io.BytesIO()
    builder.sign(Signer.from_info(info), MIME[container], io.BytesIO(data), out)
    return out.getvalue()


def flipped(data: bytes, find: Callable[[bytes], int]) -> bytes:
    """The file with one bit changed, at the place that `find` says."""
    changed = bytearray(data)
    changed[find(data)] ^= 1
    return bytes(changed)


def pixel_byte(container: str) -> Callable[[bytes], int]:
    """Where a byte of the pixels or samples is, for `flipped`."""
    lead = {"jpeg": b"\xff\xda", "png": b"IDAT", "webp": b"VP8 ", "mp4": b"mdat"}[container]
    return lambda data: data.rfind(lead) + 100
