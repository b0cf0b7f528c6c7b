"""Asking without a page: real store, real saver, real client, an endpoint that streams."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from augenblick.chat.ask import Answering
from augenblick.chat.continuation import Continuation, settings_to_continue
from augenblick.chat.live import LiveReply, StoredReply
from augenblick.chat.reply_queue import Limits, Turn
from augenblick.chat.saver import Saver
from augenblick.chat.script import ask_about
from augenblick.core.conversations import Conversation, ReplyRecord
from augenblick.core.errors import SettingsInvalid, StoreUnavailable
from augenblick.core.language import language
from augenblick.core.messages import ImagePart, Message, PreparedPicture, ReplyEnd, Role, TextPart
from augenblick.core.providers import ApiKey, Provider
from augenblick.core.settings import RequestSettings
from augenblick.endpoint import round_trip
from augenblick.endpoint.client import ChatClient
from augenblick.endpoint.payload import DataUris
from augenblick.endpoint.trace import Trace, read_trace
from augenblick.exchange.exporting import write_html, write_markdown
from augenblick.lab.form_fields import FieldKind, Form, FormField
from augenblick.lab.schemas import response_format_of
from augenblick.pictures import prepare_image
from augenblick.pictures.variants import PictureVariants
from augenblick.store import Store
from augenblick.store.store_values import NewQuestion, OpenedReply, ReplyDelta, StoreOutage
from tests.browser.playing import Script, photo
from tests.faults.server import Ending, FaultServer, Framing, Received, Step, framed
from tests.raising import raises
from tests.settings_table import RIGHT, WRONG

SETTINGS = RequestSettings("gpt-4o")


def reply_of(store: Store, opened: OpenedReply) -> ReplyRecord:
    """What the store holds of a reply."""
    nodes = store.load_conversation(opened.conversation_id).nodes
    (record,) = (node.reply for node in nodes if node.id == opened.reply_id)
    assert record is not None
    return record


@dataclass
class Desk:
    """Everything a question needs, on one table."""

    answering: Answering
    store: Store
    saver: Saver
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
        settings: RequestSettings = SETTINGS,
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
        return self.answering.ask(question, provider=self.provider, settings=settings)

    def go_on(self, opened: OpenedReply, settings: RequestSettings = SETTINGS) -> OpenedReply:
        """Have an answer written on as the page does."""
        record = reply_of(self.store, opened)
        return self.answering.ask_again(
            opened.conversation_id,
            opened.question_id,
            owner="somebody",
            submission_id="further",
            provider=self.provider,
            settings=settings_to_continue(record, settings),
            continuation=Continuation.of_text(record, "Go on."),
        )

    def find(self, opened: OpenedReply) -> LiveReply | StoredReply:
        """Find a reply as the page of whoever asked does."""
        return self.answering.find(opened.conversation_id, opened.reply_id, owner="somebody")

    def follow(self, opened: OpenedReply, *, position: int = 0) -> tuple[str, ReplyRecord]:
        """Read a reply to its end."""
        found = self.find(opened)
        text = ""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            progress = found.follow(position, timeout_seconds=0.2)
            position = progress.position
            text += "".join(piece.text for piece in progress.pieces if piece.channel == "text")
            if progress.record is not None:
                return text, progress.record
        raise AssertionError("the reply did not end")


def _answering(store: Store, saver: Saver, *, limits: Limits | None = None) -> Answering:
    return Answering(
        store=store,
        saver=saver,
        open_client=ChatClient,
        variants=PictureVariants(load_content=store.load_content, prepare=prepare_image),
        prepare=prepare_image,
        limits=limits,
    )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A fresh store, saver, client and endpoint."""
    script = Script()
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    saver = Saver(store)
    with FaultServer(script) as server:
        answering = _answering(store, saver)
        provider = Provider("test", "Test", server.base_url, ApiKey("k"))
        yield Desk(answering, store, saver, script, server, provider)
        answering.close()
        saver.close()
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


@pytest.mark.parametrize(("chosen", "body"), RIGHT)
def test_what_was_chosen_is_what_arrives(
    desk: Desk, chosen: dict[str, Any], body: dict[str, Any]
) -> None:
    """Every chosen field stands in the request as it is, and no other one does."""
    desk.follow(desk.ask(settings=RequestSettings("gpt-4o", **chosen)))

    arrived = json.loads(desk.script.asked[-1].body)
    messages = arrived.pop("messages")
    assert json.dumps(arrived, sort_keys=True) == json.dumps(
        {"model": "gpt-4o", **body}, sort_keys=True
    )
    assert messages[-1] == {"role": "user", "content": "What is this?"}
    is_free_json = chosen.get("response_format") == {"type": "json_object"}
    assert len(messages) == 1 + is_free_json  # which endpoints refuse where nobody speaks of JSON


