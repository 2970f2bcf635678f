"""Media: which markers survive what is done to files, how far hashes move, and what strangers' files cost.

    .venv/bin/python bench/media.py [--only survival hashes hostile groups] [--pictures 40] [--photos FILE ...]

Everything is made here (synthetic), but for photographs that are given by name.
"""

from __future__ import annotations

import argparse
import io
import resource
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import psutil
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "ingest"))
import mediakit as kit

from ingest.media import NEAR, SHARES, hash_picture
from ingest.media_objects import group
from ingest.provenance.check import check_media
from ingest.provenance.examine import examine

PARTS = ("survival", "hashes", "hostile", "groups")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--pictures", type=int, default=40, help="how many are made for `hashes`")
    parser.add_argument("--photos", nargs="*", type=Path, default=[], help="photographs to measure as well")
    given = parser.parse_args()
    for part in given.only:
        print(f"\n== {part}")
        if part == "survival":
            survival()
        elif part == "hashes":
            hashes([kit.scene(n, 800, 600) for n in range(given.pictures)], "made here")
            if given.photos:
                hashes([Image.open(p).convert("RGB") for p in given.photos], "photographs")
        elif part == "hostile":
            hostile()
        else:
            groups()


# what is left of markers

MARKED: dict[str, Callable[[str], bytes]] = {
    "C2PA": kit.signed,
    "IPTC in XMP": lambda c: kit.with_xmp(c, kit.source_type(kit.GENERATED)),
    "GB 45438 in XMP": lambda c: kit.with_xmp(c, kit.aigc()),
    "generator in EXIF": lambda c: kit.with_exif(c, {}, b"UNICODE\0" + kit.PARAMETERS.encode("utf-16-be")),
    "generator in PNG text": lambda _: kit.png_text(("parameters", kit.PARAMETERS)),
}


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def kept(picture: Image.Image, kind: str) -> bytes:
    """As a careful tool does: EXIF and XMP handed on."""
    options = {name: picture.info[name] for name in ("exif", "xmp") if name in picture.info}
    return saved(picture, kind, **options)


