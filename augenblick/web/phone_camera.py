"""`/camera/{token}`: a phone takes photos for a tab on another device.

The page is opened by a QR code and needs no cookie: the token says which tab it is for. It ends
with the tab, after an hour, or when the person ends it there. Everybody else, and whoever comes
later, reads that the connection has ended.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Iterable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from augenblick.core.errors import AugenblickError
from augenblick.exchange.pages import camera_page
from augenblick.pictures import PicturePool
from augenblick.web.headers import inline_script_hashes
from augenblick.web.own_routes import media_type
from augenblick.web.standalone_pages import failure_page, preferred_language, standalone_page
from augenblick.web.tray_tabs import UNKEPT, Intake, PhoneCamera, Take, TrayTab, file_name, reason

_ENDED = ("phone.ended.title", "phone.ended.what", "phone.ended.do")


def camera_path(token: str) -> str:
    """The path of the page for a phone, to stand behind the prefix of all our paths."""
    return f"/camera/{token}"


def camera_routes(
    tabs: Callable[[], Iterable[TrayTab]],
    take: Take,
    pool: Callable[[], PicturePool],
) -> list[Route]:
    """The page for phones, and where it sends its photos; `take` counts them.

    A photo has a number of the phone's own. Sent again, as when the answer got lost, it takes the
    place of the first one.
    """
    camera = _Camera(tabs, take, pool)
    path = camera_path("{token}")
    return [
        Route(path, camera.page, methods=["GET"]),
        Route(f"{path}/{{number:int}}", camera.upload, methods=["PUT"]),
    ]


class _Camera:
    """Answers for the tab whose phone the token names."""

    def __init__(
        self, tabs: Callable[[], Iterable[TrayTab]], take: Take, pool: Callable[[], PicturePool]
    ) -> None:
        self._tabs = tabs
        self._intake = Intake(take, pool)

    async def page(self, request: Request) -> Response:
        spoken = preferred_language(request)
        if self._find(request) is None:
            return failure_page(_ENDED, spoken, status=404)
        html = camera_page(spoken, ended=_ENDED)
        scripts = " ".join(inline_script_hashes(html))
        return standalone_page(html, policy=f"script-src {scripts}; connect-src 'self'")

    async def upload(self, request: Request) -> Response:
        """Take one photo; answers with the small picture, or the reason why it can't be used."""
        found = self._find(request)
        if found is None:
            return JSONResponse({}, status_code=404, headers=UNKEPT)
        tab, phone = found
        number, name = request.path_params["number"], file_name(request)
        try:
            file = _begin(tab, phone, number, name)
            await self._intake.bring(request, tab, file=file, name=name)
        except AugenblickError as error:
            said = {"reason": reason(error.failure, preferred_language(request))}
        except ClientDisconnect:
            return Response(status_code=400)  # nobody hears it
        else:
            said = _outcome(tab, file, request)
        if "picture" in said:
            phone.arrived.add(number)
        return JSONResponse(said, headers=UNKEPT)

    def _find(self, request: Request) -> tuple[TrayTab, PhoneCamera] | None:
        token = request.path_params["token"].encode()
        for tab in self._tabs():
            phone = tab.phone
            if phone and phone.is_open and secrets.compare_digest(phone.token.encode(), token):
                return tab, phone
        return None


def _begin(tab: TrayTab, phone: PhoneCamera, number: int, name: str) -> int:
    """Keep a place in the tray for a photo; returns its number there."""
    file = phone.files.get(number)
    if file is None:
        now = time.time_ns() // 1_000_000  # as the page numbers its files
        file = phone.files[number] = tab.tray.begin_new(name, number=now)
    else:
        tab.tray.begin(file, name)
    return file


def _outcome(tab: TrayTab, file: int, request: Request) -> dict[str, str]:
    """What became of a photo; what can't be used is said to the phone alone."""
    said: dict[str, str] = {}
    for item in tab.tray.items:
        if item.file != file:
            continue
        if item.failure is not None:
            tab.tray.remove(item.id)
            said.setdefault("reason", reason(item.failure, preferred_language(request)))
        elif item.picture is not None and "picture" not in said:
            small = item.picture.thumbnail
            encoded = base64.b64encode(small).decode()
            said["picture"] = f"data:{media_type(small)};base64,{encoded}"
    return said
