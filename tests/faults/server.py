"""A server that misbehaves exactly as told: raw sockets, every byte and every pause in a script.

No HTTP library stands between a script and the wire, so a response can be broken at any byte, ended
by FIN or by RST, trickled or never finished. Used by the tests, the sweep and the benchmark.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

_HEAD_LIMIT_BYTES = 1_000_000
_TLS_HANDSHAKE = b"\x16"  # the first byte a TLS client sends; only HTTP is spoken here
_PATIENCE_SECONDS = 60.0
_SURPLUS_BYTES = 4096  # what a Content-Length promises beyond what a broken answer sends


class Framing(StrEnum):
    """How a client can tell where the body ends."""

    CHUNKED = "chunked"
    CLOSE = "close"
    LENGTH = "length"


class Ending(StrEnum):
    """What happens after the last byte of a script."""

    WHOLE = "whole"  # the framing is finished properly
    FIN = "fin"  # the connection is closed, the framing unfinished
    RST = "rst"  # the connection is reset
    HOLD = "hold"  # silence until the client goes


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing for so long; a client that goes ends it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Trickle:
    """The same bytes again and again at an interval, until the client goes."""

    content: bytes
    interval_seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset."""


@dataclass(frozen=True, slots=True)
class Again:
    """The connection stays open for another request."""


Step = bytes | Pause | Trickle | Reset | Again
Piece = bytes | Pause | Trickle


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


Answer = Callable[[Received], Iterable[Step]]


def head(
    status: str = "200 OK", *, headers: Sequence[tuple[str, str]] = (), content_type: str | None
) -> bytes:
    """The head of a response, blank line included."""
    lines = [f"HTTP/1.1 {status}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def framed(
    pieces: Sequence[Piece],
    framing: Framing,
    *,
    ending: Ending = Ending.WHOLE,
    status: str = "200 OK",
    headers: Sequence[tuple[str, str]] = (),
    content_type: str | None = "text/event-stream",
) -> list[Step]:
    """A whole response: each piece of bytes is one write (and one chunk, where chunked).

    Unless the ending is WHOLE, the framing promises more than is sent.
    """
    if framing is Framing.CHUNKED:
        extra = ("Transfer-Encoding", "chunked")
    elif framing is Framing.LENGTH:
        size = sum(len(piece) for piece in pieces if isinstance(piece, bytes))
        surplus = 0 if ending is Ending.WHOLE else _SURPLUS_BYTES
        extra = ("Content-Length", str(size + surplus))
    else:
        extra = ("Connection", "close")
    steps: list[Step] = [head(status, headers=(*headers, extra), content_type=content_type)]
    steps += [_in_chunk(piece) if framing is Framing.CHUNKED else piece for piece in pieces]
    if framing is Framing.CHUNKED and ending is Ending.WHOLE:
        steps.append(b"0\r\n\r\n")
    return steps + _ending(ending, framing)


def held(steps: Iterable[Step], waits_before: Callable[[], str]) -> Iterator[Step]:
    """The steps, which do not go on beyond a text (in JSON) for as long as it is waited for."""
    for step in steps:
        while isinstance(step, bytes) and (text := waits_before()):
            if json.dumps(text)[1:-1].encode() not in step:
                break
            yield Pause(0.05)
        yield step


