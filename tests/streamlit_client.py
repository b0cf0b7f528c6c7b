"""A browser without a screen: speaks Streamlit's WebSocket protocol and keeps what it is shown.

It sends what the front end of Streamlit 1.67 sends and builds the page from the deltas as the front
end does, so "shown" means: these bytes arrived at a viewer. One `Page` is one tab; tabs that are
opened with the same `cookies` belong to one browser. Used by tests and for load.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.BidiComponent_pb2 import BidiComponent
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import ChatInputValue
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.serving import ask

_COMPOSER = "augenblick_composer"
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
        origin=url,  # type: ignore[arg-type]
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
        self._connection = connection
        self._nodes: dict[Path, _Node] = {}
        self._cached: dict[str, Delta] = {}  # by hash; a reference stands for each from then on
        self.runs = 0  # how often the script has begun
        self.on_element: Callable[[Element], None] = lambda _: None  # told of each that is drawn
        self._asked_at_run = 0
        self._is_idle = False
        self.session_id = ""
        self._page_script_hash = ""
        self._changed = asyncio.Event()

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
    def composer(self) -> dict[str, Any] | None:
        """What the composer at the foot is drawn with."""
        found = self._composer
        return dict(json.loads(found.json)) if found is not None else None

    @property
    def given_back(self) -> list[str]:
        """The words of questions that were not asked, which the composer shows again."""
        state = self.composer["state"] if self.composer else {"givenBack": []}
        return [each["text"] for each in state["givenBack"]]

    @property
    def waiting(self) -> list[str]:
        """The names of what waits in the tray, as the composer was drawn with."""
        state = self.composer["state"] if self.composer else {"items": []}
        return [item["name"] for item in state["items"]]

    @property
    def _composer(self) -> BidiComponent | None:
        components = (element.bidi_component for element in self.elements("bidi_component"))
        return next((each for each in components if each.component_name == _COMPOSER), None)

    def elements(self, kind: str) -> list[Element]:
        """All elements of a kind, by its name in Element.proto, from top to bottom."""
        elements = (node.element for _, node in self._sorted() if node.element is not None)
        return [element for element in elements if element.WhichOneof("type") == kind]

    async def wait_for(self, condition: Callable[[], bool], *, seconds: float = 90.0) -> None:
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
            page_name="" if self._page_script_hash else self._page_name,
            page_script_hash=self._page_script_hash,
            cached_message_hashes=list(self._cached),
        )
        await self._send(BackMsg(rerun_script=state))

    async def submit(self, text: str, files: Files | None = None) -> None:
        """Submit a question, whether or not a browser would let one."""
        await self.wait_for(lambda: bool(self._composer or self.elements("chat_input")))
        pictures = await self.upload(files) if files else []
        self.submitted_at = time.time()
        if self._composer is None:  # a page that ours is measured against
            (box,) = (element.chat_input for element in self.elements("chat_input"))
            value = ChatInputValue(data=text)
            await self.rerun(WidgetState(id=box.id, chat_input_value=value))
            return
        question = {"kind": "ask", "id": secrets.token_hex(8), "text": text, "pictures": pictures}
        await self.act(question)

    async def stop(self) -> None:
        """Stop the answer that is being written."""
        await self.wait_for(lambda: self.composer is not None and self.composer["busy"])
        await self.act({"kind": "stop"})

    async def act(self, act: Mapping[str, object]) -> None:
        """Do what the composer's script does for a person."""
        await self.wait_for(lambda: self._composer is not None)
        assert self._composer is not None
        trigger = f"$$STREAMLIT_INTERNAL_KEY_{self._composer.id}__events"
        value = json.dumps([{"event": "act", "value": act}])
        await self.rerun(WidgetState(id=trigger, json_trigger_value=value))

    async def upload(self, files: Files) -> list[str]:
        """Put files into the tray, one after the other; returns the ids of all that is ready."""
        await self.wait_for(lambda: self.composer is not None)
        assert self.composer is not None
        state: dict[str, Any] = {}
        for number, (name, content) in enumerate(files.items(), time.time_ns() // 1_000_000):
            path = f"{self.composer['url']}/{number}"
            state = await asyncio.to_thread(self._put, path, name, content)
        return [item["id"] for item in state["items"] if item["state"] == "ready"]

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

    def _put(self, path: str, name: str, content: bytes) -> dict[str, Any]:
        headers = {
            "Cookie": "; ".join(f"{key}={value}" for key, value in self.cookies.items()),
            "Origin": self.url,
            "X-File-Name": quote(name),
        }
        answer = ask(self.url, path, method="PUT", headers=headers, body=content)
        assert answer.status == 200, answer
        return dict(json.loads(answer.body))

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.runs += 1
            self.session_id = message.new_session.initialize.session_id
        elif kind == "navigation":
            self._page_script_hash = message.navigation.page_script_hash
        elif kind == "delta":
            if message.metadata.cacheable:
                self._cached[message.hash] = message.delta
            self._draw(tuple(message.metadata.delta_path), message.delta)
        elif kind == "ref_hash":
            self._draw(tuple(message.metadata.delta_path), self._cached[message.ref_hash])
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
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

    def _texts(self, *, below: Path) -> list[str]:
        found = []
        for path, node in self._sorted():
            kind = node.element.WhichOneof("type") if node.element is not None else None
            if path[: len(below)] == below and kind in _SPOKEN:
                found.append(getattr(node.element, kind).body)
        return found

    def _sorted(self) -> list[tuple[Path, _Node]]:
        return sorted(self._nodes.items(), key=lambda item: item[0])
