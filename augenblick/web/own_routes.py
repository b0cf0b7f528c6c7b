"""Routes to what a browser owns: an answer's text, its check and its rating, and stored pictures.

None needs a run of a page's script. Somebody else's is like one that does not exist: 404. While the
store is away it is 503.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from augenblick.chat.checking import Check, Checking, CheckState
from augenblick.core.errors import ConversationNotFound, StoreError
from augenblick.core.language import LANGUAGES, Language, language
from augenblick.core.messages import Rating
from augenblick.store import Store
from augenblick.store.databases import TEMPORARY
from augenblick.web.browser_cookie import asking_browser

_SMALL = "/small"
_PNG_START = b"\x89PNG"
_FRESH_SECONDS = 600  # after that the browser asks again: as long as a deletion can be undone
_RATINGS = {**{each.value: each for each in Rating}, "none": None}
_UNKEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


def answer_path(conversation_id: str, reply_id: str, choice_index: int) -> str:
    """Where the text of an answer is, below wherever the pages stand."""
    return f"answer/{conversation_id}/{reply_id}/{choice_index}"


def rating_path(reply_id: str) -> str:
    """Where an answer is rated, below wherever the pages stand; the rating follows a slash."""
    return f"rating/{reply_id}"


def evidence_path(conversation_id: str, reply_id: str, choice_index: int, code: str) -> str:
    """Where the check of an answer is, behind the prefix of all our paths."""
    return f"/evidence/{conversation_id}/{reply_id}/{choice_index}/{code}"


def picture_path(conversation_id: str, sha256: str, *, is_small: bool = False) -> str:
    """The path of a picture, to stand behind the prefix of all our paths."""
    return f"/picture/{conversation_id}/{sha256}{_SMALL if is_small else ''}"


def own_routes(store: Callable[[], Store], checking: Callable[[], Checking]) -> list[Route]:
    """All of them; each asks anew for the store and the checks."""
    own = _Own(store, checking)
    choice = "{conversation}/{reply}/{choice:int}"
    picture = "/picture/{conversation}/{sha256}"
    return [
        Route(path, _guarded(answer), methods=methods)
        for path, methods, answer in (
            (f"/answer/{choice}", ["GET"], own.text),
            (f"/evidence/{choice}/{{code}}", ["GET", "POST"], own.evidence),
            ("/rating/{reply}/{rating}", ["PUT"], own.rate),
            (picture, ["GET"], own.picture),
            (picture + _SMALL, ["GET"], own.picture),
        )
    ]


class _Own:
    """Answers for what belongs to `owner`, with the places of the path by their names.

    None says that there is no such thing.
    """

    def __init__(self, store: Callable[[], Store], checking: Callable[[], Checking]) -> None:
        self._store = store
        self._checking = checking

    def text(
        self, _: Request, *, owner: str, conversation: str, reply: str, choice: int
    ) -> Response | None:
        """An answer as the model wrote it, for copying: so none goes to the browser twice."""
        for node in self._store().load_conversation(conversation, owner=owner).nodes:
            if node.id == reply and node.reply is not None and choice < len(node.reply.choices):
                return PlainTextResponse(node.reply.choices[choice].text, headers=_UNKEPT)
        return None

    def rate(self, _: Request, *, owner: str, reply: str, rating: str) -> Response | None:
        """Keep what a person thinks of an answer; `none` takes it back."""
        if rating not in _RATINGS:
            return None
        self._store().rate(reply, _RATINGS[rating], owner=owner)
        return Response(status_code=204)

    def evidence(
        self,
        request: Request,
        *,
        owner: str,
        conversation: str,
        reply: str,
        choice: int,
        code: str,
    ) -> Response | None:
        """What of an answer stands in its pictures, or how far the check is.

        POST has pictures with much text read, too. What a person reads comes in the language of the
        page, and so do the values of a form.
        """
        if code not in LANGUAGES:
            return None
        spoken, reads_all = language(code), request.method == "POST"
        check = self._checking().check(
            conversation, reply, choice, owner=owner, language=spoken, reads_all=reads_all
        )
        return JSONResponse(_said(check, spoken), headers=_UNKEPT)

    def picture(
        self, request: Request, *, owner: str, conversation: str, sha256: str
    ) -> Response | None:
        """A picture as it was sent, or the small one."""
        is_small = request.url.path.endswith(_SMALL)
        headers = _kept(conversation, etag=f'"{sha256}{_SMALL if is_small else ""}"')
        store = self._store()
        if sha256 not in store.list_pictures(owner, conversation_id=conversation):
            return None
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        try:
            content = (store.load_thumbnail if is_small else store.load_content)(sha256)
        except KeyError:  # deleted meanwhile
            return None
        return Response(content, media_type=media_type(content), headers=headers)


def _guarded(answer: Callable[..., Response | None]) -> Callable[[Request], Response]:
    """Answer for the asking browser's own only; for one without a cookie nothing exists."""

    def guarded(request: Request) -> Response:
        owner = asking_browser(request.scope)
        try:
            found = answer(request, owner=owner, **request.path_params) if owner else None
        except ConversationNotFound:
            found = None
        except StoreError:
            return Response(status_code=503, headers=_UNKEPT)
        return found or Response(status_code=404, headers=_UNKEPT)

    return guarded


def media_type(content: bytes) -> str:
    """The media type of a prepared or a small picture, by its first bytes."""
    return "image/png" if content.startswith(_PNG_START) else "image/jpeg"


def _kept(conversation_id: str, *, etag: str) -> dict[str, str]:
    """How long a browser keeps a picture: of a temporary conversation no byte goes to a disk."""
    is_temporary = conversation_id.startswith(TEMPORARY)
    kept = "no-store" if is_temporary else f"max-age={_FRESH_SECONDS}, immutable"
    return {
        "Cache-Control": f"private, {kept}",
        "Vary": "Cookie",
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }


def _said(check: Check, spoken: Language) -> dict[str, object]:
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
