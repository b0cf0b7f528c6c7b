"""A request as code to paste: curl, Python with openai, Python with requests, JavaScript.

Each makes the same request as was sent, its body byte for byte. What was masked is read from the
environment: the key from OPENAI_API_KEY, anything else from a variable named like its field. The
code itself stands in `templates/`.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, repeat
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from augenblick.endpoint.trace import MASK, WireRequest

_PATH = "/chat/completions"
_OF_THE_CONNECTION = {"host", "content-length", "connection", "transfer-encoding"}
_PLAIN_IN_SHELL = re.compile(r"[\w .:/?=&-]*", re.ASCII)  # between double quotes
_FIELD = re.compile(r"([^?&=]+)=" + MASK)

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=False,  # noqa: S701 - code; each language has a filter that quotes
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)


class Kind(StrEnum):
    """What the code is written for."""

    CURL = "curl"
    OPENAI = "openai"
    REQUESTS = "requests"
    FETCH = "fetch"


_FILES = {
    Kind.CURL: "request.sh",
    Kind.OPENAI: "request_openai.py",
    Kind.REQUESTS: "request.py",
    Kind.FETCH: "request.mjs",
}


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code, and the name a file with it should have."""

    text: str
    file_name: str


def write_snippet(kind: Kind, request: WireRequest, body: bytes) -> Snippet:
    """The code for a request; `body` is its body with the pictures in it."""
    address = urlsplit(request.url)
    fields = _FIELD.findall(request.url)
    named = {name.lower(): value for name, value in request.headers}
    text = _templates.get_template(f"{_FILES[kind]}.jinja").render(
        method=request.method,
        url=_pieces(request.url, fields),
        base_url=urlunsplit(address._replace(path=address.path.removesuffix(_PATH), query="")),
        path=_pieces(f"{_PATH}?{address.query}" if address.query else _PATH, fields),
        headers=[
            (name, _pieces(value, repeat(name)))
            for name, value in request.headers
            if name.lower() not in _OF_THE_CONNECTION
        ],
        has_key="authorization" in named,
        is_stream="event-stream" in named.get("accept", ""),
        body=body.decode("utf-8"),
        size=len(body),
    )
    return Snippet(text, _FILES[kind])


def _pieces(text: str, names: Iterable[str]) -> list[str]:
    """A text cut at what was masked; at odd places stand the variables to read that from."""
    first, *rest = text.split(MASK)
    return [first, *chain.from_iterable(zip(map(_variable, names), rest, strict=False))]


def _variable(name: str) -> str:
    if name.lower() == "authorization":
        return "OPENAI_API_KEY"
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").upper()
    return f"SECRET_{plain}" if not plain or plain[0].isdigit() else plain


def _in_shell(pieces: list[str], before: str = "") -> str:
    pieces = [before + pieces[0], *pieces[1:]]
    is_plain = len(pieces) > 1 and _PLAIN_IN_SHELL.fullmatch("".join(pieces[::2]))
    quote: Callable[[str], str] = str if is_plain else shlex.quote
    variable = "${%s}" if is_plain else '"${%s}"'
    joined = "".join(_quoted(pieces, quote, variable))
    return f'"{joined}"' if is_plain else joined


def _in_python(value: str | list[str]) -> str:
    return " + ".join(_quoted(value, repr, 'os.environ["%s"]'))


def _in_javascript(value: str | list[str]) -> str:
    return " + ".join(
        _quoted(value, lambda text: json.dumps(text, ensure_ascii=False), "process.env.%s")
    )


def _quoted(value: str | list[str], quote: Callable[[str], str], variable: str) -> list[str]:
    """The pieces of a value as code, without empty texts between variables."""
    pieces = [value] if isinstance(value, str) else value
    return [
        variable % piece if number % 2 else quote(piece)
        for number, piece in enumerate(pieces)
        if piece or len(pieces) == 1
    ]


_templates.filters |= {"shell": _in_shell, "python": _in_python, "javascript": _in_javascript}
