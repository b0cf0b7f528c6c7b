"""A browser without a screen: speaks Streamlit's WebSocket protocol and keeps what it is shown.

It sends what the front end of Streamlit 1.67 sends and builds the page from the deltas as the front
end does, so "shown" means: these bytes arrived at a viewer. One `Page` is one tab; tabs that are
opened with the same `cookies` belong to one browser. Used by tests and for load.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ChatInput_pb2 import ChatInput
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import (
    ChatInputValue,
    FileUploaderState,
    FileURLs,
    FileURLsRequest,
    UploadedFileInfo,
)
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.serving import ask

_SPOKEN = ("markdown", "text", "heading")  # elements whose `body` is read as text
Path = tuple[int, ...]
Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message on the page: who speaks, and its texts in order."""

    name: str
    texts: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    run: int
    element: Element | None = None
    speaker: str = ""  # set for the block of a chat message


def visit(url: str) -> dict[str, str]:
    """Load the page as a browser does and return the cookies it gives."""
    jar = SimpleCookie()
    for path in ("/", "/_stcore/health"):
        answer = ask(url, path, headers={"Accept": "text/html"})
        for line in answer.headers.get("set-cookie", "").splitlines():
            jar.load(line)
    return {name: morsel.value for name, morsel in jar.items()}


@contextlib.asynccontextmanager
async def open_page(
    url: str,
    *,
    query: str = "",
    cookies: Mapping[str, str] | None = None,
    page_name: str = "",
) -> AsyncIterator[Page]:
    """A tab, its first run asked for; `query` is the address's, without "?".

    `page_name` is what stands in the address, "" for the start page.
    """
    jar = dict(cookies) if cookies is not None else await asyncio.to_thread(visit, url)
    async with connect(
        f"{url.replace('http', 'ws', 1)}/_stcore/stream",
        origin=None,
        subprotocols=["streamlit"],  # type: ignore[list-item]
        additional_headers={"Cookie": "; ".join(f"{k}={v}" for k, v in jar.items())},
        compression=None,
        max_size=None,
        ping_interval=None,  # a browser sends no pings; the server does
        proxy=None,
    ) as connection:
        page = Page(connection, url, jar, query, page_name)
        reading = asyncio.create_task(page.read())
        try:
            await page.rerun()
            yield page
        finally:
            reading.cancel()


