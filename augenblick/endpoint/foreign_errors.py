"""What exceptions of requests, urllib3, http.client, ssl and the system mean: `translate`."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Final

import requests
import urllib3
from requests import exceptions as requests_errors
from urllib3 import exceptions as urllib3_errors

from augenblick.core.errors import ERRORS, CannotConnect, Param, ProviderError
from augenblick.endpoint.scrubbing import scrub

_UNREACHABLE: Final = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL}

# What an exception means is the nearest of its base classes that stands here; what has none, and
# the many kinds of a broken connection, mean `connection_lost`.
FOREIGN: Final[Mapping[type[BaseException], str]] = {
    requests_errors.ContentDecodingError: "malformed_response",
    requests_errors.ProxyError: "proxy_failed",
    requests_errors.SSLError: "tls_failed",
    requests_errors.MissingSchema: "address_invalid",
    requests_errors.InvalidSchema: "address_invalid",
    requests_errors.InvalidURL: "address_invalid",
    requests_errors.InvalidProxyURL: "proxy_failed",
    requests_errors.InvalidHeader: "header_invalid",
    urllib3_errors.DecodeError: "malformed_response",
    urllib3_errors.InvalidChunkLength: "malformed_response",
    urllib3_errors.InvalidHeader: "malformed_response",
    urllib3_errors.ProxyError: "proxy_failed",
    urllib3_errors.ProxySchemeUnknown: "proxy_failed",
    urllib3_errors.ProxySchemeUnsupported: "proxy_failed",
    urllib3_errors.SSLError: "tls_failed",
    urllib3_errors.LocationValueError: "address_invalid",
    http.client.HTTPException: "malformed_response",
    http.client.InvalidURL: "address_invalid",
    http.client.IncompleteRead: "connection_lost",
    http.client.RemoteDisconnected: "connection_lost",
    ssl.SSLError: "tls_failed",
    socket.gaierror: "name_not_found",
    ConnectionRefusedError: "connection_refused",
    TimeoutError: "connect_timed_out",
    UnicodeError: "header_invalid",
}
CATCHABLE: Final = (
    requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError,
    ValueError, AttributeError,
)  # fmt: skip

# Of several exceptions wrapped in each other the first of these tells most.
_TELLING: Final = (
    "proxy_failed", "header_invalid", "address_invalid", "name_not_found",
    "tls_failed", "connection_refused", "host_unreachable", "connect_timed_out",
    "malformed_response", "connection_lost",
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
    code = next((each for each in _TELLING if each in meanings), "connection_lost")
    is_about_request = code in {"header_invalid", "address_invalid"}
    if is_connected and issubclass(ERRORS[code].kind, CannotConnect) and not is_about_request:
        code = "connection_lost"  # a connection that had stood broke off
    if code == "connection_lost" and _has_bad_chunk_size(chain):
        code = "malformed_response"
    if has_begun and code != "malformed_response":
        code = "stream_interrupted"
    return ProviderError.of(code, _detail(chain))


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


def _meaning(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return "host_unreachable"
    kinds = (FOREIGN[kind] for kind in type(error).__mro__ if kind in FOREIGN)
    return next(kinds, "connection_lost")


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
