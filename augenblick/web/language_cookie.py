"""The language that was chosen on a page, for as long as the browser keeps the cookie.

A plain cookie, set by the page itself and only once somebody has chosen: it says nothing of who it
is. An address that names a language counts for more, the browser's own wish for less.
"""

from __future__ import annotations

from collections.abc import Mapping

from augenblick.core.language import LANGUAGES

LANGUAGE_COOKIE = "augenblick_language"


def chosen_language(cookies: Mapping[str, str]) -> str:
    """The code of the language that this browser was told to use; empty where none was chosen."""
    code = cookies.get(LANGUAGE_COOKIE, "")
    return code if code in LANGUAGES else ""
