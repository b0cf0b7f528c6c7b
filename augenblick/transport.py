"""One HTTP request that can be stopped and timed from outside, wherever it blocks.

A `Call` knows the socket of the request in flight as a duplicate taken when it was connected, so
that a shutdown reaches it in every phase: connecting, TLS, sending, waiting, reading.
(`response.close()` from another thread waits for the next byte; measured.) The reason is noted
first, because a shutdown looks like an ordinary end of the stream.

Here also stands the one mapping of foreign exceptions (requests, urllib3, http.client, ssl, OS) to
ours.
"""

from __future__ import annotations

import errno
import http.client
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import requests
import urllib3
from requests import exceptions as requests_errors
from requests.adapters import HTTPAdapter
from urllib3 import ProxyManager
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.wait import wait_for_write

from augenblick import errors
from augenblick.errors import AugenblickError, Cancelled, Param, ProviderError
from augenblick.refusals import scrub

_Address = tuple[Any, ...]  # what a socket family calls an address
_CONNECT_SLICE_SECONDS = 0.05  # how often a pending connect looks whether it was stopped
_POOLED_CONNECTIONS = 64
_PEEK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each part may take; all run on the wall clock, whatever trickles in.

    connect: name look-up, TCP, proxy and TLS. first_token: from the start of an attempt to the
    first text, reasoning, refusal or tool call (signs of life do not count; not applied to a
    request with `stream` false). idle: between two arrivals of bytes once the answer has begun;
    comments and empty chunks count. total: everything, repeats and waits included.
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
    """A moment at which a call is ended; without an error only its socket is shut."""

    at: float
    seconds: float
    error: type[ProviderError] | None


_NEVER: Final = _Due(math.inf, math.inf, None)


