"""How an endpoint is reached: through which proxy, and with which certificates: `way_to`."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from augenblick.core.errors import ConfigurationError
from augenblick.core.pasted import clean

_BUNDLE_VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_WORDS: Final = re.compile(r"[^\s,;\"']+")


def way_to(
    environ: Mapping[str, str],
    base_url: str,
    table: Mapping[str, Any] | None = None,
    where: str = "",
) -> tuple[str, str]:
    """The proxy and the certificate bundle for an endpoint; empty for none and the usual one.

    What stands in the endpoint's own table counts first (an empty `proxy` means none), then the
    variables as requests, curl and OpenSSL know them. Nothing else is read, no netrc above all.

    Raises ConfigurationError, with `where` before the name of an entry of the table.
    """
    table = table or {}
    proxy = _proxy(table["proxy"], f"{where} proxy") if "proxy" in table else ""
    if "proxy" not in table and not _is_reached_directly(environ, base_url):
        scheme = urlsplit(base_url).scheme
        for name in (f"{scheme}_proxy", "all_proxy"):
            found = next((each for each in (name, name.upper()) if environ.get(each)), "")
            proxy = proxy or (_proxy(environ[found], found) if found else "")
    bundle = ""
    if table.get("ca_bundle"):
        bundle = _bundle(str(table["ca_bundle"]), f"{where} ca_bundle")
    elif "https" in {urlsplit(base_url).scheme, urlsplit(proxy).scheme}:
        found = next((name for name in _BUNDLE_VARIABLES if clean(environ.get(name, ""))), "")
        bundle = _bundle(environ[found], found) if found else ""
    return proxy, bundle


def _is_reached_directly(environ: Mapping[str, str], base_url: str) -> bool:
    """Whether NO_PROXY names a host: with or without port, by domain, by network, or all."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    listed = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    names = [each.strip("[]").removeprefix("*.").lstrip(".") for each in _WORDS.findall(listed)]
    for name in names:
        with suppress(ValueError):
            if ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False):
                return True
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return any(
        name == "*" or f".{asked}".endswith(f".{name.lower()}")
        for name in names
        for asked in (host, f"{host}:{port}")
    )


def _proxy(value: object, name: str) -> str:
    """The address of a proxy, or none. A password may stand in it: never quoted."""
    url = clean(str(value))
    if not url:
        return ""
    url = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(url)
        is_proxy = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_proxy = False
    if not is_proxy:
        raise ConfigurationError(f"{name} must be the address of a proxy: http://host:port")
    return url


def _bundle(value: str, name: str) -> str:
    path = Path(clean(value)).expanduser()
    try:
        changed = path.stat().st_mtime_ns
        wrong = "" if path.is_dir() else _wrong_with_bundle(path, changed)
    except OSError as error:
        wrong = error.strerror or "it can't be read"
    if wrong:
        raise ConfigurationError(f"{name} names the certificates {path}: {wrong}")
    return str(path)


@lru_cache(maxsize=16)
def _wrong_with_bundle(path: Path, changed: int) -> str:  # noqa: ARG001 - read again when changed
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return "no PEM certificates stand in it"
    return ""
