"""The text of pictures, written down by a model that was named for it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from augenblick.chat.transcription import Transcriptions
from augenblick.core.errors import ConversationNotFound, ProviderError
from augenblick.core.messages import Attachment
from augenblick.core.providers import ApiKey, Provider, Transcriber
from augenblick.endpoint.client import ChatClient
from augenblick.pictures import prepare_image
from augenblick.pictures.variants import PictureVariants
from augenblick.store import Store
from tests.browser.playing import Script
from tests.faults.server import Ending, FaultServer, Framing, Received, Step, framed
from tests.store.values import a_picture

ONE, OTHER = a_picture(b"one").attachment, a_picture(b"other").attachment


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with closing(Store(f"sqlite:///{tmp_path}/store.db")) as opened:
        yield opened


def _read(store: Store, script: Script, *pictures: Attachment) -> list[str]:
    with FaultServer(script) as server:
        provider = Provider("work", "Work", server.base_url, ApiKey("k"))
        return Transcriptions(
            Transcriber(provider, "seer"),
            store,
            open_client=ChatClient,
            variants=PictureVariants(load_content=str.encode, prepare=prepare_image),
        ).read(pictures)


def test_each_picture_is_read_by_itself(store: Store) -> None:
    """By the model that is named, with nothing of the conversation."""
    script = Script(words=("Summe ", "22,24\n"))

    assert _read(store, script, ONE, OTHER) == ["Summe 22,24", "Summe 22,24"]

    bodies = [json.loads(received.body) for received in script.asked]
    assert [body["model"] for body in bodies] == ["seer", "seer"]
    for body, picture in zip(bodies, (ONE, OTHER), strict=True):
        (message,) = body["messages"]
        url = message["content"][0]["image_url"]["url"]
        assert base64.b64decode(url.partition(",")[2]).decode() == picture.sha256


@pytest.mark.parametrize("words", ["NO TEXT", "no text.", "**NO TEXT**", " \n"])
def test_a_picture_without_text_has_none(store: Store, words: str) -> None:
    """However the model says it."""
    assert _read(store, Script(words=(words, "")), ONE) == [""]


def test_a_text_that_is_too_long_is_said_to_be_cut(store: Store) -> None:
    """By the model's own limit, or by ours where it repeats itself for ever."""
    assert _read(store, Script(words=("Summe",), finish_reason="length"), ONE) == ["Summe\n…"]
    (endless,) = _read(store, Script(words=("ha " * 1000,) * 60), ONE)
    assert len(endless) < 50_010
    assert endless.endswith("ha\n…")


class Cut(Script):
    """An endpoint whose connection breaks after some words."""

    def __call__(self, _: Received) -> Iterable[Step]:
        """Answer in part."""
        chunk = {"id": "1", "choices": [{"index": 0, "delta": {"content": self.text}}]}
        event = f"data: {json.dumps(chunk)}\n\n".encode()
        return framed([event], Framing.CHUNKED, ending=Ending.FIN)


class Strict(Script):
    """An endpoint that does not know `stream_options`."""

    def __call__(self, received: Received) -> Iterable[Step]:
        """Refuse, or answer."""
        if b"stream_options" not in received.body:
            return super().__call__(received)
        self.asked.append(received)
        said = b"Unrecognized request argument supplied: stream_options"
        return self.refuse(b'{"error": {"message": "%s"}}' % said)


def test_what_the_endpoint_does_not_take_is_changed(store: Store) -> None:
    """As with every question, and remembered."""
    script = Strict(words=("22,24",))

    assert _read(store, script, ONE, OTHER) == ["22,24", "22,24"]
    assert ["stream_options" in json.loads(each.body) for each in script.asked] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (Script(refusal=("401 Unauthorized", "invalid_api_key")), "authentication_failed"),
        (Script(words=("Sum",), finish_reason="content_filter"), "prompt_filtered"),
        (Cut(words=("Sum",)), "stream_interrupted"),
    ],
)
def test_a_failure_is_a_failure_and_no_text(store: Store, script: Script, code: str) -> None:
    """Half a text would be taken for all of it."""
    with pytest.raises(ProviderError) as caught:
        _read(store, script, ONE)

    assert caught.value.code == code


def test_a_picture_that_was_deleted_meanwhile_is_not_asked_about(store: Store) -> None:
    """It is said as for any conversation that is gone."""

    def gone(sha256: str) -> bytes:
        raise KeyError(sha256)

    with FaultServer(Script()) as server:
        provider = Provider("work", "Work", server.base_url)
        transcriptions = Transcriptions(
            Transcriber(provider, "seer"),
            store,
            open_client=ChatClient,
            variants=PictureVariants(load_content=gone, prepare=prepare_image),
        )
        with pytest.raises(ConversationNotFound):
            transcriptions.read([ONE])
