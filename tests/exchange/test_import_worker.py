"""Files that cost far more than they weigh: what they are told, and what the server pays."""

from __future__ import annotations

import io
import json
import os
import random
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from augenblick.core.errors import ImportRefused, ImportTooLarge
from augenblick.core.messages import PreparedPicture
from augenblick.exchange.import_limits import ImportLimits
from augenblick.exchange.importing import read_conversations
from augenblick.exchange.json_items import JsonFile
from augenblick.pictures import PicturePool
from augenblick.store import Store
from augenblick.ui.history.import_job import ImportJob
from tests.crash.playing import descendants
from tests.exchange.values import GERMAN, Read, read_all
from tests.growth import assert_linear
from tests.raising import raises

_MILLION = 1_000_000
_BOUND = 50 * _MILLION  # bytes more in the process that serves everybody


def _zip(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", text)
    return buffer.getvalue()


def _noise(seed: int) -> bytes:
    """A photo of 2 MB, for nothing in it repeats."""
    image = Image.frombytes("RGB", (1400, 1000), random.Random(seed).randbytes(1400 * 1000 * 3))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _children() -> set[int]:
    return set(descendants(os.getpid()))


def _drain(found: Iterator[object], most_bytes: int) -> None:
    for piece in found:
        assert not isinstance(piece, ImportRefused)
        assert _resident_bytes() < most_bytes


_TINY = '{"messages":[{"role":"user","content":"x"}]},'
_BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "lists": (lambda: _zip("[" + "[]," * (30 * _MILLION) + "0]"), "import_unknown"),
    "an object of lists": (
        lambda: _zip('{"messages":[' + "[]," * (30 * _MILLION) + "0]}"),
        "import_too_large",
    ),
    "spaces": (lambda: _zip("[" + " " * (95 * _MILLION) + "]"), "import_unknown"),
    "conversations": (lambda: b"[" + _TINY.encode() * _MILLION + b"0]", "import_too_large"),
    "depth": (lambda: b'{"messages":' * (5 * _MILLION), "import_damaged"),
}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
@pytest.mark.parametrize("name", _BOMBS)
def test_a_bomb_is_refused_and_costs_the_server_little(name: str, pool: PicturePool) -> None:
    """Each is said to be what it is; the memory it takes is that of a process that ends."""
    make, code = _BOMBS[name]
    content = make()
    before = _resident_bytes()

    found = read_conversations(content, pool=pool, language=GERMAN)
    with raises(code):
        _drain(found, before + _BOUND)

    assert _resident_bytes() - before < _BOUND


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_many_pictures_in_one_conversation_cost_the_server_little(pool: PicturePool) -> None:
    """No more than one is in memory, neither here nor in the pool's caches."""
    buffer = io.BytesIO()
    pointers = [{"content_type": "image_asset_pointer", "asset_pointer": f"x://file-{number}"}
                for number in range(45)]  # fmt: skip
    message = {"author": {"role": "user"}, "content": {"parts": pointers}}
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(45):
            archive.writestr(f"file-{number}-a.jpg", _noise(number))
        conversations = [{"mapping": {"a": {"message": message}}}]
        archive.writestr("conversations.json", json.dumps(conversations))
    pieces = read_conversations(buffer.getvalue(), pool=pool, language=GERMAN)
    del buffer
    first = next(pieces)
    before = _resident_bytes()

    kept = len(first.content) if isinstance(first, PreparedPicture) else 0
    for piece in pieces:
        assert _resident_bytes() < before + _BOUND
        kept += len(piece.content) if isinstance(piece, PreparedPicture) else 0

    assert kept > _BOUND


@pytest.mark.parametrize("letter", ["a", "ä", "😀", "\\u0001"])
def test_a_message_that_is_too_long_is_refused_by_its_title(letter: str, pool: PicturePool) -> None:
    """The conversations beside it are taken."""
    long = letter * (ImportLimits().max_message_bytes // 2)
    good = '{"title":"Gut","messages":[{"role":"user","content":"x"}]}'
    bad = '{"title":"Lang","messages":[{"role":"user","content":"%s"}]}' % (2 * long)
    content = f"[{good},{bad},{good}]".encode()

    first, refused, last = read_all(content, pool)

    assert isinstance(first, Read)
    assert isinstance(refused, ImportTooLarge)
    assert refused.params["title"] == "Lang"
    assert isinstance(last, Read)


def test_the_file_is_let_go_and_the_process_ends(pool: PicturePool) -> None:
    """With the first conversation the server keeps no byte of the file; who stops ends it all."""
    content = f"[{_TINY * 3}0]".encode()
    holders, before = sys.getrefcount(content), _children()

    found = read_conversations(content, pool=pool, language=GERMAN)
    assert isinstance(found, Iterator)
    next(found)

    assert sys.getrefcount(content) == holders
    assert len(_children() - before) == 1
    found.close()  # type: ignore[attr-defined]  # it is a generator
    assert _children() == before


def test_what_came_before_a_break_is_kept(store: Store, pool: PicturePool) -> None:
    """A file that breaks off in its middle has given what stood before."""
    content = f"[{_TINY * 3}".encode() + b'{"messages": [{"role":'

    job = ImportJob(content, owner="me", language=GERMAN, pool=pool, store=store).start()

    assert job.done.wait(120)
    assert job.failure is not None
    assert job.failure.code == "import_damaged"
    assert len(store.list_conversations("me")) == 3


def test_what_was_left_out_is_counted_by_the_job(store: Store, pool: PicturePool) -> None:
    """For the page to say it."""
    message = {
        "author": {"role": "user"},
        "content": {"content_type": "text", "parts": ["Hallo", {"content_type": "new"}]},
    }
    content = json.dumps([{"title": "T", "mapping": {"a": {"message": message}}}]).encode()

    job = ImportJob(content, owner="me", language=GERMAN, pool=pool, store=store).start()

    assert job.done.wait(120)
    assert (job.titles, job.left_out) == (["T"], 1)


def test_a_long_conversation_is_whole_and_in_order(store: Store, pool: PicturePool) -> None:
    """However many transactions it takes; its words are found."""
    messages = [{"role": "user", "content": f"Nummer {number}"} for number in range(450)]

    job = ImportJob(
        json.dumps({"messages": messages, "title": "Lang"}).encode(),
        owner="me",
        language=GERMAN,
        pool=pool,
        store=store,
    ).start()
    assert job.done.wait(120)

    (identity,) = [each.id for each in store.list_conversations("me")]
    path = store.load_conversation(identity).path()
    assert [node.message.text for node in path] == [each["content"] for each in messages]
    assert [hit.conversation.id for hit in store.search("me", '"Nummer 449"')] == [identity]


@pytest.mark.parametrize(
    "piece",
    ["[],", "{},", '"a",', "1,", " ", '{"a":[1]},', "[[", '{"a":', '"', "\\ud83d", "1", ","],
)
def test_reading_a_list_costs_in_proportion(piece: str) -> None:
    """Whole, cut and broken."""

    def read(text: bytes) -> None:
        try:
            for _ in JsonFile(io.BytesIO(text).read, max_bytes=len(text) + 1).entries():
                pass
        except ImportRefused:
            pass

    assert_linear(read, lambda size: b"[" + (piece * size).encode())
