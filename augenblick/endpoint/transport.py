"""One HTTP request that can be stopped and timed, wherever it blocks.

A `Call` records the socket of the request in flight, so that a stop can shut it down in every
phase: connecting, TLS, sending, waiting, reading. (`response.close()` from another thread waits
for the next byte; measured.) The stop is noted first, because a shutdown looks like an ordinary end
of the stream. Deadlines need no thread: whatever may block gets the time that is left as the
timeout of its socket.
"""

from __future__ import annotations

import errno
import http.client
import io
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.util.wait import wait_for_write

from augenblick.core import errors
from augenblick.core.errors import Cancelled, ProviderError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_POOLED_CONNECTIONS = 64
_BUFFER_BYTES = 65536  # above a TLS record, so that none is left half read
_GATHER_SECONDS = 0.04  # between two reads; a page draws a frame every 50 ms
_MUCH_BYTES = 16_384  # a TLS record, all that one read of it can bring


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each part may take; all run on the wall clock, whatever trickles in.

    connect: name look-up, TCP, proxy and TLS. first_token: from the start of an attempt to the
    first text, reasoning, refusal or tool call (signs of life do not count; not applied to a
    request with `stream` false). idle: between two arrivals of bytes once the answer has begun;
    comments and empty chunks count. total: everything, retries and waits included.
    """

    connect_seconds: float = 10.0
    first_token_seconds: float = 120.0
    idle_seconds: float = 60.0
    total_seconds: float = 600.0


class Cancellation:
    """The person's wish to stop, given to one request and usable from any thread, once."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._watchers: list[Callable[[], None]] = []

    def cancel(self) -> None:
        """Stop: wakes every wait and closes the socket at once. Never blocks, may be repeated."""
        with self._lock:
            self._event.set()
            watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher()

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, at most `seconds`; True when woken by `cancel`."""
        return self._event.wait(seconds)

    @contextmanager
    def watched_by(self, watcher: Callable[[], None]) -> Iterator[None]:
        """Have `watcher` called on `cancel`, at once if that has happened already."""
        with self._lock:
            is_late = self._event.is_set()
            if not is_late:
                self._watchers.append(watcher)
        if is_late:
            watcher()
        try:
            yield
        finally:
            with self._lock:
                if watcher in self._watchers:
                    self._watchers.remove(watcher)


@dataclass(frozen=True, slots=True)
class _Due:
    """A moment at which a part of a call has to be over; without an error it just ends there."""

    at: float
    seconds: float
    error: str | None


class Call:
    """One request in flight, retries included: its socket and its deadlines.

    `shut` may come from any thread; everything else belongs to the thread of the request.
    `is_stream`: whether a first token is waited for. With `coalesces_reads` one read takes in
    several events where they come fast.
    """

    def __init__(
        self,
        deadlines: Deadlines,
        cancellation: Cancellation | None = None,
        *,
        is_stream: bool = False,
        coalesces_reads: bool = False,
    ) -> None:
        self.deadlines = deadlines
        self.cancellation = cancellation or Cancellation()
        self.coalesces_reads = coalesces_reads
        self.idle_seconds = math.inf  # how long a read may block; time between reads is free
        self.started = time.monotonic()
        self.is_connected = False
        self.has_text = False
        self.event_count = 0
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_stream = is_stream
        self._dues: dict[str, _Due] = {}
        self.allow("total", deadlines.total_seconds, "total_timed_out")

    def allow(self, part: str, seconds: float, error: str | None) -> None:
        """Give a part of the call this long, from now."""
        self._dues[part] = _Due(time.monotonic() + seconds, seconds, error)

    def lift(self, part: str) -> None:
        """That part is over."""
        self._dues.pop(part, None)

    def begin_attempt(self) -> None:
        """Get ready for a send."""
        self._dues = {"total": self._dues["total"]}
        self.is_connected = False
        self.check()
        self.allow("connect", self.deadlines.connect_seconds, "connect_timed_out")
        if self._is_stream:
            seconds = self.deadlines.first_token_seconds
            self.allow("first_token", seconds, "first_token_timed_out")

    def text_began(self) -> None:
        """The first token is there: from now on only silence and the total are timed."""
        self.has_text = True
        self.lift("first_token")
        self.idle_seconds = self.deadlines.idle_seconds

    def remaining_seconds(self) -> float:
        """What is left of the total."""
        return self._dues["total"].at - time.monotonic()

    def seconds_left(self) -> float:
        """The timeout for what may block from now on. Raises TimeoutError where none is left."""
        left = min(due.at for due in self._dues.values()) - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def check(self) -> None:
        """Raise Cancelled, or the error of a deadline that has passed."""
        if self.cancellation.is_cancelled:
            raise Cancelled
        for due in sorted(self._dues.values(), key=lambda one: one.at):
            if due.error is not None and due.at <= time.monotonic():
                whole = int(due.seconds)
                seconds = whole if whole == due.seconds else round(due.seconds, 1)
                raise ProviderError.of(due.error, seconds=seconds)

    def shut(self) -> None:
        """End whatever blocks on the socket; from any thread."""
        with self._lock, suppress(OSError):  # not connected any more: nothing blocks on it
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)

    def attach(self, sock: socket.socket) -> None:
        """Record the socket in use, as a duplicate: TLS takes the original over.

        Raises Cancelled where the stop came before.
        """
        self.detach()
        with self._lock:
            self._socket = socket.socket(fileno=os.dup(sock.fileno()))
        self.check()

    def detach(self) -> None:
        """Let go of the socket: it is closed, or somebody else's from now on."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = None

    def connected(self, sock: socket.socket) -> None:
        """The connection stands (new or from the pool); sending begins."""
        self.is_connected = True
        self.lift("connect")
        sock.settimeout(self.seconds_left())

    def begin_read(self) -> float:
        """The timeout of a read that begins now. `lift("idle")` when it has ended in time."""
        if self.idle_seconds < math.inf:
            self.allow("idle", self.idle_seconds, "idle_timed_out")
        return self.seconds_left()


