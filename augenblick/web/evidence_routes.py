"""`/evidence/{conversation}/{reply}/{choice}/{language}`: what of an answer stands in its pictures.

GET says how far the check is, POST has pictures with much text read, too. What a person reads comes
in the language of the page, and so do the values of a form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from augenblick.chat.checking import Check, Checking, CheckState
from augenblick.core.errors import ConversationNotFound, StoreError
from augenblick.core.language import LANGUAGES, language
from augenblick.web.browser_cookie import browser_id

_PATH = "/evidence/{conversation_id}/{reply_id}/{choice:int}/{code}"
_HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


def evidence_path(conversation_id: str, reply_id: str, choice_index: int, code: str) -> str:
    """Where the check of an answer is, behind the prefix of all our paths."""
    return f"/evidence/{conversation_id}/{reply_id}/{choice_index}/{code}"


def evidence_routes(
    checking: Callable[[], Checking], key: bytes, *, prefix: str = ""
) -> list[BaseRoute]:
    """The route; `key` signs the cookie that says whose the answer must be.

    Somebody else's answer is like one that does not exist: 404. 503 while the store is away.
    """

    def evidence(request: Request) -> Response:
        owner = browser_id(request.cookies, key=key)
        conversation_id, reply_id, choice_index, code = (
            request.path_params[name] for name in ("conversation_id", "reply_id", "choice", "code")
        )
        if not owner or code not in LANGUAGES:
            return Response(status_code=404, headers=_HEADERS)
        try:
            check = checking().check(
                conversation_id,
                reply_id,
                choice_index,
                owner=owner,
                language=language(code),
                reads_all=request.method == "POST",
            )
        except ConversationNotFound:
            return Response(status_code=404, headers=_HEADERS)
        except StoreError:
            return Response(status_code=503, headers=_HEADERS)
        return JSONResponse(_said(check, code), headers=_HEADERS)

    return [Route(f"{prefix}{_PATH}", evidence, methods=["GET", "POST"])]


def _said(check: Check, code: str) -> dict[str, object]:
    spoken = language(code)
    said: dict[str, object] = {"state": check.state}
    if check.state is CheckState.READING:
        said["line"] = spoken.text("evidence.reading")
    elif check.state is CheckState.LONG:
        said["ask"] = spoken.text("evidence.ask")
    elif check.state is CheckState.READY:
        found = sum(bool(value.places) for value in check.values)
        said |= {
            "line": spoken.text("evidence.line", found=found, count=len(check.values)),
            "found": spoken.text("evidence.found"),
            "missing": spoken.text("evidence.missing"),
            "values": [asdict(value) for value in check.values],
        }
    return said
