"""Asking without a page: real store, real log, real client, an endpoint that streams."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from augenblick.answering import Answering, ask_about
from augenblick.client import ChatClient
from augenblick.conversations import Conversation, ReplyRecord
from augenblick.errors import ReplyInProgress, StoreUnavailable
from augenblick.following import LiveReply, StoredReply
from augenblick.images import prepare_image
from augenblick.messages import ImagePart, Message, PreparedPicture, ReplyEnd, Role, TextPart
from augenblick.payload import DataUris, RequestSettings
from augenblick.providers import ApiKey, Provider
from augenblick.reply_log import ReplyLog
from augenblick.sql_store import SqlStore
from augenblick.store import NewQuestion, OpenedReply, Trouble
from tests.browser.playing import Script, photo
from tests.faults.server import FaultServer

SETTINGS = RequestSettings("gpt-4o")


@dataclass
class Desk:
    """Everything a question needs, on one table."""

    answering: Answering
    store: SqlStore
    script: Script
    server: FaultServer
    provider: Provider

    def ask(
        self,
        text: str = "What is this?",
        *,
        submission_id: str = "one",
        pictures: tuple[PreparedPicture, ...] = (),
        after: OpenedReply | None = None,
    ) -> OpenedReply:
        """Ask as the page does."""
        images = (ImagePart(picture.attachment) for picture in pictures)
        question = NewQuestion(
            submission_id=submission_id,
            owner="somebody",
            conversation_id=after.conversation_id if after else None,
            parent_id=after.reply_id if after else None,
            message=Message(Role.USER, (*images, TextPart(text))),
            pictures=pictures,
            provider=self.provider.name,
            model=SETTINGS.model,
        )
        return self.answering.ask(question, provider=self.provider, settings=SETTINGS)

    def follow(self, opened: OpenedReply, *, position: int = 0) -> tuple[str, ReplyRecord]:
        """Read a reply to its end."""
        found = self.answering.find(opened.conversation_id, opened.reply_id)
        text = ""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            progress = found.follow(position, timeout_seconds=0.2)
            position = progress.position
            text += "".join(piece.text for piece in progress.pieces if piece.lane == "text")
            if progress.record is not None:
                return text, progress.record
        raise AssertionError("the reply did not end")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A fresh store, log, client and endpoint."""
    script = Script()
    store = SqlStore(f"sqlite:///{tmp_path / 'a.db'}")
    log = ReplyLog(store)
    with FaultServer(script) as server:
        answering = Answering(
            store=store,
            log=log,
            open_client=ChatClient,
            data_uri=DataUris(store.load_content),
            shrink=lambda attachment, _: attachment,
            to_jpeg=lambda attachment: attachment,
        )
        provider = Provider("test", "Test", server.base_url, ApiKey("k"))
        yield Desk(answering, store, script, server, provider)
        answering.close()
        log.close()
        store.close()


def test_a_question_is_saved_sent_and_answered(desk: Desk, tmp_path: Path) -> None:
    """What is followed, what came and what is stored are the same text."""
    picture = prepare_image(photo(tmp_path, "a.jpg").read_bytes(), name="a.jpg")

    opened = desk.ask(pictures=(picture,))
    text, record = desk.follow(opened)

    assert text == desk.script.text
    assert record.end is ReplyEnd.COMPLETE
    stored = desk.store.load_conversation(opened.conversation_id)
    assert [node.message.role for node in stored.path()] == [Role.USER, Role.ASSISTANT]
    assert stored.path()[1].reply == record
    assert desk.store.load_content(picture.attachment.sha256) == picture.content


def test_the_question_is_durable_before_the_endpoint_hears_of_it(desk: Desk) -> None:
    """When the request arrives, question and open reply stand in the store already."""
    seen: list[int] = []
    play = desk.server._answer

    def look(received: object) -> object:
        seen.append(len(desk.store.list_conversations("somebody")))
        return play(received)  # type: ignore[arg-type] # handed on as it came

    desk.server._answer = look  # type: ignore[assignment] # the same shape
    desk.follow(desk.ask())

    assert seen == [1]


