"""The real reader as a process, the official client, and pictures made on the spot."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai
import pytest
from PIL import Image, ImageDraw, ImageFont

from augenblick.pictures.samples import SAMPLES, Sample

MODEL = "augenblick-reader"


def _new_connections() -> httpx2.Client:
    """A client that opens a connection for each request."""
    return httpx2.Client(timeout=120, limits=httpx2.Limits(max_keepalive_connections=0))


@dataclass(frozen=True)
class Running:
    """A reader that answers. `http` is one client, for to make one takes 35 ms of CPU."""

    process: subprocess.Popen[str]
    address: str
    http: httpx2.Client = field(default_factory=_new_connections)

    def post(
        self, body: Mapping[str, Any] | bytes, *, language: str = "", **headers: str
    ) -> httpx2.Response:
        """POST a body to the endpoint."""
        sent = {"content-type": "application/json", "accept-language": language, **headers}
        url = f"{self.address}/v1/chat/completions"
        if isinstance(body, bytes):
            return self.http.post(url, content=body, headers=sent)
        return self.http.post(url, json=body, headers=sent)

    def health(self) -> Any:
        """What the reader says of itself."""
        return self.http.get(f"{self.address}/health", timeout=60).json()


def start_reader(*options: str) -> Running:
    """Start a reader on a free port and wait until it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "augenblick.reader", "--port", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("listening on http://127.0.0.1:"), line
    return Running(process, line.split()[-1])


def stop(running: Running) -> None:
    """End a reader and close its pipe."""
    running.http.close()
    running.process.terminate()
    running.process.wait(timeout=60)
    if running.process.stdout is not None:
        running.process.stdout.close()


@pytest.fixture(scope="session")
def reader() -> Iterator[Running]:
    """One reader for all tests, without pauses between the words of a stream."""
    running = start_reader("--pace-ms", "0")
    yield running
    stop(running)


@pytest.fixture(scope="session")
def client(reader: Running) -> Iterator[openai.OpenAI]:
    """The official client, as a user of any endpoint has it."""
    with openai.OpenAI(
        base_url=f"{reader.address}/v1", api_key="any", max_retries=0, timeout=120
    ) as made:
        yield made


def data_uri(content: bytes, media_type: str = "image/png") -> str:
    """Bytes as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def written(*lines: str, size: tuple[int, int] = (900, 520), px: int = 44) -> Image.Image:
    """Lines of black text on white."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        face = ImageFont.truetype("LiberationSans-Regular.ttf", px)
        draw.text((40, 40 + number * px * 2), line, "black", face)
    return image


def part(content: bytes | str, *, detail: str | None = None) -> dict[str, Any]:
    """A picture as part of a message."""
    uri = content if isinstance(content, str) else data_uri(content)
    return {
        "type": "image_url",
        "image_url": {"url": uri, **({"detail": detail} if detail else {})},
    }


def sample(name: str) -> Sample:
    """A sample picture by name."""
    return next(each for each in SAMPLES if each.name == name)


def user(text: str, *pictures: bytes | str) -> dict[str, Any]:
    """A user's message with pictures before the text."""
    parts = [part(picture) for picture in pictures]
    return {"role": "user", "content": [*parts, {"type": "text", "text": text}]}


def question(text: str, *pictures: bytes | str, **fields: Any) -> dict[str, Any]:
    """A whole request."""
    return {"model": MODEL, "messages": [user(text, *pictures)], **fields}


def said(response: httpx2.Response) -> str:
    """The words of a completion."""
    assert response.status_code == 200, response.text
    return str(response.json()["choices"][0]["message"]["content"])


def recognised(markdown: str) -> list[str]:
    """The recognised lines of an answer: its code block, with cells two spaces apart."""
    block = markdown.split("```text\n", 1)[1].split("\n```", 1)[0]
    return [re.sub(" {2,}", "  ", line) for line in block.split("\n") if line]
