"""Under which names and addresses this machine can be reached, and which port is free."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import re
import socket
import struct
from collections.abc import Iterable

import segno

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = "0.0.0.0"  # noqa: S104  # bound only when the person asks to share
_HOST_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_PORTS = 65536
_SIOCGIFADDR = 0x8915  # linux/sockios.h: the IPv4 address of an interface


def lan_addresses() -> tuple[str, ...]:
    """The IPv4 addresses of this machine that others can use, the most likely one first."""
    found = [*_address_of_default_route(), *_addresses_of_interfaces(), *_addresses_of_name()]
    return tuple(dict.fromkeys(text for text in found if _is_reachable(text)))


def host_names() -> tuple[str, ...]:
    """The names of this machine: as it calls itself, and as it announces itself on the LAN."""
    name = socket.gethostname().lower()
    if not is_host_name(name) or name in LOOPBACK_HOSTS:
        return ()
    return (name,) if "." in name else (name, f"{name}.local")


def is_host_name(text: str) -> bool:
    """Whether this can stand in a list of allowed hosts: a name, `*.name` or an IP address."""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(text))
    return bool(_HOST_NAME.fullmatch(text))


def base_path(configured: str | None) -> str:
    """What stands before all our paths, by Streamlit's `server.baseUrlPath`: `` or `/a/b`."""
    return "/".join(("", *filter(None, (configured or "").split("/"))))


def free_port(wanted: int, *, address: str, attempts: int = 1) -> int | None:
    """The first port from `wanted` on that can be bound; None when `attempts` are used up."""
    for port in range(wanted, min(wanted + attempts, _PORTS)):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError, OverflowError):  # a negative port overflows
                probe.bind((address, port))
                return port
    return None


def url(host: str, port: int) -> str:
    """The address to type into a browser."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def announcement(allowed_hosts: Iterable[str], *, address: str, port: int) -> str:
    """What to tell the person who started the server: where to open it.

    With a QR code of the first address where other machines can reach it.
    """
    if address in LOOPBACK_HOSTS:
        return f"\n  Augenblick is open on this machine only:\n    {url(address, port)}\n"
    if address not in {EVERYWHERE, "::", ""}:
        return f"\n  Augenblick is open:\n    {url(address, port)}\n"
    names = [host for host in allowed_hosts if host not in LOOPBACK_HOSTS and "*" not in host]
    if not names:
        return f"\n  Augenblick is open:\n    {url('localhost', port)}\n"
    lines = "\n".join(f"    {url(name, port)}" for name in names)
    code = io.StringIO()
    segno.make(url(names[0], port)).terminal(code, compact=True)
    return f"\n  Augenblick is open for everyone in this network:\n{lines}\n\n{code.getvalue()}"


def _address_of_default_route() -> Iterable[str]:
    with (
        contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe,
        contextlib.suppress(OSError),
    ):
        probe.connect(("192.0.2.1", 9))  # documentation network; a datagram socket sends nothing
        yield str(probe.getsockname()[0])


def _addresses_of_interfaces() -> Iterable[str]:
    if fcntl is None or not hasattr(socket, "if_nameindex"):
        return
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            with contextlib.suppress(OSError):  # no address, or not Linux
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
                yield socket.inet_ntoa(answer[20:24])


def _addresses_of_name() -> Iterable[str]:
    with contextlib.suppress(OSError):
        for _, _, _, _, place in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET):
            yield str(place[0])


def _is_reachable(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)
