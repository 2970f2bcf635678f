"""What is left of a text or a hashtag once writing habits are taken away: its normal form.

Unicode compatibility forms (NFKC, so that full width is half width), case folding, and for texts: letters of any script
with their marks stay, numbers leave one 0, and white space, punctuation, symbols and emoji go. Tools change all these
from one copy to the next.
"""

from __future__ import annotations

import re
from unicodedata import category, normalize

MIN_BYTES = 24  # of UTF-8: 24 Latin letters, 8 Chinese characters; a shorter text coincides by itself
SEQUENCE = 3  # hashtags from which on their order is an object of its own

_NUMBERS = re.compile("0+")
_MARKS = re.compile(r"^[\s#]+")
_SELECTORS = {*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x1810)}  # variants of an emoji or glyph


class _Letters(dict[int, str | None]):
    """Code point -> what it leaves: itself, 0, or nothing. Filled as characters are met."""

    def __missing__(self, point: int) -> str | None:
        kind = category(chr(point))
        left = "0" if kind[0] == "N" else chr(point) if kind[0] == "L" or kind in ("Mn", "Mc") else None
        self[point] = None if point in _SELECTORS else left
        return self[point]


_LETTERS = _Letters()


def normal_form(text: str) -> str:
    """What is left of a text. Doing it twice changes nothing.

    >>> normal_form("ＯＮＬＹ 20% off!! 🎉 到１２月")
    'only0off到0月'
    """
    done = _stripped(text)
    while (again := _stripped(done)) != done:  # seldom: two characters that only now stand side by side compose
        done = again
    return done


def _stripped(text: str) -> str:
    folded = normalize("NFKC", normalize("NFKC", text).casefold())
    return normalize("NFKC", _NUMBERS.sub("0", folded.translate(_LETTERS)))


def has_template(normal: str) -> bool:
    """Whether a normal form is long enough not to coincide by itself."""
    return len(normal.encode("utf-8", "surrogatepass")) >= MIN_BYTES


def tag_form(tag: str) -> str:
    """A hashtag without its # (full width as well), blanks around it, width and case; may be empty.

    >>> tag_form("＃ＡＩ生成")
    'ai生成'
    """
    form = normalize("NFKC", normalize("NFKC", tag).casefold())
    return _MARKS.sub("", form).rstrip()


def sequence_form(tags: list[str]) -> str | None:
    """The hashtags of a text in their order, each once, as one text; None where they are fewer than `SEQUENCE`.

    >>> sequence_form(["#Sun", "Sea", "#sun", "＃Sand"])
    '#sun #sea #sand'
    """
    forms = [form for form in dict.fromkeys(map(tag_form, tags)) if form]
    return " ".join(f"#{form}" for form in forms) if len(forms) >= SEQUENCE else None