def test_a_system_message_comes_first_and_unchanged(desk: Desk) -> None:
    """It is a message of its own, before the conversation."""
    system = "  Be brief.\n\nÄ "

    desk.follow(desk.ask(settings=replace(SETTINGS, system=system)))

    sent = json.loads(desk.script.asked[-1].body)["messages"]
    assert sent[0] == {"role": "system", "content": system}
    assert [message["role"] for message in sent] == ["system", "user"]


@pytest.mark.parametrize(("chosen", "path"), WRONG)
def test_what_cannot_be_sent_is_refused_before_anything_is_saved(
    desk: Desk, chosen: dict[str, Any], path: str
) -> None:
    """The error names the field; no conversation begins and no request goes out."""
    with pytest.raises(SettingsInvalid) as caught:
        desk.ask(settings=RequestSettings(**{"model": "gpt-4o", **chosen}))

    assert caught.value.params["field"] == path
    assert desk.store.list_conversations("somebody") == []
    assert desk.server.received == []


@pytest.mark.parametrize(("model", "extra"), [("", {}), (" ", {}), ("m", {"model": ""})])
def test_no_question_goes_out_without_a_model(
    desk: Desk, model: str, extra: dict[str, Any]
) -> None:
    """Nothing is saved or sent, so the page gives the question back; a script is told as well."""
    with raises("model_missing"):
        desk.ask(settings=RequestSettings(model, extra=extra))
    with raises("model_missing"):
        list(ask_about("What is it?", [], base_url=desk.server.base_url, model=" \u200b"))

    assert desk.store.list_conversations("somebody") == []
    assert desk.server.received == []


def test_an_answer_is_not_asked_for_again_with_what_cannot_be_sent(desk: Desk) -> None:
    """Neither again nor to be written on; the conversation stays as it is."""
    opened = desk.ask()
    desk.follow(opened)
    wrong = replace(SETTINGS, temperature=3)
    question = (opened.conversation_id, opened.question_id)

    with pytest.raises(SettingsInvalid):
        desk.answering.ask_again(
            *question, owner="somebody", submission_id="2", provider=desk.provider, settings=wrong
        )
    with pytest.raises(SettingsInvalid):
        desk.go_on(opened, wrong)

    assert len(desk.store.load_conversation(opened.conversation_id).nodes) == 2
    assert len(desk.script.asked) == 1


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

    with raises("reply_in_progress"):
        desk.ask("And?", submission_id="two", after=opened)
    found = desk.find(opened)
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
    late, _ = desk.follow(opened, position=20)
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
        desk.store,
        conversation_id=opened.conversation_id,
        reply_id=opened.reply_id,
        owner="somebody",
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


_FORM = response_format_of(Form((FormField("total", FieldKind.NUMBER),)))


def test_two_questions_in_a_row_are_one_where_turns_must_alternate(desk: Desk) -> None:
    """After an empty answer the endpoint is asked in turns, which is said and remembered."""
    refused = json.dumps(
        {
            "error": {
                "message": "Conversation roles must alternate user/assistant/user/assistant/..."
            }
        }
    ).encode()
    asked: list[list[str]] = []

    def answer(received: Received) -> Iterable[Step]:
        roles = [message["role"] for message in json.loads(received.body)["messages"]]
        asked.append(roles)
        if any(one == other for one, other in pairwise(roles)):
            return desk.script.refuse(refused)
        return desk.script(received)

    words, desk.script.words = desk.script.words, ()
    desk.server._answer = answer
    empty = desk.ask("What is this?")
    desk.follow(empty)
    desk.script.words = words
    second = desk.ask("And that?", submission_id="two", after=empty)
    text, record = desk.follow(second)
    third = desk.ask("And now?", submission_id="three", after=second)
    _, later = desk.follow(third)

    assert text == desk.script.text
    assert [each.code for each in record.adjustments] == ["joined_turns"]
    assert [each.code for each in later.adjustments] == ["joined_turns"]
    assert asked == [["user"], ["user", "user"], ["user"], ["user", "assistant", "user"]]
    said = json.loads(desk.script.asked[1].body)["messages"][0]["content"]
    assert said == "What is this?\n\nAnd that?"


