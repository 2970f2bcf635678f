"""Perceptual hashes of pictures: near copies have near hashes, whatever their file format, size and compression.

PDQ (Facebook, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019): 256 bits from the
low frequencies of the brightness; two hashes at most `NEAR` bits apart are one picture, if the quality (0 to 100, how
much there is to see) is at least `QUALITY`. A mirror image, or a few percent cut off, is far away for PDQ, so each
picture is hashed mirrored and cropped as well; docs/decisions/0020 has the distances that were measured.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from graph.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

NEAR = 31  # bits of 256
QUALITY = 50
SHARES = (1.0, 0.95, 0.91)  # of width and height that is kept around the centre
VARIANTS = tuple(f"{mirror}{share}" for mirror in ("", "mirrored ") for share in SHARES)
FORMATS = ("JPEG", "PNG", "WEBP")
_SIDE = 512  # pixels; a longer side is reduced first, which moves a hash by a few bits
_LEAST = 32  # pixels a side
_BYTES = 256 * 2**20  # of a file whose pixels are read


@dataclass(frozen=True)
class MediaHash:
    """Hashes of a picture: `words` (VARIANTS, 4) uint64, the first row of the picture as it is; `quality` 0 to 100."""

    words: NDArray[np.uint64]
    quality: int

    @property
    def usable(self) -> bool:
        """Whether there is enough to see for near hashes to mean near copies."""
        return self.quality >= QUALITY

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> MediaHash:
        """The hashes that `plain` wrote.

        Raises:
            InputError: it wrote none of this.
        """
        try:
            texts = [plain["pdq"], *(plain["variants"][name] for name in VARIANTS[1:])]
            words = np.frombuffer(bytes.fromhex("".join(texts)), ">u8").astype(np.uint64).reshape(len(VARIANTS), 4)
            return cls(words, int(plain["quality"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"not a hash of a picture as check-media writes it ({error!r})") from None

    def plain(self) -> dict[str, Any]:
        """As JSON: the hash as PDQ writes it, in hexadecimal, and those of the variants."""
        texts = [row.astype(">u8").tobytes().hex() for row in self.words]
        return {
            "pdq": texts[0],
            "quality": self.quality,
            "usable": self.usable,
            "variants": dict(zip(VARIANTS[1:], texts[1:], strict=True)),
        }


def hash_picture(file: BinaryIO) -> MediaHash:
    """The hashes of a JPEG, PNG or WebP file; of an animation, of its first frame.

    Raises:
        InputError: it is no such file, too large, too small, or its pixels cannot be decoded.
    """
    import pdqhash

    pixels = _pixels(file)
    rows = []
    quality = 100
    for number, share in enumerate(SHARES * 2):
        view = _centre(pixels, share)
        if number >= len(SHARES):
            view = view[:, ::-1]
        bits, seen = pdqhash.compute(np.ascontiguousarray(view))
        quality = int(seen) if number == 0 else quality
        rows.append(np.packbits(np.asarray(bits, np.uint8)).view(">u8").astype(np.uint64))
    return MediaHash(np.stack(rows), quality)


def _centre(pixels: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    top, left = (round(side * (1 - share) / 2) for side in (height, width))
    return pixels[top : height - top, left : width - left]


def _pixels(file: BinaryIO) -> NDArray[np.uint8]:
    """Height, width, 3: the picture upright, at most _SIDE pixels a side, what is transparent shown on white."""
    from PIL import Image

    file.seek(0, 2)
    if file.tell() > _BYTES:
        raise InputError(f"pixels are read from files of at most {_BYTES // 2**20} MiB")
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # 89 million pixels, Pillow's own limit
            with Image.open(file, formats=FORMATS) as picture:
                if min(picture.size) < _LEAST:
                    raise InputError(f"a picture of {picture.width} x {picture.height}; {_LEAST} are the least a side")
                picture.draft("RGB", (_SIDE, _SIDE))  # JPEG alone can be decoded smaller
                picture.load()
                return np.asarray(_upright(_flat(picture)))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"more than {Image.MAX_IMAGE_PIXELS:,} pixels") from None
    except (InputError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  a decoder fails in many ways on broken files
        raise InputError(f"pixels cannot be decoded ({type(error).__name__}: {str(error)[:200]})") from None


def _flat(picture: Image) -> Image:
    """In three colours, reduced, on white."""
    from PIL import Image as Images

    flat = picture
    if flat.mode.startswith("I;16"):  # grey of 16 bits, of which Pillow would keep the lower ones
        flat = Images.fromarray((np.asarray(flat) >> 8).astype(np.uint8))
    if flat.mode not in ("RGB", "L"):
        flat = flat.convert("RGBA" if flat.has_transparency_data else "RGB")
    if flat is picture:
        flat = flat.copy()
    flat.thumbnail((_SIDE, _SIDE), Images.Resampling.BOX)
    if flat.mode == "RGBA":
        white = Images.new("RGBA", flat.size, "white")
        white.alpha_composite(flat)
        flat = white
    return flat.convert("RGB")


def _upright(flat: Image) -> Image:
    """Turned as its EXIF says, which re-encoding often makes final; broken EXIF turns nothing."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(flat)
    except Exception:  # noqa: BLE001  whatever is wrong with it, the pixels are there
        return flat