def test_the_same_submission_asks_once(desk: Desk) -> None:
    """From fifty threads at a time, one request goes out."""
    opened: list[OpenedReply] = []
    threads = [threading.Thread(target=lambda: opened.append(desk.ask())) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.follow(opened[0])

    assert len({one.reply_id for one in opened}) == 1
    assert len(desk.script.asked) == 1


def test_a_conversation_is_answered_one_question_at_a_time(desk: Desk) -> None:
    """Another question while an answer is being written is refused, and nothing is sent."""
    desk.script.first_pause_seconds = 20
    opened = desk.ask()

    with pytest.raises(ReplyInProgress):
        desk.ask("And?", submission_id="two", after=opened)
    found = desk.answering.find(opened.conversation_id, opened.reply_id)
    assert isinstance(found, LiveReply)
    found.stop()
    _, record = desk.follow(opened)

    assert record.end is ReplyEnd.STOPPED
    assert not any(b"And?" in asked.body for asked in desk.script.asked)


def test_any_number_of_followers_from_any_position(desk: Desk) -> None:
    """Each reads its part of the same text."""
    desk.script.words = [f"{number} " for number in range(60)]
    desk.script.pause_seconds = 0.01
    opened = desk.ask()
    whole: list[str] = []
    threads = [
        threading.Thread(target=lambda: whole.append(desk.follow(opened)[0])) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    late, _ = desk.follow(opened, position=10)
    for thread in threads:
        thread.join()

    assert set(whole) == {desk.script.text}
    assert desk.script.text.endswith(late)
    assert late.startswith("10 ")


def test_an_ended_reply_is_followed_through_the_store(desk: Desk) -> None:
    """Who comes late, or to another process, reads what is written."""
    opened = desk.ask()
    desk.follow(opened)
    other = StoredReply(
        desk.store, conversation_id=opened.conversation_id, reply_id=opened.reply_id
    )

    progress = other.follow(0, timeout_seconds=1)

    assert "".join(piece.text for piece in progress.pieces) == desk.script.text
    assert progress.record is not None
    assert progress.record.end is ReplyEnd.COMPLETE


def test_what_was_learnt_is_remembered(desk: Desk) -> None:
    """A refused field is left out once more, said in words, and left out at once next time."""
    refused = json.dumps(
        {"error": {"message": "Unrecognized request argument supplied: stream_options"}}
    ).encode()
    play = desk.server._answer

    def refuse(received: object) -> object:
        body = json.loads(received.body)  # type: ignore[attr-defined] # a Received
        if "stream_options" in body:
            return desk.script.refuse(refused)
        return play(received)  # type: ignore[arg-type] # handed on as it came

    desk.server._answer = refuse  # type: ignore[assignment] # the same shape
    opened = desk.ask()
    text, record = desk.follow(opened)
    _, second = desk.follow(desk.ask("And?", submission_id="two", after=opened))

    assert text == desk.script.text
    assert [adjustment.code for adjustment in record.adjustments] == ["dropped_field"]
    assert second.end is ReplyEnd.COMPLETE
    assert len(desk.server.received) == 3


def test_an_unfinished_answer_is_written_on(desk: Desk) -> None:
    """The new answer begins with the old one and asks for the rest."""
    desk.script.words, desk.script.finish_reason = ("Half",), "length"
    opened = desk.ask()
    desk.follow(opened)
    desk.script.words, desk.script.finish_reason = (" and half.",), "stop"

    further = desk.answering.continue_answer(
        opened.conversation_id,
        opened.reply_id,
        submission_id="further",
        provider=desk.provider,
        settings=SETTINGS,
        instruction="Go on.",
    )
    text, record = desk.follow(further)

    assert text == "Half and half."
    assert record.picked.text == "Half and half."
    assert json.loads(desk.script.asked[-1].body)["messages"][-1]["content"] == "Go on."


def test_closing_keeps_the_text_of_open_replies(desk: Desk) -> None:
    """A server that is ended marks what it was writing as interrupted."""
    desk.script.words = [f"{number} " for number in range(200)]
    desk.script.pause_seconds = 0.05
    opened = desk.ask()
    found = desk.answering.find(opened.conversation_id, opened.reply_id)
    while not found.follow(3, timeout_seconds=1).pieces:
        pass

    desk.answering.close()
    text, record = desk.follow(opened)

    assert record.end is ReplyEnd.INTERRUPTED
    assert text.startswith("0 1 2 3 ")
    assert record.picked.text == text


def test_six_lines_of_a_script_ask_about_a_picture(desk: Desk, tmp_path: Path) -> None:
    """The core works without page and store."""
    answer = ask_about(
        "What is this?",
        [photo(tmp_path, "a.jpg")],
        base_url=desk.server.base_url,
        model="gpt-4o",
    )

    assert "".join(answer) == desk.script.text


class _Shaky(SqlStore):
    """A store that can't be read for the next so many times."""

    failures = 0

    def load_conversation(self, conversation_id: str) -> Conversation:
        """As the store does, or not at all."""
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable(reason=Trouble.UNREACHABLE)
        return super().load_conversation(conversation_id)


def test_an_accepted_question_waits_for_the_store_to_come_back(tmp_path: Path) -> None:
    """A store that is away for a moment after the question was saved delays it, and no more."""
    script = Script()
    store = _Shaky(f"sqlite:///{tmp_path / 'a.db'}")
    with FaultServer(script) as server, closing(store), ReplyLog(store) as log:
        answering = Answering(
            store=store,
            log=log,
            open_client=ChatClient,
            data_uri=DataUris(store.load_content),
            shrink=lambda attachment, _: attachment,
            to_jpeg=lambda attachment: attachment,
        )
        desk = Desk(answering, store, script, server, Provider("t", "T", server.base_url, ApiKey()))
        store.failures = 3

        text, record = desk.follow(desk.ask())

        answering.close()
    assert text == script.text
    assert record.end is ReplyEnd.COMPLETE
    assert len(script.asked) == 1