DONE: dict[str, Callable[[Image.Image, str], bytes]] = {
    "saved by Pillow, same format": saved,
    "the same, EXIF and XMP handed on": kept,
    "halved, same format": lambda p, k: saved(p.resize((p.width // 2, p.height // 2)), k),
    "saved as JPEG": lambda p, _: saved(p.convert("RGB"), "JPEG"),
    "saved as WebP": lambda p, _: saved(p, "WEBP"),
    "screenshot: pixels alone, PNG": lambda p, _: saved(Image.fromarray(np.asarray(p.convert("RGB"))), "PNG"),
}


def survival() -> None:
    for marker, make in MARKED.items():
        for container in kit.PICTURES if "PNG text" not in marker else ("png",):
            data = make(container)
            first = examine(io.BytesIO(data), None)["status"]
            assert first != "none"
            left = {n: examine(io.BytesIO(d(_opened(data), container.upper())), None) for n, d in DONE.items()}
            survived = [name for name, found in left.items() if found["status"] != "none"]
            print(f"{marker}, {container}: {first}; of {len(DONE)} it survives: {'; '.join(survived) or 'none'}")


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


# how far hashes move


def cut(picture: Image.Image, share: float, left: float = 0.5, top: float = 0.5) -> Image.Image:
    width, height = (round(side * share) for side in picture.size)
    x, y = round((picture.width - width) * left), round((picture.height - height) * top)
    return picture.crop((x, y, x + width, y + height))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 90": lambda p: Image.open(io.BytesIO(saved(p, "JPEG", quality=90))),
    "JPEG 30": lambda p: Image.open(io.BytesIO(saved(p, "JPEG", quality=30))),
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2)),
    "a quarter of the size": lambda p: p.resize((p.width // 4, p.height // 4)),
    "grey": lambda p: p.convert("L").convert("RGB"),
    "mirrored": ImageOps.mirror,
    "turned by a quarter": lambda p: p.rotate(90, expand=True),
    **{f"{share} around the centre": lambda p, s=share: cut(p, s) for share in (0.98, 0.97, 0.95, 0.93, 0.91, 0.89)},
    **{f"{share} around the centre": lambda p, s=share: cut(p, s) for share in (0.88, 0.85)},
    "0.95, mirrored": lambda p: ImageOps.mirror(cut(p, 0.95)),
    "0.95 from the upper left": lambda p: cut(p, 0.95, 0, 0),
    "5% off the lower edge": lambda p: p.crop((0, 0, p.width, round(p.height * 0.95))),
    "10% off the lower edge": lambda p: p.crop((0, 0, p.width, round(p.height * 0.90))),
    "a border of 5%": lambda p: ImageOps.expand(p, border=p.width // 20, fill="black"),
}


def words(picture: Image.Image) -> np.ndarray:
    return hash_picture(io.BytesIO(saved(picture, "PNG", compress_level=1))).words


def hashes(pictures: list[Image.Image], what: str) -> None:
    print(f"{len(pictures)} {what}; near: at most {NEAR} bits; variants keep {SHARES} of each side, also mirrored")
    first = [words(p) for p in pictures]
    print(f"{'change':28} {'bits: median':>13} {'most':>5} {'near by PDQ alone':>18} {'one object':>11}")
    for name, change in CHANGES.items():
        second = [words(change(p)) for p in pictures]
        bits = np.array([np.bitwise_count(a[0] ^ b[0]).sum() for a, b in zip(first, second, strict=True)])
        one = np.mean([group(np.stack([a, b]))[1] == 0 for a, b in zip(first, second, strict=True)])
        print(f"{name:28} {np.median(bits):13.0f} {bits.max():5} {np.mean(bits <= NEAR):18.2f} {one:11.2f}")
    every = np.stack(first)
    apart = np.bitwise_count(every[:, None] ^ every[None, :, :1]).sum(axis=3).min(axis=2)
    others = apart[~np.eye(len(every), dtype=bool)]
    if len(others):
        print(f"different pictures, nearest variant: least {others.min()}, median {np.median(others):.0f} bits")
    start = process_time()
    for picture in pictures:
        words(picture)
    print(
        f"{(process_time() - start) / len(pictures) * 1000:.0f} ms of the processor a picture, PNG both ways included"
    )


# what strangers' files cost


def zeros(side: int, bits: int, kind: int, extra: bytes = b"") -> bytes:
    """A PNG of side x side pixels of nothing, packed into little."""
    width = {2: 3, 6: 4}.get(kind, 1) * bits // 8 * side + 1
    packer = zlib.compressobj(9)
    ten = bytes(width) * 10
    first, block = (packer.compress(ten) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    tail = struct.pack("<BHH", 1, 0, 0xFFFF) + struct.pack(">I", _adler(width * side))
    header = kit.chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, kind, 0, 0, 0))
    pixels = kit.chunk(b"IDAT", first + block * (side // 10 - 1) + tail)
    return kit.SIGNATURE + header + extra + pixels + kit.chunk(b"IEND", b"")


def _adler(count: int) -> int:
    return (count % 65521) << 16 | 1


def hostile_files() -> Iterable[tuple[str, bytes]]:
    yield "an ordinary JPEG of 12 million pixels", saved(kit.scene(1).resize((4000, 3000)), "JPEG")
    yield "an ordinary signed JPEG", kit.signed("jpeg")
    yield "81 million pixels, RGB", zeros(9000, 8, 2)
    yield "81 million pixels, RGBA of 16 bits", zeros(9000, 16, 6)
    yield (
        "81 million pixels, 256 colours",
        zeros(9000, 8, 3, kit.chunk(b"PLTE", bytes(768)) + kit.chunk(b"tRNS", b"\0")),
    )
    yield "81 million pixels, grey of 16 bits", zeros(9000, 16, 0)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (9000, 9000), dtype=np.uint8)).convert("RGB")
    yield "81 million pixels of noise, progressive JPEG", saved(noise, "JPEG", progressive=True)
    yield "81 million pixels of noise, WebP", saved(noise, "WEBP", quality=10, method=0)
    yield "4 thousand million pixels", zeros(60000, 8, 2)
    packed = zlib.compress(bytes(2**30))
    text = kit.chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + packed)
    yield "text that unpacks to a gigabyte", kit.saved(kit.scene(1), "png")[:33] + text
    yield "2 million chunks", kit.SIGNATURE + kit.chunk(b"teXt", b"") * 2_000_000
    boxes = b"".join(struct.pack(">I4s", 8 * (2000 - n), b"moov") for n in range(2000))
    yield "boxes 2,000 deep", kit.box(b"ftyp", b"isom", bytes(4)) + boxes
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    yield "an XML bomb", kit.png_text(("XML:com.adobe.xmp", f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><x>&l11;</x>'))
    yield "XML a million deep", kit.png_text(("XML:com.adobe.xmp", "<a>" * 10**6))
    yield "JSON half a million deep", kit.png_text(("AIGC", '{"a":' * 5 * 10**5))
    yield "a signed video of 512 MiB", kit.signed("mp4", kit.mp4(after=kit.box(b"mdat", bytes(2**29))))


def _spent() -> float:
    """Seconds of the processor that the reading program's children have taken."""
    return sum(p.cpu_times().children_user + p.cpu_times().children_system for p in psutil.Process().children())


def hostile() -> None:
    before = [0.0]

    def written(folder: Path, files: Iterable[tuple[str, bytes]]) -> Iterator[Path]:
        """Each just before it is asked for: what this program needs to make the next is no concern of the reader's."""
        for name, data in files:
            (folder / name).write_bytes(data)
            before[0] = _spent()
            yield folder / name

    with TemporaryDirectory() as folder:
        for answer in check_media(written(Path(folder), hostile_files())):
            why = answer.get("error") or answer.get("no_hash") or f"hashed, quality {answer['hash']['quality']}"
            path = Path(answer["file"])
            took, size = _spent() - before[0], path.stat().st_size
            print(f"{path.name} ({size:,} bytes): {took:.2f} CPU s, {answer['status']}; {why[:110]}")
            path.unlink()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"most memory of a child: {used.ru_maxrss // 1024:,} MiB")
    with TemporaryDirectory() as folder:
        many = [(f"{n}.jpg", kit.saved(kit.scene(n, 800, 600), "jpeg")) for n in range(200)]
        count = len(list(check_media(written(Path(folder), many))))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(f"{count} JPEG files of 800 x 600: {spent:.1f} CPU s, the start included")


def groups() -> None:
    rng = np.random.default_rng(1)
    for count in (10_000, 30_000, 100_000):
        every = rng.integers(0, 2**64, (count, 2 * len(SHARES), 4), dtype=np.uint64)
        half = count // 2
        every[half:] = every[rng.integers(0, half, count - half)]
        for _ in range(20):
            bit = np.uint64(1) << rng.integers(0, 64, (count - half, 2 * len(SHARES))).astype(np.uint64)
            every[half:, :, rng.integers(0, 4)] ^= bit
        start = process_time()
        found = len(np.unique(group(every)))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        spent = process_time() - start
        print(f"{count:,} pictures, half of them copies: {spent:.1f} CPU s, {found:,} objects, {peak} MiB at most")


if __name__ == "__main__":
    main()
