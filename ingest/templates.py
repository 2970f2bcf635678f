"""Templates: the text two accounts share once the small edits that tools make are taken away.

The normal form keeps letters (of any script) and the places of numbers, in lower case and Unicode NFC:
digits become one 0, and white space, punctuation and emoji go. A text shorter than `MIN_BYTES` in that
form has no template: short stock comments coincide by themselves.
"""

from __future__ import annotations

from graph.model import PRIVATE_MARK

MIN_BYTES = 24  # of UTF-8: 24 Latin letters, 8 Chinese characters


def normal_form(column: str) -> str:
    """SQL of the normal form of a text column."""
    lower = f"regexp_replace(lower(nfc_normalize({column})), '\\p{{N}}+', '0', 'g')"
    return f"regexp_replace({lower}, '[^\\p{{L}}0]+', '', 'g')"


def hidden(value: str) -> str:
    """SQL of a private value's stand-in: equal for equal values, and not to be guessed without $key.

    Nested, so that knowing one stand-in helps with no other.
    """
    return f"'{PRIVATE_MARK}' || left(sha256($key || sha256($key || {value})), 24)"


def template_id(column: str, private: str) -> str:
    """SQL of the template id of a text column, null for texts without one; keyed where the SQL `private` holds."""
    normal = normal_form(column)
    return (
        f"CASE WHEN octet_length(encode({normal})) < {MIN_BYTES} THEN NULL "
        f"WHEN {private} THEN {hidden(normal)} ELSE left(sha256({normal}), 24) END"
    )
