"""A request as code to paste: curl, Python with openai, Python with requests, JavaScript.

Each makes the same request as was sent, its body byte for byte. What was masked is read from the
environment: the key from OPENAI_API_KEY, anything else from a variable named like its field.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit

from augenblick.trace import MASK, WireRequest

_PATH = "/chat/completions"
_OF_THE_CONNECTION = {"host", "content-length", "connection", "transfer-encoding"}
_OF_OPENAI = {"authorization", "content-type", "accept", *_OF_THE_CONNECTION}
_HEREDOC = "AUGENBLICK"
_HARMLESS = re.compile(r"[\w .:/?=&-]*", re.ASCII)  # between double quotes of a shell


class Kind(StrEnum):
    """What the code is written for."""

    CURL = "curl"
    OPENAI = "openai"
    REQUESTS = "requests"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code, and the name a file with it should have."""

    text: str
    file_name: str


def write_snippet(kind: Kind, request: WireRequest, body: bytes) -> Snippet:
    """The code for a request; `body` is its body with the pictures in it."""
    text = body.decode("utf-8")
    fields = _Fields(request)
    match kind:
        case Kind.CURL:
            return Snippet(_curl(fields, text, len(body)), "request.sh")
        case Kind.OPENAI:
            return Snippet(_openai(fields, text), "request_openai.py")
        case Kind.REQUESTS:
            return Snippet(_requests(fields, text), "request.py")
        case Kind.FETCH:
            return Snippet(_fetch(fields, text), "request.mjs")


@dataclass(frozen=True, slots=True)
class _Value:
    """A text with at most one thing in it that is read from the environment."""

    before: str
    variable: str = ""
    after: str = ""

    @property
    def in_shell(self) -> str:
        if not self.variable:
            return shlex.quote(self.before)
        if _HARMLESS.fullmatch(self.before + self.after):
            return f'"{self.before}${{{self.variable}}}{self.after}"'
        after = shlex.quote(self.after) if self.after else ""
        return f'{shlex.quote(self.before)}"${{{self.variable}}}"{after}'

    @property
    def in_python(self) -> str:
        if not self.variable:
            return repr(self.before)
        pieces = (repr(self.before), f'os.environ["{self.variable}"]', repr(self.after))
        return " + ".join(piece for piece in pieces if piece != "''")

    @property
    def in_javascript(self) -> str:
        if not self.variable:
            return json.dumps(self.before)
        pieces = (json.dumps(self.before), f"process.env.{self.variable}", json.dumps(self.after))
        return " + ".join(piece for piece in pieces if piece != '""')


class _Fields:
    """Address and headers of a request, ready to be written."""

    def __init__(self, request: WireRequest) -> None:
        self.method = request.method
        self._request = request

    def headers(self, *, leave_out: set[str] = _OF_THE_CONNECTION) -> Iterator[tuple[str, _Value]]:
        for name, value in self._request.headers:
            if name.lower() not in leave_out:
                yield name, _value(value, _variable(name))

    @property
    def has_key(self) -> bool:
        return any(name.lower() == "authorization" for name, _ in self._request.headers)

    @property
    def accept(self) -> str:
        found = {name.lower(): value for name, value in self._request.headers}
        return found.get("accept", "")

    @property
    def url(self) -> _Value:
        return _value(self._request.url, self._query_variable)

    @property
    def base_url(self) -> str:
        """The address before the path, without a query."""
        parts = urlsplit(self._request.url)
        return urlunsplit((parts.scheme, parts.netloc, parts.path.removesuffix(_PATH), "", ""))

    @property
    def path_and_query(self) -> _Value:
        query = urlsplit(self._request.url).query
        return _value(f"{_PATH}?{query}" if query else _PATH, self._query_variable)

    @property
    def _query_variable(self) -> str:
        found = re.search(r"([^?&=]+)=" + MASK, self._request.url)
        return _variable(found[1]) if found else ""


def _value(text: str, variable: str) -> _Value:
    before, mask, after = text.partition(MASK)
    return _Value(before, variable, after) if mask else _Value(text)


def _variable(name: str) -> str:
    if name.lower() == "authorization":
        return "OPENAI_API_KEY"
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").upper()
    return f"SECRET_{plain}" if not plain or plain[0].isdigit() else plain


def _curl(fields: _Fields, body: str, size: int) -> str:
    """The body comes from the heredoc, without the line end that a heredoc adds."""
    lines = [
        f"head -c {size} <<'{_HEREDOC}' | curl -sSN -X {fields.method} {fields.url.in_shell} \\"
    ]
    lines += [f"  -H {_header(name, value).in_shell} \\" for name, value in fields.headers()]
    return "\n".join((*lines, "  --data-binary @-", body, _HEREDOC, ""))


def _header(name: str, value: _Value) -> _Value:
    return _Value(f"{name}: {value.before}", value.variable, value.after)


def _requests(fields: _Fields, body: str) -> str:
    headers = "".join(f"    {name!r}: {value.in_python},\n" for name, value in fields.headers())
    return f"""\
import os

import requests

BODY = {body!r}

response = requests.request(
    {fields.method!r},
    {fields.url.in_python},
    headers={{
{_indented(headers, 4)}    }},
    data=BODY.encode(),
    stream=True,
)
for line in response.iter_lines():
    print(line.decode())
"""


def _openai(fields: _Fields, body: str) -> str:
    key = 'os.environ["OPENAI_API_KEY"]' if fields.has_key else '"none"'
    named = fields.headers(leave_out=_OF_OPENAI)
    headers = "".join(f"    {name!r}: {value.in_python},\n" for name, value in named)
    is_stream = "event-stream" in fields.accept
    how = (
        "    cast_to=ChatCompletionChunk,\n    stream=True,\n"
        "    stream_cls=Stream[ChatCompletionChunk],\n"
        if is_stream
        else "    cast_to=ChatCompletion,\n"
    )
    end = "for chunk in answer:\n    print(chunk.to_json(indent=None))\n" if is_stream else (
        "print(answer.to_json())\n"
    )  # fmt: skip
    imported = "ChatCompletionChunk" if is_stream else "ChatCompletion"
    return f"""\
import os

from openai import OpenAI{", Stream" if is_stream else ""}
from openai.types.chat import {imported}

BODY = {body!r}

client = OpenAI(
    api_key={key},
    base_url={fields.base_url!r},
    max_retries=0,
)
# client.chat.completions.create(**json.loads(BODY)) asks the same, but writes the body anew.
answer = client.post(
    {fields.path_and_query.in_python},
    content=BODY.encode(),
    options={{
        "headers": {{
            "Content-Type": "application/json",
{_indented(headers, 8)}        }},
    }},
{how})
{end}"""


def _fetch(fields: _Fields, body: str) -> str:
    headers = "".join(
        f"    {json.dumps(name)}: {value.in_javascript},\n" for name, value in fields.headers()
    )
    return f"""\
const body = {json.dumps(body, ensure_ascii=False)};

(async () => {{
  const response = await fetch({fields.url.in_javascript}, {{
    method: {json.dumps(fields.method)},
    headers: {{
{_indented(headers, 2)}    }},
    body,
  }});
  const decoder = new TextDecoder();
  for await (const piece of response.body) {{
    process.stdout.write(decoder.decode(piece, {{ stream: true }}));
  }}
}})();
"""


def _indented(lines: str, spaces: int) -> str:
    margin = " " * spaces
    return "".join(f"{margin}{line}" for line in lines.splitlines(keepends=True))
