"""The copied code, run for real: what arrives is what was sent, byte for byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from augenblick.core.messages import ImagePart, Message, Role, TextPart
from augenblick.core.providers import ApiKey, Provider
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.client import ChatClient
from augenblick.endpoint.payload import DataUris, build_payload
from augenblick.endpoint.recorder import Recorder
from augenblick.endpoint.trace import read_trace
from augenblick.lab.snippets import Kind, write_snippet
from augenblick.pictures import prepare_image
from tests.browser.playing import Script, photo
from tests.faults.server import FaultServer, Received, Step, answered_json

KEY = "sk-canary-'\"$`-4711"
HARD = (
    "Größe? \"doppelt\" 'einfach' $HOME `id` \\n \\ ! %s {x} ${y}\n"
    "zweite Zeile\ttab \u2028 🙂 <<'AUGENBLICK'\nAUGENBLICK\n\x00 EOF"
)
COMMANDS: dict[Kind, Sequence[str]] = {
    Kind.CURL: ("bash",),
    Kind.OPENAI: (sys.executable,),
    Kind.REQUESTS: (sys.executable,),
    Kind.FETCH: ("node",),
}
OWN = {"host", "content-length", "connection", "accept-encoding", "user-agent", "accept"}


@dataclass(frozen=True)
class Asked:
    """What was sent, and what the copied code sent."""

    first: Received
    again: Received
    code: str
    output: str


def copy_and_run(
    kind: Kind,
    payload: dict[str, Any],
    folder: Path,
    *,
    key: str = KEY,
    query: tuple[tuple[str, str], ...] = (),
    headers: tuple[tuple[str, str], ...] = (),
    uris: DataUris | None = None,
    recorder: Recorder | None = None,
    command: Sequence[str] = (),
) -> Asked:
    """Send with our client, copy the code from the trace, run it as it is."""
    program = (command or COMMANDS[kind])[0]
    if shutil.which(program) is None or (kind is Kind.CURL and shutil.which("curl") is None):
        pytest.skip(f"{program} is not installed")
    recorder, script = recorder or Recorder(), Script()
    with FaultServer(script) as server:
        provider = Provider("t", "T", server.base_url, ApiKey(key), query=query, headers=headers)
        with ChatClient(provider) as client, client.stream(payload, recorder=recorder) as stream:
            list(stream)
        (exchange,) = read_trace(recorder.pack()).exchanges
        body = exchange.request.unfold(
            lambda picture: uris(_attachments[picture.sha256]) if uris else ""
        )
        snippet = write_snippet(kind, exchange.request, body)
        file = folder / snippet.file_name
        file.write_text(snippet.text, encoding="utf-8")
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "OPENAI_API_KEY": key}
        environ |= {name.upper().replace("-", "_"): value for name, value in (*headers, *query)}
        done = subprocess.run(
            [*(command or COMMANDS[kind]), str(file)],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        first, again = script.asked
    assert key not in snippet.text or not key
    return Asked(first, again, snippet.text, done.stdout)


_attachments: dict[str, Any] = {}


@pytest.mark.parametrize("kind", list(Kind))
def test_the_copied_code_sends_the_same_bytes(kind: Kind, tmp_path: Path) -> None:
    """Umlauts, quotes, line ends, dollars, backticks: the body arrives as it was sent."""
    settings = RequestSettings("gpt-4o", temperature=0.30, stop=("\n", '"'), system=HARD)
    message = Message(Role.USER, (TextPart(HARD),))
    payload = build_payload([message], settings, data_uri=lambda _: "")

    asked = copy_and_run(kind, payload, tmp_path)

    assert asked.again.body == asked.first.body
    assert asked.again.target == asked.first.target
    assert asked.again.method == "POST"
    assert asked.again.headers["authorization"] == f"Bearer {KEY}"
    assert asked.again.headers["content-type"] == "application/json"
    assert "Schild" in asked.output


@pytest.mark.parametrize("kind", list(Kind))
def test_masked_fields_come_from_the_environment(kind: Kind, tmp_path: Path) -> None:
    """A key in a header or an address of its own is read by its name; others stand there."""
    payload = {"model": "m", "messages": [{"role": "user", "content": "Ja?"}], "stream": True}
    asked = copy_and_run(
        kind,
        payload,
        tmp_path,
        query=(("code", "q-secret-0815"), ("api-version", "2026-01-01")),
        headers=(("X-Api-Key", "h-secret-'\"-0815"), ("X-Team", "it's $me `x`")),
    )

    assert asked.again.body == asked.first.body
    assert asked.again.target == asked.first.target
    for name in set(asked.first.headers) - OWN:
        assert asked.again.headers[name] == asked.first.headers[name]
    assert "0815" not in asked.code


@pytest.mark.parametrize("kind", list(Kind))
def test_code_with_a_large_picture_runs(kind: Kind, tmp_path: Path) -> None:
    """A body above every limit for arguments, with the picture where it stood."""
    picture = prepare_image(photo(tmp_path, "a.jpg").read_bytes(), name="a.jpg")
    attachment = picture.attachment
    _attachments[attachment.sha256] = attachment
    uris = DataUris({attachment.sha256: picture.content}.__getitem__)
    recorder = Recorder()
    image = ImagePart(attachment)
    messages = [Message(Role.USER, (*([image] * 20), TextPart("Was ist das? " * 20_000)))]
    payload = build_payload(messages, RequestSettings("gpt-4o"), data_uri=uris)

    asked = copy_and_run(kind, payload, tmp_path, uris=uris, recorder=recorder)

    assert len(asked.first.body) > 400_000
    assert asked.again.body == asked.first.body


@pytest.mark.parametrize("kind", list(Kind))
def test_an_answer_in_one_piece_and_no_key(kind: Kind, tmp_path: Path) -> None:
    """Without streaming and without a key nothing asks for one."""
    payload = {"model": "m", "messages": [], "stream": False}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Script, "__call__", _answer_whole)
        asked = copy_and_run(kind, payload, tmp_path, key="")

    assert asked.again.body == asked.first.body
    assert "OPENAI_API_KEY" not in asked.code
    assert "Ja." in asked.output


def _answer_whole(script: Script, received: Received) -> Iterable[Step]:
    script.asked.append(received)
    message = {"role": "assistant", "content": "Ja."}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    whole = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    return answered_json({**whole, "choices": [choice]})


def test_curl_runs_in_a_plain_shell(tmp_path: Path) -> None:
    """Nothing of it needs bash."""
    payload = {"model": "m", "messages": [{"role": "user", "content": HARD}], "stream": True}

    asked = copy_and_run(Kind.CURL, payload, tmp_path, command=("sh",))

    assert asked.again.body == asked.first.body
