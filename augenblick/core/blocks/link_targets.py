"""Which addresses of links in the text of a model can be clicked."""

from __future__ import annotations

import re
from html import unescape

LONGEST = 300
"""Characters of an address that decide; a scheme is far shorter."""

_SCHEMES = {"http", "https", "mailto", "tel"}
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_IGNORED = re.compile(r"[\x00-\x20\x7f-\x9f\u200b\ufeff]")  # browsers pass over most of them
_SCHEME = re.compile(r"([^/?#]*?):")


def is_harmless(address: str) -> bool:
    """Whether an address as it stands in Markdown leads to a page, a mailbox or a telephone.

    One without a scheme stays on this site. `data:` and `javascript:` are content of the model.
    """
    plain = _IGNORED.sub("", unescape(_ESCAPED.sub(r"\1", address[:LONGEST])))
    found = _SCHEME.match(plain)
    return found is None or found[1].lower() in _SCHEMES
