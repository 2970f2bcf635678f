"""A text model as one file: a zip of plain arrays (NumPy's .npz) and one JSON text. Nothing in it is executed, ever.

It is read member by member: names, types, shapes and sizes are checked before a byte is taken for a number, and
no object arrays (which would be pickles) are let in. The same corpus and seed give the same bytes.

It holds no text and no account id: character n-grams of up to four characters that at least three texts share, and
accounts as keyed hashes, so that evaluation can leave out whom it was trained on. The key is in the file: whoever has
both it and a list of ids can ask which of them were in training.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gnn.calibrate import Calibration
from gnn.text.model import GRAMS, MOST_GRAMS, Bounds, TextModel
from graph.errors import InputError, IntegrityError
from graph.files import write_bytes

KIND, FORMAT = "shoal text model", 1
ARRAYS = {"header": "u1", "grams": "u1", "idf": "f4", "coefficient": "f4", "mean": "f4", "accounts": "u8"}
UNREADABLE = (zipfile.BadZipFile, zlib.error)
MOST_BYTES = 64 << 20  # of one array


@dataclass(frozen=True)
class Stored:
    """A model, what is known of its making, and the hashes of the accounts it was trained on."""

    model: TextModel
    about: dict[str, Any]
    accounts: npt.NDArray[np.uint64]

    def trained_on(self, accounts: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
        """Which of these accounts the model was trained on."""
        return np.isin(hashed(accounts, str(self.about["salt"])), self.accounts)


def hashed(accounts: npt.NDArray[np.object_], salt: str) -> npt.NDArray[np.uint64]:
    """Keyed hashes of account ids, 64 bits each."""
    distinct, place = np.unique(accounts.astype(str), return_inverse=True)
    key = bytes.fromhex(salt)
    made = b"".join(
        hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest() for name in distinct
    )
    return np.frombuffer(made, "<u8")[place]


def save(path: Path, model: TextModel, about: dict[str, Any], accounts: npt.NDArray[np.object_]) -> None:
    """Write a model.

    Args:
        path: the file.
        model: what to keep.
        about: JSON: where it comes from, how it was measured; `salt` (64 hex digits) keys the accounts.
        accounts: ids of the accounts it was trained on.
    """
    header = {
        "kind": KIND,
        "format": FORMAT,
        "intercept": model.intercept,
        "calibration": asdict(model.calibration),
        "bounds": asdict(model.bounds),
        "about": about,
    }
    arrays: dict[str, Any] = {
        "header": np.frombuffer(json.dumps(header, sort_keys=True, ensure_ascii=False).encode(), np.uint8),
        "grams": np.frombuffer("\n".join(model.grams).encode("utf-8", "surrogatepass"), np.uint8),
        "idf": model.idf,
        "coefficient": model.coefficient,
        "mean": model.mean,
        "accounts": np.unique(hashed(accounts, about["salt"])),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getvalue())


def load(path: Path) -> Stored:
    """Read a model back.

    Raises InputError if there is no such file, IntegrityError naming what is wrong with it.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _array(archive, name, kind) for name, kind in ARRAYS.items()}
            extra = set(archive.namelist()) - {f"{name}.npy" for name in ARRAYS}
    except (*UNREADABLE, OSError, EOFError, KeyError, ValueError, RuntimeError) as error:
        said = str(error).strip("'\"")[:200]
        raise IntegrityError(f"{path}: not a model written by `shoal text train`: {said}") from error
    if extra:
        raise IntegrityError(f"{path}: not a model written by `shoal text train`: it also holds {min(extra)[:60]!r}")
    try:
        return _checked(arrays)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise IntegrityError(f"{path}: not a model written by `shoal text train`: {str(error)[:200]}") from error


def _array(archive: zipfile.ZipFile, name: str, kind: str) -> npt.NDArray[Any]:
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed in a way that is not read here")
    if info.file_size > MOST_BYTES:
        raise ValueError(f"{name} has {info.file_size:,} bytes; expected {MOST_BYTES:,} at most")
    with archive.open(info) as member:
        data = member.read(MOST_BYTES + 1)
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"{name} is an array of version {version}; expected (1, 0)")
    shape, _, found = np.lib.format.read_array_header_1_0(stream)
    if found != np.dtype("<" + kind) or len(shape) != 1:
        raise ValueError(f"{name} holds {found} {shape}; expected one row of {np.dtype('<' + kind)}")
    rest = data[stream.tell() :]
    if len(rest) != shape[0] * found.itemsize:
        raise ValueError(f"{name} has {len(rest):,} bytes where its shape says {shape[0] * found.itemsize:,}")
    return np.frombuffer(rest, found)


def _checked(arrays: dict[str, npt.NDArray[Any]]) -> Stored:
    header = json.loads(arrays["header"].tobytes())
    if not isinstance(header, dict) or header.get("kind") != KIND:
        raise ValueError(f"its header does not say {KIND!r}")
    if header["format"] != FORMAT:
        raise ValueError(f"its format is {str(header['format'])[:20]}; this version reads {FORMAT}. Train it anew")
    grams = tuple(arrays["grams"].tobytes().decode("utf-8", "surrogatepass").split("\n"))
    if len(grams) > MOST_GRAMS or len(set(grams)) != len(grams):
        raise ValueError(f"{len(grams):,} n-grams; expected up to {MOST_GRAMS:,}, each once")
    if not all(GRAMS[0] <= len(gram) <= GRAMS[1] for gram in grams):
        raise ValueError(f"an n-gram is not of {GRAMS[0]} to {GRAMS[1]} characters")
    for name in ("idf", "coefficient", "mean"):
        if len(arrays[name]) != len(grams) or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} is not one finite number for each of {len(grams):,} n-grams")
    calibration, bounds, about = header["calibration"], header["bounds"], header["about"]
    if len(bytes.fromhex(about["salt"])) != 32:
        raise ValueError("its salt is not 64 hex digits")
    model = TextModel(
        grams,
        arrays["idf"],
        arrays["coefficient"],
        arrays["mean"],
        _number(header["intercept"]),
        _calibration(calibration),
        Bounds(
            int(bounds["least_chars"]),
            tuple(str(script) for script in bounds["scripts"]),
            _number(bounds["least_known"]),
            _number(bounds["least_near"]),
        ),
    )
    return Stored(model, about, arrays["accounts"])


def _calibration(stored: dict[str, Any]) -> Calibration:
    x, y = (tuple(_number(value) for value in stored[name]) for name in ("x", "y"))
    long = 1 if stored["method"] == "platt" else len(x)
    if stored["method"] not in ("platt", "isotonic") or not len(x) == len(y) == long >= 1:
        raise ValueError("its calibration is none")
    if stored["method"] == "isotonic" and not (min(y) >= 0 and max(y) <= 1 and list(x) == sorted(x)):
        raise ValueError("its calibration is no rising line between 0 and 1")
    return Calibration(stored["method"], x, y)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ValueError(f"{str(value)[:20]!r} is no finite number")
    return float(value)