def answered_json(
    value: object, *, status: str = "200 OK", headers: Sequence[tuple[str, str]] = ()
) -> list[Step]:
    """A JSON response with Content-Length; the connection stays open."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return framed(
        [body], Framing.LENGTH, status=status, headers=headers, content_type="application/json"
    )


def flushed_gzip(pieces: Iterable[bytes]) -> list[bytes]:
    """The pieces compressed as one gzip stream that is flushed after each of them."""
    sink = _Sink()
    packed: list[bytes] = []
    with gzip.GzipFile(fileobj=sink, mode="wb", mtime=0) as stream:
        for piece in pieces:
            stream.write(piece)
            stream.flush()
            packed.append(sink.take())
    return [*packed, sink.take()]


class _Sink:
    """What a GzipFile writes into; `take` hands over what came since the last time."""

    def __init__(self) -> None:
        self._content = bytearray()

    def write(self, content: bytes) -> int:
        self._content += content
        return len(content)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        content = bytes(self._content)
        self._content.clear()
        return content


def _in_chunk(piece: Piece) -> Piece:
    if isinstance(piece, Trickle):
        return Trickle(_chunk(piece.content), piece.interval_seconds)
    return _chunk(piece) if isinstance(piece, bytes) else piece


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content) if content else b""


def _ending(ending: Ending, framing: Framing) -> list[Step]:
    if ending is Ending.RST:
        return [Reset()]
    if ending is Ending.HOLD:
        return [Pause(_PATIENCE_SECONDS)]
    if ending is Ending.WHOLE and framing is not Framing.CLOSE:
        return [Again()]
    return []


class FaultServer:
    """Runs `answer` for every request, each connection in a thread of its own.

    A context manager; leaving it closes the port and every connection. `received` holds all
    requests whose head arrived. With `reads_body=False` the body of a request is left unread, with
    `tls=True` the base URL says https although plain HTTP is spoken.
    """

    def __init__(
        self, answer: Answer, *, port: int = 0, reads_body: bool = True, tls: bool = False
    ) -> None:
        self.received: list[Received] = []
        self._answer = answer
        self._reads_body = reads_body
        self._scheme = "https" if tls else "http"
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._gone = threading.Condition(self._lock)
        self._is_closing = False

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    @property
    def base_url(self) -> str:
        """What a provider is configured with."""
        return f"{self._scheme}://127.0.0.1:{self.port}/v1"

    @property
    def open_count(self) -> int:
        """How many connections are open right now, seen from this side."""
        with self._lock:
            return len(self._open)

    def wait_until_left(self, *, within_seconds: float = 30.0) -> bool:
        """Wait until no client is connected any more; False if one still is."""
        with self._gone:
            return self._gone.wait_for(lambda: not self._open, timeout=within_seconds)

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, name="fault-server", daemon=True)
        self._threads.add(thread)
        thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._is_closing = True
            waiting = [*self._open]
            threads = [*self._threads]
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in waiting:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(timeout=_PATIENCE_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._is_closing:
                    connection.close()
                    return
                self._open.add(connection)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.add(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._serve_one(connection):
                pass
        except OSError:
            pass  # the client went; that is what many scripts wait for
        finally:
            connection.close()
            with self._gone:
                self._open.discard(connection)
                self._threads.discard(threading.current_thread())
                self._gone.notify_all()

    def _serve_one(self, connection: socket.socket) -> bool:
        if connection.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return False
        received = _read_request(connection, reads_body=self._reads_body)
        if received is None:
            return False
        self.received.append(received)
        for step in self._answer(received):
            if isinstance(step, Again):
                return True
            if not _take(step, connection):
                return False
        if self._reads_body:
            _say_goodbye(connection)
        return False


def _take(step: Step, connection: socket.socket) -> bool:
    """Do one step; False when the connection is no more."""
    if isinstance(step, bytes):
        connection.sendall(step)
        return True
    if isinstance(step, Pause):
        return not _left_within(connection, step.seconds)
    if isinstance(step, Trickle):
        while True:
            connection.sendall(step.content)
            if _left_within(connection, step.interval_seconds):
                return False
    if isinstance(step, Reset):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def _left_within(connection: socket.socket, seconds: float) -> bool:
    """Wait; True as soon as the client has gone. What it still sends is thrown away."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            if not connection.recv(65536):
                return True
        except TimeoutError:
            break
        finally:
            connection.settimeout(None)
    return False


def _say_goodbye(connection: socket.socket) -> None:
    """Send FIN and wait shortly for the other side, so that no unread byte turns it into RST."""
    connection.shutdown(socket.SHUT_WR)
    _left_within(connection, _PATIENCE_SECONDS)


def _read_request(connection: socket.socket, *, reads_body: bool) -> Received | None:
    content = bytearray()
    while b"\r\n\r\n" not in content:
        piece = connection.recv(65536)
        if not piece or len(content) > _HEAD_LIMIT_BYTES:
            return None
        content += piece
    raw_head, _, body = bytes(content).partition(b"\r\n\r\n")
    first, *lines = raw_head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if reads_body:
        body = _read_body(connection, body, int(headers.get("content-length", "0")))
    return Received(method, target, headers, body)


def _read_body(connection: socket.socket, start: bytes, size: int) -> bytes:
    content = bytearray(start)
    while len(content) < size:
        piece = connection.recv(min(1_000_000, size - len(content)))
        if not piece:
            break
        content += piece
    return bytes(content)


@contextlib.contextmanager
def refusing_port() -> Iterator[str]:
    """A base URL where nothing listens and nothing will while the block runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


@contextlib.contextmanager
def unanswering_port() -> Iterator[str]:
    """A base URL whose port answers no connection request: its queue is full (Linux)."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = waiting.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
