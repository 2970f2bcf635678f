"""Templates: the text two accounts share once the small edits that tools make are taken away.

The normal form keeps letters (of any script) and the places of numbers, in lower case and Unicode NFC:
digits become one 0, and white space, punctuation and emoji go. A text shorter than `MIN_BYTES` in that
form has no template: short stock comments coincide by themselves.
"""

from __future__ import annotations

MIN_BYTES = 24  # of UTF-8: 24 Latin letters, 8 Chinese characters


def normal_form(column: str) -> str:
    """SQL of the normal form of a text column."""
    lower = f"regexp_replace(lower(nfc_normalize({column})), '\\p{{N}}+', '0', 'g')"
    return f"regexp_replace({lower}, '[^\\p{{L}}0]+', '', 'g')"


def template_id(column: str, key: str) -> str:
    """SQL of the template id of a text column, null for texts without one.

    `key` is SQL of a secret for private text (so that nobody can test guesses of a message against the
    log), and of an empty string for public text. Nested, so that knowing one id helps with no other.
    """
    normal = normal_form(column)
    return (
        f"CASE WHEN octet_length(encode({normal})) >= {MIN_BYTES} "
        f"THEN left(sha256({key} || sha256({key} || {normal})), 24) END"
    )