def test_what_could_not_be_read_is_said(desk: Desk) -> None:
    """A part of the answer that is no text and no picture leaves a sentence, not a gap."""
    part = {"choices": [{"delta": {"content": [{"type": "audio", "audio": {}}]}}]}

    def answer(received: Received) -> Iterable[Step]:
        block = b"data: %s\n\n" % json.dumps(part).encode()
        ends = b'data: {"choices":[{"delta":{"content":"Ja"},"finish_reason":"stop"}]}\n\n'
        return framed([block, ends], Framing.CHUNKED)

    desk.server._answer = answer
    text, record = desk.follow(desk.ask())
    assert text == "Ja"
    assert [(each.code, each.params) for each in record.adjustments] == [
        ("unread_part", {"kind": "audio", "count": 1})
    ]


def test_a_picture_in_an_answer_is_kept_with_it(desk: Desk, tmp_path: Path) -> None:
    """Prepared like an upload, there after a reload and in every export; else a sentence."""
    encoded = base64.b64encode(photo(tmp_path, "a.jpg").read_bytes()).decode()
    good = f"data:image/png;base64,{encoded}"
    bad = ("https://example.org/a.png", "data:image/png;base64,QUJD")
    images = [{"type": "image_url", "image_url": {"url": url}} for url in (good, *bad)]
    chunk = {"choices": [{"delta": {"content": "", "images": images}, "finish_reason": "stop"}]}

    def answer(received: Received) -> Iterable[Step]:
        desk.script.asked.append(received)
        return framed([b"data: %s\n\n" % json.dumps(chunk).encode()], Framing.CHUNKED)

    desk.server._answer = answer
    opened = desk.ask()
    _, record = desk.follow(opened)
    assert record.end is ReplyEnd.COMPLETE
    assert [each.code for each in record.adjustments] == ["unshown_pictures"]
    assert record.adjustments[0].params == {"count": 2}

    conversation = desk.store.load_conversation(opened.conversation_id)
    kept = conversation.nodes[-1].reply
    assert kept is not None
    assert kept.pictures == record.pictures
    (part,) = kept.pictures
    load = desk.store.load_content
    assert load(part.attachment.sha256)[:2] in {b"\xff\xd8", b"\x89P"}

    page, archive = io.BytesIO(), io.BytesIO()
    write_html(conversation, page, language=language("en"), load_content=load)
    assert page.getvalue().count(b"<img") == 1
    write_markdown(conversation, archive, language=language("en"), load_content=load)
    (name, _) = zipfile.ZipFile(archive).namelist()
    assert name.startswith("pictures/")


def test_a_form_is_sent_as_it_was_chosen_and_kept_with_the_answer(desk: Desk) -> None:
    """What was not chosen is not sent at all."""
    _, plain = desk.follow(opened := desk.ask())
    asked = replace(SETTINGS, response_format=_FORM)
    _, record = desk.follow(desk.ask(submission_id="two", after=opened, settings=asked))

    assert plain.settings is not None
    assert plain.settings.response_format is None
    assert record.settings is not None
    assert record.settings.response_format == _FORM
    first, second = (json.loads(received.body) for received in desk.script.asked)
    assert "response_format" not in first
    assert second["response_format"] == _FORM
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]


def test_a_refused_form_steps_down_once_and_is_remembered(desk: Desk) -> None:
    """Three requests for the first answer, one for the second, with a sentence each."""
    refused = b'{"error": {"message": "This response_format type is unavailable now"}}'
    play = desk.server._answer
    sent: list[dict[str, Any]] = []

    def refuse(received: object) -> object:
        sent.append(json.loads(received.body))  # type: ignore[attr-defined] # a Received
        if "response_format" in sent[-1]:
            return desk.script.refuse(refused)
        return play(received)  # type: ignore[arg-type] # handed on as it came

    desk.server._answer = refuse  # type: ignore[assignment] # the same shape
    asked = replace(SETTINGS, response_format=_FORM)
    _, first = desk.follow(opened := desk.ask(settings=asked))
    _, second = desk.follow(desk.ask(submission_id="two", after=opened, settings=asked))

    kinds = [request.get("response_format", {}).get("type") for request in sent]
    assert kinds == ["json_schema", "json_object", None, None]
    assert all('"total"' in request["messages"][0]["content"] for request in sent[1:])
    codes = [[each.code for each in record.adjustments] for record in (first, second)]
    assert codes == [["json_object_instead", "form_in_words"], ["form_in_words"]]
    for record in (first, second):
        assert record.settings is not None
        assert record.settings.response_format == _FORM


