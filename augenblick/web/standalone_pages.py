"""Answers with pages that stand alone, outside of Streamlit: what links and QR codes lead to."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse

from augenblick.core.errors import AugenblickError
from augenblick.core.language import Language, choose_language, language
from augenblick.exchange.pages import notice_page
from augenblick.web.language_cookie import chosen_language

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}


def preferred_language(request: Request) -> Language:
    """The language that was chosen in this browser, else the one it asks for."""
    asked = choose_language(request.headers.get("accept-language", ""))
    return language(chosen_language(request.cookies) or asked)


def standalone_page(html: str, *, status: int = 200, policy: str = "") -> HTMLResponse:
    """A page that may load nothing, is kept nowhere and found by no search engine.

    `policy` has directives of the content security policy that allow it more.
    """
    page = HTMLResponse(html, status_code=status, headers=_HEADERS)
    if policy:
        page.headers["Content-Security-Policy"] += f"; {policy}"
    return page


def failure_page(
    keys: Sequence[str], spoken: Language, *, status: int, home: str = ""
) -> HTMLResponse:
    """A page with a title and sentences, by their keys; `home` is where a link leads on to."""
    title, *sentences = (spoken.text(key) for key in keys)
    return standalone_page(
        notice_page(title, *sentences, language=spoken, home=home), status=status
    )


def error_keys(error: AugenblickError) -> tuple[str, str, str]:
    """The keys of what is said about an error: title, what happened, what to do."""
    return (f"error.{error.code}.title", f"error.{error.code}.what", f"error.{error.code}.do")