class Page:
    """What one tab shows. `query` follows the address as the server changes it."""

    def __init__(
        self,
        connection: ClientConnection,
        url: str,
        cookies: Mapping[str, str],
        query: str,
        page_name: str = "",
    ) -> None:
        self.url = url
        self.cookies = cookies
        self.query = query
        self._page_name = page_name
        self.is_connected = True
        self.received_bytes = 0
        self.submitted_at = 0.0  # when a question was sent off last, its files uploaded before
        self.input_text = ""  # what the server has put into the chat input
        self._connection = connection
        self._nodes: dict[Path, _Node] = {}
        self.runs = 0  # how often the script has begun
        self.on_element: Callable[[Element], None] = lambda _: None  # told of each that is drawn
        self._asked_at_run = 0
        self._is_idle = False
        self._session_id = ""
        self._changed = asyncio.Event()
        self._upload_urls: dict[str, Sequence[FileURLs]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether the script has run to its end since it was last asked for anything."""
        return self._is_idle

    @property
    def messages(self) -> list[ChatMessage]:
        """The questions and answers, in order."""
        speakers = [(path, node.speaker) for path, node in self._sorted() if node.speaker]
        return [ChatMessage(name, tuple(self._texts(below=path))) for path, name in speakers]

    @property
    def notices(self) -> list[str]:
        """Title and text of every notice on the page (`st.error`, `st.warning` and the like)."""
        alerts = (element.alert for element in self.elements("alert"))
        return [f"{alert.title} {alert.body}".strip() for alert in alerts]

    @property
    def buttons(self) -> list[str]:
        """What stands on the buttons that can be clicked."""
        return [item.button.label for item in self.elements("button") if not item.button.disabled]

    @property
    def chat_input(self) -> ChatInput | None:
        """The input at the foot."""
        return next((element.chat_input for element in self.elements("chat_input")), None)

    def elements(self, kind: str) -> list[Element]:
        """All elements of a kind, by its name in Element.proto, from top to bottom."""
        elements = (node.element for _, node in self._sorted() if node.element is not None)
        return [element for element in elements if element.WhichOneof("type") == kind]

    async def wait_for(self, condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
        """Wait for what the page shows. Raises TimeoutError, ConnectionError when cut off."""
        async with asyncio.timeout(seconds):
            while not condition():
                if not self.is_connected:
                    raise ConnectionError("the server closed the connection")
                self._changed.clear()
                await self._changed.wait()

    async def rerun(self, *changed: WidgetState) -> None:
        """Have the script run, with widgets the person has just used."""
        self._is_idle = False
        self._asked_at_run = self.runs
        state = ClientState(
            query_string=self.query,
            widget_states=WidgetStates(widgets=changed),
            page_name=self._page_name,
        )
        await self._send(BackMsg(rerun_script=state))

    async def submit(self, text: str, files: Files | None = None) -> None:
        """Submit the chat input, whether or not a browser would let one."""
        await self.wait_for(lambda: self.chat_input is not None)
        assert self.chat_input is not None
        self.input_text = ""
        uploads = await self._upload(files) if files else []
        value = ChatInputValue(
            data=text, file_uploader_state=FileUploaderState(uploaded_file_info=uploads)
        )
        self.submitted_at = time.time()
        await self.rerun(WidgetState(id=self.chat_input.id, chat_input_value=value))

    async def click(self, label: str) -> None:
        """Click the last button with these words, once it is there."""
        await self.wait_for(lambda: label in self.buttons)
        found = [item.button for item in self.elements("button") if item.button.label == label]
        await self.rerun(WidgetState(id=found[-1].id, trigger_value=True))

    async def read(self) -> None:
        """Take in what the server sends until the connection ends."""
        try:
            async for raw in self._connection:
                assert isinstance(raw, bytes)
                self.received_bytes += len(raw)
                self._take(ForwardMsg.FromString(raw))
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            self.is_connected = False
            self._changed.set()

    async def _send(self, message: BackMsg) -> None:
        try:
            await self._connection.send(message.SerializeToString())
        except ConnectionClosed as closed:
            raise ConnectionError("the server closed the connection") from closed

    async def _upload(self, files: Files) -> list[UploadedFileInfo]:
        request_id = secrets.token_hex(8)
        request = FileURLsRequest(request_id=request_id, file_names=list(files))
        request.session_id = self._session_id
        await self._send(BackMsg(file_urls_request=request))
        await self.wait_for(lambda: request_id in self._upload_urls)
        found = []
        for urls, (name, content) in zip(
            self._upload_urls.pop(request_id), files.items(), strict=True
        ):
            await asyncio.to_thread(self._put, urls.upload_url, name, content)
            size = len(content)
            found.append(
                UploadedFileInfo(file_id=urls.file_id, name=name, size=size, file_urls=urls)
            )
        return found

    def _put(self, path: str, name: str, content: bytes) -> None:
        edge = secrets.token_hex(16)
        start = (
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        )
        headers = {
            "Content-Type": f"multipart/form-data; boundary={edge}",
            "Cookie": "; ".join(f"{key}={value}" for key, value in self.cookies.items()),
            "X-Xsrftoken": self.cookies["_streamlit_xsrf"],
        }
        body = start.encode() + content + f"\r\n--{edge}--\r\n".encode()
        answer = ask(self.url, path, method="PUT", headers=headers, body=body)
        assert answer.status == 204, answer

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.runs += 1
            self._session_id = message.new_session.initialize.session_id
        elif kind == "delta":
            self._draw(tuple(message.metadata.delta_path), message.delta)
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "file_urls_response":
            response = message.file_urls_response
            self._upload_urls[response.response_id] = list(response.file_urls)
        elif (
            kind == "script_finished"
            and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
        ):
            self._nodes = {p: node for p, node in self._nodes.items() if node.run == self.runs}
            self._is_idle = self.runs > self._asked_at_run

    def _draw(self, path: Path, delta: Delta) -> None:
        if delta.WhichOneof("type") == "add_block":  # what stood below stays until the run is over
            self._nodes[path] = _Node(self.runs, speaker=delta.add_block.chat_message.name)
        elif delta.WhichOneof("type") == "new_element":
            for below in [p for p in self._nodes if p[: len(path)] == path]:
                del self._nodes[below]
            self._nodes[path] = _Node(self.runs, delta.new_element)
            self.on_element(delta.new_element)
            if delta.new_element.chat_input.set_value:
                self.input_text = delta.new_element.chat_input.value

    def _texts(self, *, below: Path) -> list[str]:
        found = []
        for path, node in self._sorted():
            kind = node.element.WhichOneof("type") if node.element is not None else None
            if path[: len(below)] == below and kind in _SPOKEN:
                found.append(getattr(node.element, kind).body)
        return found

    def _sorted(self) -> list[tuple[Path, _Node]]:
        return sorted(self._nodes.items(), key=lambda item: item[0])