def test_a_form_that_was_cut_is_written_on_as_text(desk: Desk) -> None:
    """With the schema the model would have to begin anew; the answer stays a form all the same."""
    desk.script.words, desk.script.finish_reason = ('{"total": 2',), "length"
    opened = desk.ask(settings=replace(SETTINGS, response_format=_FORM))
    desk.follow(opened)
    desk.script.words, desk.script.finish_reason = ("2.24}",), "stop"
    text, record = desk.follow(desk.go_on(opened))

    assert text == '{"total": 22.24}'
    assert "response_format" not in json.loads(desk.script.asked[-1].body)
    assert record.settings is not None
    assert record.settings.response_format == _FORM


def test_an_unfinished_answer_is_written_on(desk: Desk) -> None:
    """The new answer begins with the old one and asks for the rest."""
    desk.script.words, desk.script.finish_reason = ("Half",), "length"
    opened = desk.ask()
    desk.follow(opened)
    desk.script.words, desk.script.finish_reason = (" and half.",), "stop"

    text, record = desk.follow(desk.go_on(opened))

    assert text == "Half and half."
    assert record.picked.text == "Half and half."
    assert json.loads(desk.script.asked[-1].body)["messages"][-1]["content"] == "Go on."


def test_closing_keeps_the_text_of_open_replies(desk: Desk) -> None:
    """A server that is ended marks what it was writing as interrupted."""
    desk.script.words = [f"{number} " for number in range(200)]
    desk.script.pause_seconds = 0.05
    opened = desk.ask()
    found = desk.find(opened)
    while not found.follow(6, timeout_seconds=1).pieces:
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


class _Shaky(Store):
    """A store that can't be read for the next so many times."""

    failures = 0

    def load_conversation(self, conversation_id: str, *, owner: str | None = None) -> Conversation:
        """As the store does, or not at all."""
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable(reason=StoreOutage.UNREACHABLE)
        return super().load_conversation(conversation_id, owner=owner)


def test_an_accepted_question_waits_for_the_store_to_come_back(tmp_path: Path) -> None:
    """A store that is away for a moment after the question was saved delays it, and no more."""
    script = Script()
    store = _Shaky(f"sqlite:///{tmp_path / 'a.db'}")
    with FaultServer(script) as server, closing(store), Saver(store) as saver:
        answering = _answering(store, saver)
        desk = Desk(
            answering, store, saver, script, server, Provider("t", "T", server.base_url, ApiKey())
        )
        store.failures = 3

        text, record = desk.follow(desk.ask())

        answering.close()
    assert text == script.text
    assert record.end is ReplyEnd.COMPLETE
    assert len(script.asked) == 1


def test_a_question_waits_for_its_turn_and_can_be_stopped_there(desk: Desk) -> None:
    """Its page hears how many come before; stopped, it ends without having been sent."""
    desk.answering = _answering(desk.store, desk.saver, limits=Limits(total=1))
    desk.script.first_pause_seconds = 60
    first = desk.ask("First?")
    second = desk.ask("Second?", submission_id="two")
    third = desk.ask("Third?", submission_id="three")
    waiting = desk.find(third)
    assert waiting.follow(timeout_seconds=0).turn == Turn(1, is_own=False)

    desk.find(second).stop()
    _, record = desk.follow(second)

    assert record.end is ReplyEnd.STOPPED
    assert waiting.follow(timeout_seconds=0).turn == Turn(0, is_own=False)
    desk.script.first_pause_seconds = 0
    desk.find(first).stop()
    text, _ = desk.follow(third)
    assert text == desk.script.text
    assert waiting.follow(timeout_seconds=0).turn is None
    assert not any(b"Second?" in asked.body for asked in desk.script.asked)
    desk.answering.close()


