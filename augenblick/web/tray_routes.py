"""`/tray/{token}`: pictures come in and are changed or taken out without a run of the script.

The token is a tab's own id, which its page was told; the browser's cookie has to be that of the
tab too. Every answer is the tray's state as JSON, sentences in the language of the page. `/samples`
has the small pictures of the empty page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated

from pydantic import Field, TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from augenblick.core.errors import AugenblickError, ImageError
from augenblick.core.language import Language
from augenblick.core.messages import PreparedPicture
from augenblick.pictures import PicturePool
from augenblick.pictures.regions import MAX_PIXELATED, MAX_REGIONS, Region
from augenblick.pictures.samples import SAMPLES
from augenblick.pictures.tray import TrayItem, mark, turn
from augenblick.pictures.tray_pixelation import pixelate
from augenblick.web.browser_cookie import asking_browser
from augenblick.web.own_routes import media_type
from augenblick.web.tray_tabs import UNKEPT, Intake, Take, TrayTab, file_name, reason

_REGION_BYTES = 400  # of JSON; one of 4 numbers takes 90
_FAR = 1000.0  # widths of the picture; what lies outside is cut off later
_Share = Annotated[float, Field(strict=True, ge=-_FAR, le=_FAR, allow_inf_nan=False)]
_REGIONS = TypeAdapter(list[tuple[_Share, _Share, _Share, _Share]])  # left, top, width, height


def tray_path(token: str) -> str:
    """The path of a tab's tray, to stand behind the prefix of all our paths."""
    return f"/tray/{token}"


def tray_state(tab: TrayTab) -> dict[str, object]:
    """What the page draws: the items of the tray in order, and what became of questions.

    `phone` says how many photos a phone has sent, for as long as one may send some.
    """
    tray = tab.tray
    version = tray.version  # read first: a later change is another version
    return {
        "version": version,
        "items": [_item(item, tab.language) for item in tray.items],
        "phone": phone_said(tab),
        **tab.questions(),
    }


def _item(item: TrayItem, language: Language) -> dict[str, object]:
    found: dict[str, object] = {"id": item.id, "file": item.file, "name": item.name}
    if item.failure is not None:
        return {**found, "state": "failed", "reason": reason(item.failure, language)}
    if item.picture is None:
        return {**found, "state": "working"}
    attachment = item.picture.attachment
    receipt = attachment.receipt
    found |= {
        "state": "ready",
        "look": item.sent[0].attachment.sha256[:12],  # another one after a turn
        "isPart": receipt.tile is not None,
        "size": [attachment.width_px, attachment.height_px],
        "count": len(item.sent),  # of pictures, with those of regions
        "pixelated": receipt.pixelated,
        "regions": [dataclasses.astuple(region) for region in item.regions],
    }
    if item.pdf is not None:
        found |= {"page": receipt.source_page, "pageCount": item.pdf.page_count}
    return found


def phone_said(tab: TrayTab) -> str:
    """How many photos have come from the phone; empty where none may send any."""
    phone = tab.phone
    if phone is None or not phone.is_open:
        return ""
    count = len(phone.arrived)
    return tab.language.text("phone.arrived" if count else "phone.waiting", count=count)


def tray_routes(
    find: Callable[[str], TrayTab | None],
    take: Take,
    pool: Callable[[], PicturePool],
) -> list[Route]:
    """The routes of all trays.

    `find` knows a tab by its token, `take` counts what it keeps (`UploadMemory.take`).
    """
    trays = _Trays(find, take, pool)
    path = tray_path("{token}")
    return [
        Route(path, trays.state, methods=["GET"]),
        Route(f"{path}/{{file:int}}", trays.upload, methods=["PUT"]),
        Route(f"{path}/from/{{other}}", trays.adopt, methods=["POST"]),
        Route(f"{path}/{{item}}", trays.remove, methods=["DELETE"]),
        Route(f"{path}/{{item}}/turn", trays.turn, methods=["POST"]),
        Route(f"{path}/{{item}}/regions", trays.mark, methods=["POST"]),
        Route(f"{path}/{{item}}/faces", trays.faces, methods=["GET"]),
        Route(f"{path}/{{item}}/pixelate", trays.pixelate, methods=["POST"]),
        Route(f"{path}/{{item}}/picture", trays.small, methods=["GET"]),
        Route(f"{path}/{{item}}/large", trays.large, methods=["GET"]),
        Route("/samples/{name}.jpg", _sample, methods=["GET"]),
    ]


async def _sample(request: Request) -> Response:
    for sample in SAMPLES:
        if sample.name == request.path_params["name"]:
            return FileResponse(sample.card_path, headers={"Cache-Control": "max-age=86400"})
    return Response(status_code=404)


