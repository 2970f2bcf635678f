"""Links brought to one spelling, so that the same page is the same object.

Two spellings are one if they differ in nothing but: the case of scheme and host, a host in Unicode or in punycode, the
port that the scheme has anyway, dot segments, percent-encoding, the order of query arguments, the fragment, a missing
`/` after the host, and arguments that only track. Kept apart, because a server may answer differently: http and https,
`www.`, any other `/` at the end, the case of the path, users in the host part, empty arguments.
What is no http or https address with a host, or cannot be read as one, stays the text it is.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from w3lib.url import canonicalize_url, url_query_cleaner

DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# arguments that tell how somebody came to the page and change nothing on it; names in lower case
TRACKING_PREFIXES = ("utm_", "mtm_", "matomo_", "pk_", "hsa_", "oly_", "vero_")
_NAMES = """
    fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid ysclid twclid ttclid li_fat_id igshid igsh mc_cid mc_eid _ga
    _gl _hsenc _hsmi mkt_tok wickedid s_kwcid ref_src ref_url spm scm vd_source xsec_source xsec_token share_source
    share_medium share_plat share_tag share_session_id share_from
"""
TRACKING = frozenset(_NAMES.split())


def canonical(url: str) -> str:
    """The one spelling of a link; its own text, without blanks around it, where it is no web address.

    >>> canonical("HTTPS://Shop.example:443/a/../b?utm_source=x&b=2&a=1#top")
    'https://shop.example/b?a=1&b=2'
    """
    text = url.strip()
    try:
        spelt = _spelt(text)
        # an address that a second reading spells otherwise is broken (`%2525zz`): no spelling of it can be trusted
        return spelt if spelt is not None and _spelt(spelt) == spelt else text
    except (ValueError, UnicodeError):  # a port out of range, half an IPv6 address, a host that is none
        return text


def _spelt(text: str) -> str | None:
    """The canonical address; None: no web address. Raises ValueError for a broken one."""
    split = urlsplit(text)
    if split.scheme not in DEFAULT_PORTS or not split.hostname:
        return None
    if split.query:
        names = {part.partition("=")[0] for part in split.query.split("&")}
        dropped = [name for name in names if name.lower() in TRACKING or name.lower().startswith(TRACKING_PREFIXES)]
        if dropped:
            text = url_query_cleaner(text, dropped, remove=True, unique=False)
    text = canonicalize_url(text)
    split = urlsplit(text)
    return split._replace(netloc=split.netloc.removesuffix(DEFAULT_PORTS[split.scheme]).removesuffix(":")).geturl()