class Call:
    """One request in flight, repeats included: its socket, its deadlines, why it was ended."""

    def __init__(self, *, total_seconds: float) -> None:
        self.started = time.monotonic()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._verdict: AugenblickError | None = None
        self._woken = threading.Event()
        self._dues: dict[str, _Due] = {}
        self._idle_seconds = math.inf
        self._reading_since = math.inf
        self.is_connected = False
        self.allow("total", total_seconds, errors.TotalTimedOut)

    def allow(self, part: str, seconds: float, error: type[ProviderError] | None) -> None:
        """Give a part of the call this long, from now."""
        due = _Due(time.monotonic() + seconds, seconds, error)
        with self._lock:
            self._dues = {**self._dues, part: due}
        WATCHDOG.look()

    def lift(self, part: str) -> None:
        """That part is over."""
        with self._lock:
            self._dues = {name: due for name, due in self._dues.items() if name != part}

    def begin_attempt(self, deadlines: Deadlines, *, is_stream: bool) -> None:
        """Get ready for a send."""
        self.check()
        self.is_connected = False
        self.lift("body")
        self.allow("connect", deadlines.connect_seconds, errors.ConnectTimedOut)
        if is_stream:
            self.allow("first_token", deadlines.first_token_seconds, errors.FirstTokenTimedOut)

    def allow_silence(self, seconds: float) -> None:
        """From now on a read may block this long; time between reads does not count."""
        self._idle_seconds = seconds
        WATCHDOG.look()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A read that may block."""
        self._reading_since = time.monotonic()
        try:
            yield
        finally:
            self._reading_since = math.inf

    def remaining_seconds(self) -> float:
        """What is left of the total."""
        return self._dues["total"].at - time.monotonic()

    def next_due(self) -> _Due:
        """The deadline that comes first."""
        idle = self._reading_since + self._idle_seconds
        due = min(self._dues.values(), key=lambda one: one.at, default=_NEVER)
        return _Due(idle, self._idle_seconds, errors.IdleTimedOut) if idle < due.at else due

    def may_block_from(self) -> float:
        """The soonest that a deadline not yet running could strike (a read may begin any time)."""
        return time.monotonic() + self._idle_seconds

    def expire(self, due: _Due) -> None:
        """Carry out a deadline that has passed."""
        seconds = int(due.seconds) if due.seconds == int(due.seconds) else round(due.seconds, 1)
        self.end(due.error(seconds=seconds) if due.error else None)
        with self._lock:
            self._dues = {name: one for name, one in self._dues.items() if one is not due}

    def cancel(self) -> None:
        """End it because the person wishes so."""
        self.end(Cancelled())

    def end(self, verdict: AugenblickError | None) -> None:
        """Shut the socket and wake every wait. The first verdict stays, but the person's wins."""
        with self._lock:
            if self._verdict is None or isinstance(verdict, Cancelled):
                self._verdict = verdict
            if self._verdict is not None:
                self._woken.set()
            _shut(self._socket)

    def check(self) -> None:
        """Raise the verdict, if there is one."""
        if self._verdict is not None:
            raise self._verdict

    @property
    def is_ended(self) -> bool:
        """Whether there is a verdict."""
        return self._verdict is not None

    def sleep(self, seconds: float) -> None:
        """Wait that long before a repeat; raises the verdict as soon as there is one.

        A connect that timed out is what is repeated, so it is forgotten here.
        """
        with self._lock:
            if isinstance(self._verdict, errors.ConnectTimedOut):
                self._verdict = None
                self._woken.clear()
        self._woken.wait(seconds)
        self.check()

    def attach(self, sock: socket.socket) -> None:
        """Take a duplicate of the socket that is now in use."""
        duplicate = socket.socket(fileno=os.dup(sock.fileno()))
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = duplicate
            if self._verdict is not None:
                _shut(duplicate)

    def connected(self) -> None:
        """The connection stands (new or from the pool); sending begins."""
        self.is_connected = True
        self.lift("connect")
        self.check()

    def arrived(self) -> bytes:
        """What the system holds unread of the answer, at most 64 KiB; under TLS it is encrypted.

        Never waits; empty also where that can't be told.
        """
        with self._lock, suppress(OSError):
            if self._socket is not None:
                return self._socket.recv(_PEEK_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        return b""

    def detach(self) -> None:
        """Let go of the socket: it is closed, or somebody else's from now on."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = None


class _Watchdog:
    """Ends calls whose deadline has passed. Its one thread lives as long as there are calls."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._calls: set[Call] = set()
        self._is_running = False

    @contextmanager
    def watching(self, call: Call) -> Iterator[None]:
        with self._condition:
            self._calls.add(call)
            if self._is_running:
                self._condition.notify()
            else:
                self._is_running = True
                threading.Thread(target=self._run, name="deadlines", daemon=True).start()
        try:
            yield
        finally:
            with self._condition:
                self._calls.discard(call)
                self._condition.notify()

    def look(self) -> None:
        """A deadline was set that may come before all others."""
        with self._condition:
            self._condition.notify()

    def _run(self) -> None:
        with self._condition:
            while self._calls:
                self._condition.wait(max(0.0, self._round() - time.monotonic()))
            self._is_running = False

    def _round(self) -> float:
        """Carry out what is due; returns when to look again."""
        soonest = time.monotonic() + 3600
        for call in self._calls:
            due = call.next_due()
            if due.at <= time.monotonic() and not call.is_ended:
                call.expire(due)
                due = call.next_due()
            if not call.is_ended:
                soonest = min(soonest, due.at, call.may_block_from())
        return soonest


WATCHDOG: Final = _Watchdog()


def _shut(sock: socket.socket | None) -> None:
    if sock is None:
        return
    with suppress(OSError):  # not connected (any more): nothing blocks on it
        sock.shutdown(socket.SHUT_RDWR)


_local = threading.local()


@contextmanager
def making(call: Call) -> Iterator[None]:
    """Requests sent by this thread inside the `with` belong to `call`."""
    _local.call = call
    try:
        yield
    finally:
        del _local.call


class _StoppableConnection(HTTPConnection):
    """Tells the call of this thread about its socket."""

    def _new_conn(self) -> socket.socket:
        call: Call = _local.call
        try:
            return _connect(call, self._dns_host, self.port or 80, self.socket_options or ())
        except errors.CannotConnect as error:
            if self.proxy is None:
                raise
            raise errors.ProxyFailed(error.detail or error.code) from None

    def connect(self) -> None:
        """Connect, and say when that is done."""
        super().connect()
        call: Call = _local.call
        call.connected()

    def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on as they are
        """Send; a connection out of the pool gets known to its call here."""
        call: Call = _local.call
        if self.sock is not None and not call.is_connected:
            call.attach(self.sock)
            call.connected()
        super().request(*args, **kwargs)


class _StoppableTlsConnection(_StoppableConnection, HTTPSConnection):
    """The same, encrypted."""


class _StoppablePool(HTTPConnectionPool):
    ConnectionCls = _StoppableConnection


class _StoppableTlsPool(HTTPSConnectionPool):
    ConnectionCls = _StoppableTlsConnection


_POOLS: Final = {"http": _StoppablePool, "https": _StoppableTlsPool}


class StoppableAdapter(HTTPAdapter):
    """What requests sends with; only inside `making`."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=_POOLED_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        """Give every pool connections that can be stopped and that notice a dead peer."""
        options = [
            *HTTPConnection.default_socket_options,
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        ]
        super().init_poolmanager(*args, socket_options=options, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:  # noqa: ANN401 - passed on
        """The same for connections through a proxy."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def close(self) -> None:
        """Close every idle connection now; urllib3 leaves that to the garbage collector."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            _close_pools(manager)
        super().close()


def _close_pools(manager: urllib3.PoolManager) -> None:
    for key in manager.pools.keys():  # noqa: SIM118 - the container has no iterator
        pool = manager.pools.get(key)
        if pool is not None:
            pool.close()


def new_session() -> requests.Session:
    """A session that takes nothing from its surroundings: no netrc and no proxy variables."""
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    for prefix in ("http://", "https://"):
        session.mount(prefix, StoppableAdapter())
    return session


def _connect(
    call: Call, host: str, port: int, options: Iterable[tuple[int, int, int | bytes]]
) -> socket.socket:
    addresses = _look_up(call, host, port)
    failure: ProviderError = errors.NameNotFound(host=host)
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        family, kind, proto, _, where = address
        sock = socket.socket(family, kind, proto)
        try:
            for option in options:
                sock.setsockopt(*option)
            _connect_socket(call, sock, where, share=1 / left)
        except errors.CannotConnect as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def _connect_socket(call: Call, sock: socket.socket, where: _Address, *, share: float) -> None:
    """Connect one address, with its share of the time that is left."""
    due = call.next_due().at
    until = time.monotonic() + max(0.0, due - time.monotonic()) * share
    sock.setblocking(False)
    number = sock.connect_ex(where)
    call.attach(sock)
    while number in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR):
        call.check()
        if time.monotonic() >= until and share < 1:
            raise errors.ConnectTimedOut(seconds=round(until - call.started, 1))
        if wait_for_write(sock, timeout=_CONNECT_SLICE_SECONDS):
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            break
    call.check()
    if number:
        raise _connect_error(number)
    sock.setblocking(True)


def _connect_error(number: int) -> ProviderError:
    means = _BY_ERRNO.get(number, errors.CannotConnect)
    return means(os.strerror(number))


def _look_up(call: Call, host: str, port: int) -> list[Any]:
    """The addresses of a host. The look-up itself can't be stopped, only no longer waited for."""
    with suppress(OSError, UnicodeError):  # it is a name, not a number
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    found: list[Any] = []
    done = threading.Event()

    def look_up() -> None:
        with suppress(OSError, UnicodeError):  # an empty list says it
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        done.set()

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    while not done.wait(_CONNECT_SLICE_SECONDS):
        call.check()
    if not found:
        raise errors.NameNotFound(host=host)
    return found


_BY_ERRNO: Final[Mapping[int | None, type[ProviderError]]] = {
    errno.ECONNREFUSED: errors.ConnectionRefused,
    errno.EHOSTUNREACH: errors.HostUnreachable,
    errno.ENETUNREACH: errors.HostUnreachable,
    errno.EADDRNOTAVAIL: errors.HostUnreachable,
    errno.ETIMEDOUT: errors.ConnectTimedOut,
}

# Every class of requests and urllib3 stands here by name; a test walks both trees.
FOREIGN: Final[Mapping[type[BaseException], type[ProviderError]]] = {
    requests_errors.RequestException: errors.ConnectionLost,
    requests_errors.InvalidJSONError: errors.MalformedResponse,
    requests_errors.JSONDecodeError: errors.MalformedResponse,
    requests_errors.HTTPError: errors.MalformedResponse,
    requests_errors.ConnectionError: errors.ConnectionLost,
    requests_errors.ProxyError: errors.ProxyFailed,
    requests_errors.SSLError: errors.TlsFailed,
    requests_errors.Timeout: errors.ConnectionLost,
    requests_errors.ConnectTimeout: errors.ConnectTimedOut,
    requests_errors.ReadTimeout: errors.ConnectionLost,
    requests_errors.URLRequired: errors.AddressInvalid,
    requests_errors.TooManyRedirects: errors.Redirected,
    requests_errors.MissingSchema: errors.AddressInvalid,
    requests_errors.InvalidSchema: errors.AddressInvalid,
    requests_errors.InvalidURL: errors.AddressInvalid,
    requests_errors.InvalidHeader: errors.HeaderInvalid,
    requests_errors.InvalidProxyURL: errors.ProxyFailed,
    requests_errors.ChunkedEncodingError: errors.ConnectionLost,
    requests_errors.ContentDecodingError: errors.MalformedResponse,
    requests_errors.StreamConsumedError: errors.ConnectionLost,
    requests_errors.RetryError: errors.ConnectionLost,
    requests_errors.UnrewindableBodyError: errors.ConnectionLost,
    urllib3_errors.HTTPError: errors.ConnectionLost,
    urllib3_errors.PoolError: errors.ConnectionLost,
    urllib3_errors.RequestError: errors.ConnectionLost,
    urllib3_errors.SSLError: errors.TlsFailed,
    urllib3_errors.ProxyError: errors.ProxyFailed,
    urllib3_errors.DecodeError: errors.MalformedResponse,
    urllib3_errors.ProtocolError: errors.ConnectionLost,
    urllib3_errors.MaxRetryError: errors.ConnectionLost,
    urllib3_errors.HostChangedError: errors.Redirected,
    urllib3_errors.TimeoutStateError: errors.ConnectionLost,
    urllib3_errors.TimeoutError: errors.ConnectionLost,
    urllib3_errors.ReadTimeoutError: errors.ConnectionLost,
    urllib3_errors.ConnectTimeoutError: errors.ConnectTimedOut,
    urllib3_errors.NewConnectionError: errors.CannotConnect,
    urllib3_errors.NameResolutionError: errors.NameNotFound,
    urllib3_errors.EmptyPoolError: errors.ConnectionLost,
    urllib3_errors.FullPoolError: errors.ConnectionLost,
    urllib3_errors.ClosedPoolError: errors.ConnectionLost,
    urllib3_errors.LocationValueError: errors.AddressInvalid,
    urllib3_errors.LocationParseError: errors.AddressInvalid,
    urllib3_errors.URLSchemeUnknown: errors.AddressInvalid,
    urllib3_errors.ResponseError: errors.ConnectionLost,
    urllib3_errors.ResponseNotChunked: errors.MalformedResponse,
    urllib3_errors.BodyNotHttplibCompatible: errors.MalformedResponse,
    urllib3_errors.IncompleteRead: errors.ConnectionLost,
    urllib3_errors.InvalidChunkLength: errors.MalformedResponse,
    urllib3_errors.InvalidHeader: errors.MalformedResponse,
    urllib3_errors.ProxySchemeUnknown: errors.ProxyFailed,
    urllib3_errors.ProxySchemeUnsupported: errors.ProxyFailed,
    urllib3_errors.HeaderParsingError: errors.MalformedResponse,
    urllib3_errors.UnrewindableBodyError: errors.ConnectionLost,
    http.client.HTTPException: errors.MalformedResponse,
    http.client.InvalidURL: errors.AddressInvalid,
    http.client.IncompleteRead: errors.ConnectionLost,
    http.client.RemoteDisconnected: errors.ConnectionLost,
    ssl.SSLError: errors.TlsFailed,
    socket.gaierror: errors.NameNotFound,
    ConnectionRefusedError: errors.ConnectionRefused,
    OSError: errors.ConnectionLost,
    UnicodeError: errors.HeaderInvalid,
    ValueError: errors.ConnectionLost,
}
CATCHABLE: Final = (
    requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError,
    ValueError, AttributeError,
)  # fmt: skip

# Of several exceptions wrapped in each other the first of these tells most.
_TELLING: Final = (
    errors.ProxyFailed, errors.HeaderInvalid, errors.AddressInvalid, errors.NameNotFound,
    errors.TlsFailed, errors.ConnectionRefused, errors.HostUnreachable, errors.ConnectTimedOut,
    errors.CannotConnect, errors.Redirected, errors.MalformedResponse, errors.ConnectionLost,
)  # fmt: skip


def translate(
    error: BaseException, *, is_connected: bool, has_begun: bool = False
) -> ProviderError:
    """Our error for a foreign one; `has_begun`: the headers of the answer had come.

    The detail names the class and, for TLS and the operating system, the reason: never the text of
    the exception, in which an address with its query could stand.
    """
    chain = list(_chain(error))
    meanings = {_meaning(one) for one in chain}
    means: type[ProviderError] = next(
        (one for one in _TELLING if one in meanings), errors.ConnectionLost
    )
    is_about_request = means in {errors.HeaderInvalid, errors.AddressInvalid}
    if is_connected and issubclass(means, errors.CannotConnect) and not is_about_request:
        means = errors.ConnectionLost  # a connection that had stood broke off
    if means is errors.ConnectionLost and _has_bad_chunk_size(chain):
        means = errors.MalformedResponse
    if has_begun and means is not errors.MalformedResponse:
        means = errors.StreamInterrupted
    return means(_detail(chain))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception with everything it wraps, outermost first."""
    queue, seen = [error], set[int]()
    while queue:
        one = queue.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
        queue.extend(other for other in inner if isinstance(other, BaseException))


def _meaning(error: BaseException) -> type[ProviderError]:
    number = error.errno if isinstance(error, OSError) and type(error) not in FOREIGN else None
    if number in _BY_ERRNO:
        return _BY_ERRNO[number]
    return next(
        (FOREIGN[kind] for kind in type(error).__mro__ if kind in FOREIGN), errors.ConnectionLost
    )


def _has_bad_chunk_size(chain: list[BaseException]) -> bool:
    """http.client reports a chunk size it can't read as IncompleteRead, like an early end."""
    texts = [str(one) for one in chain if type(one) is ValueError]
    return any("base 16" in text and not text.endswith("b''") for text in texts)


def _detail(chain: list[BaseException]) -> str:
    words: list[Param] = [type(chain[-1]).__name__]
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            words.append(one.verify_message)
        elif isinstance(one, ssl.SSLError) and one.reason:
            words.append(one.reason)
        elif isinstance(one, OSError) and isinstance(one.errno, int) and one.errno > 0:
            words.append(os.strerror(one.errno))
    return scrub(": ".join(dict.fromkeys(str(word) for word in words)))