_local = threading.local()  # its `call` is the one that this thread sends for


class _Reader(io.RawIOBase):
    """What comes in on the socket of a call, as http.client reads it.

    Of a stream whose text has begun, reads are at least a moment apart, so that one wait of the
    thread takes in several events; what comes before the first token is never delayed. A read that
    brought much is followed by the next at once: a picture, or all that has waited.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._call: Call = _local.call
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._read_at = -math.inf
        self._had_much = False

    def makefile(self, _mode: str) -> io.BufferedReader:
        """The buffer that http.client asks a socket for."""
        return io.BufferedReader(self, _BUFFER_BYTES)

    def readable(self) -> bool:
        """Yes: io asks."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        """Wait for bytes as long as the call may."""
        call = self._call
        if call.coalesces_reads and call.has_text and not self._had_much:
            pause = self._read_at + _GATHER_SECONDS - time.monotonic()
            if pause > 0:
                call.cancellation.wait(pause)
        self._sock.settimeout(call.begin_read())
        count = self._raw.readinto(buffer)
        call.lift("idle")  # after a timeout it stays, for `check` to find
        self._read_at = time.monotonic()
        self._had_much = count is not None and count >= _MUCH_BYTES
        return count

    def close(self) -> None:
        """Let the socket be closed."""
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """Reads through the deadlines of its call: status line, headers and body."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        reader: Any = _Reader(sock)  # it uses nothing but `makefile`
        super().__init__(reader, *args, **kwargs)


class _StoppableConnection(HTTPConnection):
    """Tells the call of this thread about its socket."""

    response_class = _TimedResponse

    def _new_conn(self) -> socket.socket:
        call: Call = _local.call
        addresses = _look_up(call, self.host, self.port or 80)
        if not addresses and self.proxy is not None:
            raise errors.CannotConnect("name_not_found", code="proxy_failed")
        failure: Exception = errors.CannotConnect(code="name_not_found", host=self.host)
        for left, (*kind, _, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:  # each address gets its share of the time
                seconds = call.seconds_left() / left
                return _connect(call, kind, address, self.socket_options or (), seconds=seconds)
            except OSError as error:
                failure = error
        raise failure

    def connect(self) -> None:
        """Connect, and say when that is done."""
        super().connect()
        _local.call.connected(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they are
        """Send; a connection out of the pool gets known to its call here."""
        call: Call = _local.call
        if self.sock is not None and not call.is_connected:
            call.attach(self.sock)
            call.connected(self.sock)
        super().request(*args, **kwargs)


class _StoppableTlsConnection(_StoppableConnection, HTTPSConnection):
    """The same, encrypted."""


def _look_up(call: Call, host: str, port: int) -> list[Any]:
    """The addresses of a host, none where it is unknown.

    The system's look-up can't be stopped: after a stop or at the deadline its thread is left alone.
    """
    found: list[Any] = []
    is_over = threading.Event()

    def look_up() -> None:
        with suppress(OSError, UnicodeError):
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        is_over.set()

    with call.cancellation.watched_by(is_over.set):
        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        if not is_over.wait(call.seconds_left()):
            raise TimeoutError
    call.check()
    return found


def _connect(
    call: Call,
    kind: list[int],
    address: tuple[Any, ...],
    options: Iterable[tuple[Any, ...]],
    *,
    seconds: float,
) -> socket.socket:
    """Connect one address; a stop shuts the socket down, which ends the wait."""
    sock = socket.socket(*kind)
    try:
        for option in options:
            sock.setsockopt(*option)
        sock.setblocking(False)
        number = sock.connect_ex(address)
        call.attach(sock)  # not sooner: only a socket that connects can be shut down
        if number == errno.EINPROGRESS:
            if not wait_for_write(sock, timeout=seconds):
                raise TimeoutError  # noqa: TRY301 - the socket is closed below
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))  # noqa: TRY301 - the same
        sock.settimeout(call.seconds_left())  # for the tunnel of a proxy and the TLS handshake
    except BaseException:  # nor does whoever stops us leave it open
        sock.close()
        raise
    return sock


class StoppableAdapter(HTTPAdapter):
    """What requests sends with. Takes nothing from the environment, no netrc either.

    `ca_bundle` is a file with certificates to trust, empty for the usual ones.
    """

    def __init__(self, *, proxy: str = "", ca_bundle: str = "") -> None:
        super().__init__(pool_maxsize=_POOLED_CONNECTIONS)
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._verify: bool | str = ca_bundle or True

    def send_for(self, call: Call, request: requests.PreparedRequest) -> HTTPResponse:
        """Send once; the body is unread, also that of a redirect, which a `Session` would read."""
        _local.call = call
        try:
            response = self.send(
                request, stream=True, timeout=None, verify=self._verify, proxies=self._proxies
            )
        finally:
            del _local.call
        raw = response.raw
        assert isinstance(raw, HTTPResponse)  # noqa: S101 - for the type checker
        return raw

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        """Have connections notice a dead peer."""
        options = [
            *HTTPConnection.default_socket_options,
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        ]
        super().init_poolmanager(*args, socket_options=options, **kwargs)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
        """A pool, also one through a proxy, of connections that can be stopped."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        is_tls = isinstance(pool, HTTPSConnectionPool)
        pool.ConnectionCls = _StoppableTlsConnection if is_tls else _StoppableConnection
        return pool

    def close(self) -> None:
        """Close every idle connection now; urllib3 leaves that to the garbage collector."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - the container has no iterator
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()