def test_no_further_question_waits_for_ever(desk: Desk) -> None:
    """Beyond what one person may have waiting, nothing is saved; afterwards it can be asked."""
    limits = Limits(total=1, per_person=1, waiting_per_person=1)
    desk.answering = _answering(desk.store, desk.saver, limits=limits)
    desk.script.first_pause_seconds = 60
    first = desk.ask("First?")
    second = desk.ask("Second?", submission_id="two")
    with raises("too_many_asked"):
        desk.ask("Third?", submission_id="three")
    listed = [one.id for one in desk.store.list_conversations("somebody", limit=9)]

    assert sorted(listed) == sorted([first.conversation_id, second.conversation_id])
    desk.script.first_pause_seconds = 0
    desk.find(first).stop()
    desk.follow(second)
    text, _ = desk.follow(desk.ask("Third?", submission_id="three"))
    assert text == desk.script.text
    desk.answering.close()


def test_closing_ends_those_that_wait_as_well(desk: Desk) -> None:
    """Nothing stays open that never began, and nothing more is sent."""
    desk.answering = _answering(desk.store, desk.saver, limits=Limits(total=1))
    desk.script.first_pause_seconds = 60
    opened = [desk.ask(f"q{number}?", submission_id=f"{number}") for number in range(5)]

    desk.answering.close()

    assert {desk.follow(one)[1].end for one in opened} == {ReplyEnd.INTERRUPTED}
    assert len(desk.script.asked) <= 1


def test_a_reply_is_stopped_from_another_process(desk: Desk) -> None:
    """Whoever follows through the store can stop as well; what came is kept."""
    desk.script.words, desk.script.pause_seconds = [f"{n} " for n in range(1000)], 0.05
    opened = desk.ask()
    elsewhere_saver = Saver(desk.store)
    other = _answering(desk.store, elsewhere_saver)
    elsewhere = other.find(opened.conversation_id, opened.reply_id, owner="somebody")
    assert isinstance(elsewhere, StoredReply)
    while not elsewhere.follow(timeout_seconds=1).pieces[0].text:
        pass

    elsewhere.stop()
    text, record = desk.follow(opened)

    assert record.end is ReplyEnd.STOPPED
    assert text.startswith("0 1 ")
    other.close()
    elsewhere_saver.close()


def test_stop_reaches_a_worker_that_waits_for_room(tmp_path: Path) -> None:
    """While the store is away and memory is used up, stop ends the reply with all of its text."""
    script = Script(words=[f"{number} " for number in range(5000)], pause_seconds=0.001)
    store = _Unwritable(f"sqlite:///{tmp_path / 'a.db'}")
    with (
        FaultServer(script) as server,
        closing(store),
        Saver(store, max_waiting_characters=500) as saver,
    ):
        answering = _answering(store, saver)
        desk = Desk(
            answering, store, saver, script, server, Provider("t", "T", server.base_url, ApiKey())
        )
        store.is_away = True
        opened = desk.ask()
        while not saver.outage or not _holds_somebody_up(saver):
            desk.find(opened).follow(timeout_seconds=0.05)

        desk.find(opened).stop()
        text, record = desk.follow(opened)
        store.is_away = False
        answering.close()
    assert record.end is ReplyEnd.STOPPED
    assert record.picked.text.startswith(text)


def test_a_question_that_could_not_be_sent_is_said_to_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the store stays away after saving, the failure is its own and asking again works."""
    monkeypatch.setattr("augenblick.chat.saver._OUTAGE_SECONDS", 0.5)
    script = Script()
    store = _Shaky(f"sqlite:///{tmp_path / 'a.db'}")
    with FaultServer(script) as server, closing(store), Saver(store) as saver:
        answering = _answering(store, saver)
        desk = Desk(
            answering, store, saver, script, server, Provider("t", "T", server.base_url, ApiKey())
        )
        store.failures = 1000
        opened = desk.ask()
        _, record = desk.follow(opened)
        store.failures = 0
        again = answering.ask_again(
            opened.conversation_id,
            opened.question_id,
            owner="somebody",
            submission_id="again",
            provider=desk.provider,
            settings=SETTINGS,
        )
        text, _ = desk.follow(again)
        answering.close()
    assert record.failure is not None
    assert record.failure.code == "question_not_sent"
    assert text == script.text


def _holds_somebody_up(saver: Saver) -> bool:
    return bool(saver._has_room._waiters)  # type: ignore[attr-defined]


class _Unwritable(Store):
    """A store whose deltas can't be written for a while."""

    is_away = False

    def append(self, deltas: Sequence[ReplyDelta], *, batch: int | None = None) -> None:
        """As the store does, or not at all."""
        if self.is_away:
            raise StoreUnavailable(reason=StoreOutage.FULL)
        super().append(deltas, batch=batch)