class _Trays:
    """Answers for the tab that the path names, where it is the asking browser's own."""

    def __init__(
        self,
        find: Callable[[str], TrayTab | None],
        take: Take,
        pool: Callable[[], PicturePool],
    ) -> None:
        self._find = find
        self._take = take
        self._pool = pool
        self._intake = Intake(take, pool)
        self._searched: set[str] = set()  # tabs for which faces are being looked for

    async def state(self, request: Request) -> Response:
        return _answer(self._tab(request))

    async def upload(self, request: Request) -> Response:
        """Take one file; the answer comes when it is prepared or refused."""
        tab, file, name = self._tab(request), request.path_params["file"], file_name(request)
        try:
            tab.tray.begin(file, name)
            await self._intake.bring(request, tab, file=file, name=name)
        except AugenblickError as error:
            tab.tray.refuse(file, name, error.failure)
        except ClientDisconnect:
            pass  # the page has the file still and says so
        return _answer(tab)

    async def adopt(self, request: Request) -> Response:
        """Have what waits in another tab of this browser wait here: a page was loaded anew."""
        tab, other = self._tab(request), self._tab(request, "other")
        if tab is not other:
            self._take(tab, list(other.tray.held()), partial(tab.tray.adopt, other.tray))
            tab.phone, other.phone = other.phone, None
        return _answer(tab)

    async def remove(self, request: Request) -> Response:
        tab = self._tab(request)
        tab.tray.remove(request.path_params["item"])
        return _answer(tab)

    async def turn(self, request: Request) -> Response:
        """Turn a picture to the right by a quarter."""
        tab = self._tab(request)
        item = tab.tray.item(request.path_params["item"])
        if item is not None:
            work = partial(turn, person=tab.person)
            with suppress(AugenblickError):  # then it stands as it stood
                await self._intake.in_thread(work, tab.tray, self._pool(), item)
        return _answer(tab)

    async def mark(self, request: Request) -> Response:
        """Have regions of a picture marked; all of them, as JSON, in place of those before."""
        tab, item, _ = self._picture(request)
        try:
            regions = await _read_regions(request, most=MAX_REGIONS)
            work = partial(mark, person=tab.person, take=partial(self._take, tab))
            await self._intake.in_thread(work, tab.tray, self._pool(), item, regions)
        except (ValueError, AugenblickError):  # no regions, or no room for them
            raise _refusal(400) from None
        if tab.tray.item(item.id) is not None:
            raise _refusal(404)
        return _answer(tab)

    async def faces(self, request: Request) -> Response:
        """Where faces may be in a picture: `[[left, top, width, height], ...]`, shares of it."""
        tab, _, picture = self._picture(request)
        if tab.own_id in self._searched:  # what waits for a turn keeps others from theirs
            raise _refusal(429)
        find = partial(self._pool().find_faces, picture, person=tab.person)
        self._searched.add(tab.own_id)
        try:
            found = await self._intake.in_thread(find)
        except ImageError:
            raise _refusal(503) from None
        finally:
            self._searched.discard(tab.own_id)
        return JSONResponse([dataclasses.astuple(each) for each in found], headers=UNKEPT)

    async def pixelate(self, request: Request) -> Response:
        """Make regions of a picture unrecognisable for good; they come as `faces` gives them.

        400 for regions that make no sense, 409 where the picture changed meanwhile, 422 with a
        `reason` where it can't be done; then it stands as it stood.
        """
        tab, item, picture = self._picture(request)
        try:
            regions = await _read_regions(request, most=MAX_PIXELATED)
        except (ValueError, ClientDisconnect):
            regions = ()
        size = picture.attachment.width_px, picture.attachment.height_px
        if not regions or not all(region.can_be_pixelated(*size) for region in regions):
            raise _refusal(400)
        work = partial(pixelate, tab.tray, self._pool(), item, regions, person=tab.person)
        try:
            is_done = await self._intake.in_thread(work)
        except AugenblickError as error:
            said = {"reason": reason(error.failure, tab.language)}
            return JSONResponse(said, status_code=422, headers=UNKEPT)
        if not is_done:
            raise _refusal(409)
        return _answer(tab)

    async def small(self, request: Request) -> Response:
        """The small picture of an item, with the marks that are drawn into it."""
        _, item, _ = self._picture(request)
        content = item.sent[0].thumbnail
        return Response(content, media_type=media_type(content), headers=UNKEPT)

    async def large(self, request: Request) -> Response:
        """The picture of an item without any marks."""
        _, _, picture = self._picture(request)
        kind = picture.attachment.media_type
        return Response(picture.content, media_type=kind, headers=UNKEPT)

    def _tab(self, request: Request, place: str = "token") -> TrayTab:
        """The tab of this name, if it is the browser's own; any other is like none: 404."""
        tab = self._find(request.path_params[place])
        if tab is None or tab.browser != asking_browser(request.scope):
            raise _refusal(404)
        return tab

    def _picture(self, request: Request) -> tuple[TrayTab, TrayItem, PreparedPicture]:
        """A picture of the tab that is ready; 404 for anything else."""
        tab = self._tab(request)
        item = tab.tray.item(request.path_params["item"])
        if item is None or item.picture is None:
            raise _refusal(404)
        return tab, item, item.picture


async def _read_regions(request: Request, *, most: int) -> tuple[Region, ...]:
    """The regions of a JSON body such as `[[0.1, 0.25, 0.5, 0.1]]`. Raises ValueError."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most * _REGION_BYTES:
            raise ValueError("too long")
    found = _REGIONS.validate_json(body)
    if len(found) > most:
        raise ValueError("too many")
    return tuple(Region(*each) for each in found)


def _answer(tab: TrayTab) -> JSONResponse:
    return JSONResponse(tray_state(tab), headers=UNKEPT)


def _refusal(status: int) -> HTTPException:
    return HTTPException(status, headers=UNKEPT)
