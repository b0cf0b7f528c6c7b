"""Addresses and keys as people paste them: repaired, or refused with a sentence that names what.

Nothing here opens a connection.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from augenblick.core.errors import ConfigurationError

# Blanks, control characters, and quotes of every kind.
_NOT_MEANT: Final = "\"'`<>\u00b4\u00ab\u00bb\u2039\u203a" + "".join(
    each
    for each in map(chr, range(0x3001))
    if each.isspace() or unicodedata.category(each) == "Cc" or "\u2018" <= each <= "\u201f"
)
_ASSIGNED: Final = re.compile(r"^(?:export\s+)?[A-Z]+_[A-Z0-9_]+=(?=[^=\s])")
_BEFORE_SCHEME: Final = re.compile(r"[;,\s]\s*[\"']?(?=https?:)")
_BEFORE_ADDRESS: Final = re.compile(_BEFORE_SCHEME.pattern + r"|[;,]\s*[\"']?(?=[\w-]+[.:]|\[|$)")
_SCHEMES: Final = re.compile(r"(?:https?(?::/*|/{2,}))+", re.IGNORECASE)
_NO_ADDRESS: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\"<>\\^`{|}]")
_HOST: Final = re.compile(r"[\w.-]+|[\da-f:.]+(?:%\w+)?")
_CALLS: Final = re.compile(
    r"(?:/(?:chat/completions|completions|chat|responses|models|embeddings|moderations))+$",
    re.IGNORECASE,
)
_OLLAMA_CALLS: Final = re.compile(r"/api/(?:chat|generate|tags|show|embed|ps)$")
_OLLAMA_PORT: Final = 11434
_AZURE_HOSTS: Final = (
    ".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com",
)  # fmt: skip
# By the vendors' documentation; a path that stops before the end of it is completed.
_VENDOR_PATHS: Final = {
    "openrouter.ai": "/api/v1",
    "api.groq.com": "/openai/v1",
    "generativelanguage.googleapis.com": "/v1beta/openai",
    "api.fireworks.ai": "/inference/v1",
    "api.perplexity.ai": "",
}


def clean(text: str) -> str:
    """What was meant by a pasted value.

    Without characters that can't be seen, blanks and quotes around it, or the name of a variable
    before it.
    """
    return _ASSIGNED.sub("", visible(text).strip(_NOT_MEANT)).strip(_NOT_MEANT)


def visible(text: str) -> str:
    """Without marks that no screen shows, such as a zero-width space or a byte order mark."""
    return "".join(each for each in text if unicodedata.category(each) != "Cf").strip()


def repair_base_url(
    text: str, *, name: str = "base_url"
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Make a base URL of what people paste; returns it and the query it carried.

    A missing scheme becomes http for private addresses and names without a dot, else https, and of
    a doubled one the last counts; a path that goes on to `/chat/completions` or `/models` is cut
    there; an empty path becomes `/v1`, and so does what the vendor's own path begins with.

    Raises ConfigurationError for what is no http(s) address; `name` is the entry it came from.
    """
    url = clean(text).strip(",;").replace("\\", "/")
    if len(addresses_in(url)) > 1:
        raise ConfigurationError(f"{name} holds several addresses; each needs a table of its own")
    if wrong := _NO_ADDRESS.search(url):
        raise ConfigurationError(f"{name} holds {character_name(wrong[0])}, which no address has")
    schemes = _SCHEMES.match(url)
    rest = url.removeprefix(schemes[0] if schemes else "").lstrip("/")
    scheme = "http" if _looks_local(rest) else "https"
    if schemes:
        scheme = re.findall("https?", schemes[0].lower())[-1]
    elif "://" in url:
        raise ConfigurationError(f"{name} is not an http(s) address")
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"{name} is not an http(s) address") from None
    if parts.username or parts.password:
        raise ConfigurationError(f"{name} holds a user name or password; use api_key instead")
    host = parts.hostname or ""
    if not _HOST.fullmatch(host):
        raise ConfigurationError(f"{name} is not an http(s) address: it names no host")
    path = _repair_path(parts.path, host=host, port=port)
    return urlunsplit((scheme, parts.netloc, path, "", "")), tuple(parse_qsl(parts.query))


def addresses_in(text: str) -> list[str]:
    """The addresses of a list; a comma within a query parts nothing."""
    separator = _BEFORE_SCHEME if "?" in text else _BEFORE_ADDRESS
    return [found for each in separator.split(clean(text)) if (found := clean(each))]


def _repair_path(path: str, *, host: str, port: int | None) -> str:
    path = _OLLAMA_CALLS.sub("", re.sub("/+", "/", path).rstrip("/"))
    path = re.sub(r"(/v\d+)\1+$", r"\1", _CALLS.sub("", path).rstrip("/"))
    own = _VENDOR_PATHS.get(host)
    if own is not None:
        return own if own == path or own.startswith(f"{path}/") or not path else path
    if path == "/openai" or (not path and host.endswith(_AZURE_HOSTS)):
        return "/openai/v1"
    if path == "/api" and port == _OLLAMA_PORT:
        return "/v1"
    return path or "/v1"


def character_name(character: str) -> str:
    """A character as a sentence can show it, seen or not."""
    if character == " ":
        return "a blank"
    return f"{unicodedata.name(character, 'a control character')} (U+{ord(character):04X})"


def _looks_local(url: str) -> bool:
    """Whether it names a machine of one's own: a private address, or a name without a dot."""
    host = url.split("/", 1)[0].rpartition("@")[2]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host