def _trace(desk: Desk, opened: OpenedReply) -> Trace:
    """What was kept of the wire, once the worker has kept it."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        kept = desk.store.load_trace(opened.reply_id, owner="somebody")
        if kept is not None:
            return read_trace(kept)
        time.sleep(0.01)
    raise AssertionError("no trace was kept")


def test_every_reply_leaves_its_trace(desk: Desk, tmp_path: Path) -> None:
    """The request byte for byte with its picture folded, and every event; no key."""
    picture = prepare_image(photo(tmp_path, "a.jpg").read_bytes(), name="a.jpg")
    opened = desk.ask(pictures=(picture,))
    desk.follow(opened)

    (exchange,) = _trace(desk, opened).exchanges

    assert exchange.request.pictures[0].sha256 == picture.attachment.sha256
    uri = DataUris(desk.store.load_content)(picture.attachment)
    assert exchange.request.unfold(lambda _: uri) == desk.script.asked[0].body
    said = [json.loads(each.data) for each in exchange.events[:-1]]
    text = "".join(each["choices"][0]["delta"].get("content", "") for each in said)
    assert text == desk.script.text
    assert exchange.end == "done"


def test_the_last_text_does_not_wait_for_a_response_that_stays_open(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `[DONE]` a connection is read on so that it can be used again; nobody waits for it."""
    monkeypatch.setattr(round_trip, "_DRAIN_SECONDS", 30)
    pieces = desk.script._pieces([0])
    answer = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    desk.server._answer = lambda _: framed([answer], Framing.CHUNKED, ending=Ending.HOLD)
    opened = desk.ask()

    progress = desk.find(opened).follow(timeout_seconds=30)

    assert "".join(piece.text for piece in progress.pieces) == desk.script.text
    assert progress.record is None
    desk.find(opened).stop()
    assert desk.follow(opened)[1].end is ReplyEnd.COMPLETE


def test_a_changed_request_shows_both_exchanges(desk: Desk) -> None:
    """What was refused, in which words, and what was sent instead."""
    refused = iter([True])
    play = desk.server._answer

    def answer(received: Received) -> Iterable[Step]:
        steps = play(received)
        if next(refused, False):
            error = {"message": "Unrecognized request argument supplied: stream_options"}
            return desk.script.refuse(json.dumps({"error": error}).encode())
        return steps

    desk.server._answer = answer
    opened = desk.ask()
    _, record = desk.follow(opened)

    first, second = _trace(desk, opened).exchanges
    assert record.adjustments
    assert (first.status, second.status) == (400, 200)
    assert first.end == "unknown_field"
    assert b"stream_options" in first.content
    bodies = [each.request.unfold(lambda _: "") for each in (first, second)]
    assert bodies == [received.body for received in desk.script.asked]
    assert b"stream_options" in bodies[0]
    assert b"stream_options" not in bodies[1]


def test_a_stopped_reply_leaves_its_trace(desk: Desk) -> None:
    """With what had come until then."""
    desk.script.words, desk.script.pause_seconds = ("One ", "two ", "three"), 0.3
    opened = desk.ask()
    found = desk.find(opened)
    while not found.follow(timeout_seconds=0.2).position:
        pass
    found.stop()
    _, record = desk.follow(opened)

    (exchange,) = _trace(desk, opened).exchanges
    assert record.end is ReplyEnd.STOPPED
    assert exchange.end == "cancelled"
    assert any("One " in each.data for each in exchange.events)


def test_a_trace_that_cannot_be_kept_harms_nothing(tmp_path: Path) -> None:
    """The answer ends as ever, and the next one as well."""
    script = Script()
    store = _Traceless(f"sqlite:///{tmp_path / 'a.db'}")
    with FaultServer(script) as server, closing(store), Saver(store) as saver:
        answering = _answering(store, saver, limits=Limits(1, 1))
        provider = Provider("t", "T", server.base_url, ApiKey())
        desk = Desk(answering, store, saver, script, server, provider)
        for number in range(2):
            text, record = desk.follow(desk.ask(submission_id=str(number)))
            assert text == script.text
            assert record.end is ReplyEnd.COMPLETE
        answering.close()
    assert store.tried == 2


class _Traceless(Store):
    """A store that takes no trace."""

    tried = 0

    def save_trace(self, reply_id: str, content: bytes) -> None:
        """Not at all."""
        assert reply_id
        assert content
        self.tried += 1
        raise StoreUnavailable(reason=StoreOutage.FULL)
