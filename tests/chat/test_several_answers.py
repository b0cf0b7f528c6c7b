"""Several answers to one question: from one request, or from as many requests side by side."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from augenblick.chat.ask import Answering
from augenblick.chat.continuation import Continuation, settings_to_continue
from augenblick.chat.live import LiveReply, StoredReply
from augenblick.chat.parallel_requests import ParallelRequests, Part
from augenblick.chat.saver import Saver
from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import (
    Adjustment,
    ImagePart,
    Message,
    PreparedPicture,
    ReplyEnd,
    Role,
    TextPart,
    Usage,
)
from augenblick.core.providers import ApiKey, Provider
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.chunks import ChoiceDelta, Chunk
from augenblick.endpoint.client import ChatClient
from augenblick.endpoint.reply import Reply
from augenblick.lab.agreement import agreement
from augenblick.pictures import prepare_image
from augenblick.pictures.variants import PictureVariants
from augenblick.store import Store
from augenblick.store.store_values import NewQuestion, OpenedReply
from tests.browser.playing import photo
from tests.chat.test_ask import reply_of
from tests.faults.server import FaultServer, Framing, Received, Step, answered_json, framed
from tests.reader.conftest import start_reader, stop
from tests.several import REFUSED, Several

STREAMS = Path(__file__).parents[1] / "faults" / "streams"
PATIENCE_SECONDS = 90.0  # our own reader starts and reads meanwhile


class Desk:
    """A store and somebody who asks."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.store = Store(f"sqlite:///{folder / 'a.db'}")
        self._savers: list[Saver] = []
        self.answering = self.other_process()
        self.provider = Provider("test", "Test", base_url, ApiKey("k"))
        self.extra: dict[str, Any] = {}
        self._count = 0

    def other_process(self) -> Answering:
        """As another process with the same store has it."""
        self._savers.append(Saver(self.store))
        return Answering(
            store=self.store,
            saver=self._savers[-1],
            open_client=ChatClient,
            variants=PictureVariants(load_content=self.store.load_content, prepare=prepare_image),
            prepare=prepare_image,
        )

    def close(self) -> None:
        """End everything."""
        self.answering.close()
        for saver in self._savers:
            saver.close()
        self.store.close()

    def ask(
        self,
        n: int | None = 3,
        *,
        after: OpenedReply | None = None,
        model: str = "gpt-4o",
        pictures: tuple[PreparedPicture, ...] = (),
    ) -> OpenedReply:
        """Ask for so many answers."""
        self._count += 1
        images = (ImagePart(picture.attachment) for picture in pictures)
        question = NewQuestion(
            submission_id=str(self._count),
            owner="somebody",
            conversation_id=after.conversation_id if after else None,
            parent_id=after.reply_id if after else None,
            message=Message(Role.USER, (*images, TextPart("What does it say?"))),
            pictures=pictures,
            provider=self.provider.name,
            model=model,
        )
        settings = RequestSettings(model, n=n, extra=self.extra)
        return self.answering.ask(question, provider=self.provider, settings=settings)

    def find(self, opened: OpenedReply) -> LiveReply | StoredReply:
        """Find a reply as the page does."""
        return self.answering.find(opened.conversation_id, opened.reply_id, owner="somebody")

    def follow(self, opened: OpenedReply) -> tuple[list[str], ReplyRecord]:
        """Read all answers to their ends."""
        return read(self.find(opened))


def read(found: LiveReply | StoredReply) -> tuple[list[str], ReplyRecord]:
    """The text of every choice as its followers get it, and the end."""
    texts: dict[int, str] = {}
    position = 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        progress = found.follow(position, timeout_seconds=0.2)
        position = progress.position
        for piece in progress.pieces:
            texts[piece.choice_index] = texts.get(piece.choice_index, "") + piece.text
        if progress.record is not None:
            return [texts.get(at, "") for at in range(max(texts, default=-1) + 1)], progress.record
    raise AssertionError("the reply did not end")


@pytest.fixture
def script() -> Several:
    """An endpoint that gives as many answers as one asks for."""
    return Several(finish_reasons=("stop", "length", "content_filter"))


@pytest.fixture
def server(script: Several) -> Iterator[FaultServer]:
    """It, listening."""
    with FaultServer(script) as listening:
        yield listening


@pytest.fixture
def desk(server: FaultServer, tmp_path: Path) -> Iterator[Desk]:
    """Somebody who asks it."""
    opened = Desk(tmp_path, server.base_url)
    yield opened
    opened.close()


def _asked_for(script: Several) -> list[int | None]:
    """The `n` of each request; None where it was not sent."""
    return [body.get("n") for body in script.bodies]


@pytest.mark.parametrize("is_numbered_backwards", [False, True])
def test_all_answers_come_from_one_request(
    desk: Desk, script: Several, *, is_numbered_backwards: bool
) -> None:
    """Interleaved, one ending early, each with its own end: byte for byte, followed and stored."""
    script.is_numbered_backwards = is_numbered_backwards

    opened = desk.ask()
    texts, record = desk.follow(opened)

    assert _asked_for(script) == [3]
    assert texts == [script.text(0), script.text(1), script.text(2)]
    assert [choice.text for choice in record.choices] == texts
    reasons = [choice.finish_reason for choice in record.choices]
    assert reasons == ["stop", "length", "content_filter"]
    assert record.end is ReplyEnd.COMPLETE
    assert record.is_several
    assert not record.adjustments
    stored = desk.store.load_conversation(opened.conversation_id).path()[-1]
    assert stored.reply == record


def test_the_picked_answer_goes_on(desk: Desk, script: Several) -> None:
    """At first the first one; after a pick that one is what the next request says."""
    first = desk.ask()
    desk.follow(first)
    second = desk.ask(after=first)
    desk.follow(second)
    desk.store.pick_choice(second.reply_id, 1, owner="somebody")
    desk.follow(desk.ask(after=second))

    said = [[one["content"] for one in body["messages"]][1::2] for body in script.bodies]
    assert said == [[], [script.text(0)], [script.text(0), script.text(1)]]


def test_one_answer_is_asked_for_as_ever(desk: Desk, script: Several) -> None:
    """Without `n` nothing is sent of it, and a single answer is no several."""
    _, record = desk.follow(desk.ask(None))

    assert _asked_for(script) == [None]
    assert not record.is_several


def test_n_among_the_free_fields_counts_too(desk: Desk, script: Several) -> None:
    """They are merged last, so that is what the endpoint is asked for."""
    desk.extra = {"n": 2}
    texts, record = desk.follow(desk.ask(None))

    assert _asked_for(script) == [2]
    assert texts == [script.text(0), script.text(1)]
    assert record.is_several


@pytest.mark.parametrize(
    ("n", "extra", "expected"),
    [
        (None, {}, 1), (1, {}, 1), (3, {}, 3), (3, {"n": 2}, 2), (None, {"n": "many"}, 1),
        (2, {"n": None}, 1), (None, {"n": 10**9}, 128), (None, {"n": -1}, 1),
    ],
)  # fmt: skip
def test_how_many_answers_are_asked_for(
    n: int | None, extra: dict[str, Any], expected: int
) -> None:
    """Whatever stands in the free fields, it is a number that can be worked with."""
    assert RequestSettings("m", n=n, extra=extra).choice_count == expected


def _lines(*chunks: dict[str, Any]) -> bytes:
    return b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks)


def _choice(index: int, text: str | None = None, end: str | None = None) -> dict[str, Any]:
    delta = {} if text is None else {"content": text}
    return {"index": index, "delta": delta, "finish_reason": end}


VENDORS = {
    "crlf": (
        (STREAMS / "two_choices_crlf.sse").read_bytes(),
        ["Grün 🌿 und süß", "Öl, 油bild 👩‍👩‍👧."],
    ),
    "vllm": (  # a role for each, usage beside every chunk, the ends apart from the words
        _lines(
            {"choices": [{**_choice(0), "delta": {"role": "assistant", "content": ""}}]},
            {"choices": [{**_choice(1), "delta": {"role": "assistant", "content": ""}}]},
            {"choices": [_choice(0, "Ja")], "usage": {"prompt_tokens": 9, "completion_tokens": 1}},
            {"choices": [_choice(1, "Nein")]},
            {"choices": [_choice(1, "", "length")]},
            {"choices": [_choice(0, ", doch", "stop")]},
            {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}},
        )
        + b"data: [DONE]\n\n",
        ["Ja, doch", "Nein"],
    ),
    "gemini": (  # both in one event, the end with the last words, no [DONE]
        _lines(
            {"choices": [_choice(0, "Ja"), _choice(1, "Nein")]},
            {"choices": [_choice(0, ", doch", "stop"), _choice(1, ", nie", "stop")]},
        ),
        ["Ja, doch", "Nein, nie"],
    ),
    "one has no end": (  # it counts as ended by [DONE]
        _lines({"choices": [_choice(0, "Ja", "stop")]}, {"choices": [_choice(1, "Nein")]})
        + b"data: [DONE]\n\n",
        ["Ja", "Nein"],
    ),
    "others unasked": (  # numbers that nobody asked for are not believed
        _lines({"choices": [_choice(at, f"{at}", "stop") for at in (0, 1, 7)]})
        + b"data: [DONE]\n\n",
        ["0", "1"],
    ),
}


@pytest.mark.parametrize("name", VENDORS)
def test_every_vendors_shape_is_told_apart(tmp_path: Path, name: str) -> None:
    """One request, and each answer whole."""
    recorded, expected = VENDORS[name]
    with FaultServer(lambda _: framed([recorded], Framing.CHUNKED)) as server:
        desk = Desk(tmp_path, server.base_url)
        texts, record = desk.follow(desk.ask(2))
        desk.close()

    assert texts == expected
    assert [choice.text for choice in record.choices] == expected
    assert record.end is ReplyEnd.COMPLETE
    assert len(server.received) == 1


def test_answers_that_are_not_streamed_are_told_apart(tmp_path: Path) -> None:
    """A whole answer with several choices, from an endpoint that does not stream."""
    choices = [
        {"index": at, "message": {"content": text}, "finish_reason": "stop"}
        for at, text in enumerate(("Ja", "Nein"))
    ]
    with FaultServer(lambda _: answered_json({"choices": choices})) as server:
        desk = Desk(tmp_path, server.base_url)
        texts, _ = desk.follow(desk.ask(2))
        desk.close()

    assert texts == ["Ja", "Nein"]


def test_our_own_reader_gives_as_many_as_asked_for(tmp_path: Path) -> None:
    """All alike, for they follow from the picture."""
    running = start_reader("--pace-ms", "0")
    desk = Desk(tmp_path, f"{running.address}/v1")
    picture = prepare_image(photo(tmp_path, "a.jpg").read_bytes(), name="a.jpg")
    try:
        texts, record = desk.follow(desk.ask(model="augenblick-reader", pictures=(picture,)))
    finally:
        desk.close()
        stop(running)

    assert len(texts) == 3
    assert "42" in texts[0]
    assert agreement(texts).is_full
    assert [choice.finish_reason for choice in record.choices] == ["stop"] * 3


WORDINGS: list[dict[str, Any]] = [
    REFUSED,
    {"error": {"message": "n must be 1 when using greedy sampling, got 3.", "code": 400}},
    {"error": {"message": "Only one completion choice is allowed", "code": 400}},
    {"error": {"message": "Multiple candidates is not enabled for this model"}},
    {"error": {"message": "Unsupported parameter: 'n' is not supported.", "param": "n"}},
    {"detail": [{"type": "extra_forbidden", "loc": ["body", "n"], "msg": "Extra inputs are not "
                 "permitted", "input": 3}]},
]  # fmt: skip


@pytest.mark.parametrize("wording", range(len(WORDINGS)))
def test_where_n_is_refused_each_answer_is_asked_for(
    desk: Desk, script: Several, wording: int
) -> None:
    """The same by requests side by side; it is said, counted together, and known the next time."""
    script.most, script.refusal = 1, WORDINGS[wording]

    texts, record = desk.follow(desk.ask())

    assert _asked_for(script) == [3, None, None, None]
    assert sorted(texts) == sorted(script.text(at) for at in range(3))
    assert [choice.text for choice in record.choices] == texts
    assert record.adjustments == (Adjustment("asked_apart", {"wanted": 3, "count": 3}),)
    assert record.usage == Usage(30, 12, 42)
    assert record.end in {ReplyEnd.COMPLETE, ReplyEnd.LENGTH, ReplyEnd.CONTENT_FILTER}
    assert record.settings == RequestSettings("gpt-4o", n=3)
    assert record.timings.first_token_seconds is not None
    _, again = desk.follow(desk.ask())
    assert _asked_for(script)[4:] == [None, None, None]
    assert again.adjustments == record.adjustments


def test_a_number_that_is_too_large_says_nothing_about_smaller_ones(
    desk: Desk, script: Several
) -> None:
    """Five at once were refused; two are asked for at once all the same."""
    script.most, script.refusal = 2, REFUSED
    desk.follow(desk.ask(5))
    desk.follow(desk.ask(5))
    texts, record = desk.follow(desk.ask(2))

    assert _asked_for(script) == [5, *[None] * 10, 2]
    assert len(texts) == 2
    assert not record.adjustments


@pytest.mark.parametrize(("most", "requests"), [(1, 3), (2, 2)])
def test_where_n_is_ignored_the_missing_answers_are_asked_for(
    desk: Desk, script: Several, most: int, requests: int
) -> None:
    """What came is kept, the rest is asked for, and the next time all of them apart."""
    script.most = most

    texts, record = desk.follow(desk.ask())

    assert _asked_for(script) == [3, *[None] * (requests - 1)]
    assert texts[0] == script.text(0)
    assert sorted(texts) == sorted(script.text(at) for at in range(3))
    assert [choice.text for choice in record.choices] == texts
    assert record.adjustments == (Adjustment("asked_apart", {"wanted": 3, "count": requests}),)
    assert record.usage == Usage(10 * requests, 4 * requests, 14 * requests)
    desk.follow(desk.ask())
    assert _asked_for(script)[requests:] == [None] * 3


def test_an_answer_that_was_missing_between_others_takes_its_place() -> None:
    """An endpoint may leave out any of them."""

    def chunk(*said: tuple[int, str]) -> Chunk:
        return Chunk(choices=tuple(ChoiceDelta(*each, finish_reason="stop") for each in said))

    def ask(part: Part) -> None:
        part.fold(chunk((0, "b")), at_seconds=2)

    first = Reply(n=3)
    first.fold(chunk((0, "a"), (2, "c")), at_seconds=1)
    parallel = ParallelRequests(3, first=first)
    parallel.run(ask)

    assert [choice.text for choice in parallel.choices] == ["a", "b", "c"]
    assert parallel.close() is ReplyEnd.COMPLETE


def test_an_answer_that_broke_off_is_not_taken_for_an_ignored_n(
    desk: Desk, script: Several
) -> None:
    """Nobody knows what would have come; nothing more is asked for."""
    script.most = 1
    lines = _lines({"choices": [_choice(0, "Ja")]})
    with FaultServer(lambda _: framed([lines], Framing.CHUNKED)) as server:
        desk.provider = Provider("test", "Test", server.base_url, ApiKey("k"))
        _, record = desk.follow(desk.ask())

    assert record.end is ReplyEnd.CUT
    assert len(server.received) == 1


def test_four_are_asked_for_at_once(desk: Desk, script: Several) -> None:
    """Nine answers, four requests at a time, and each has its place."""
    script.answers = [[f"a{number} ", "b ", "c ", "d ", "e."] for number in range(9)]
    script.finish_reasons = ["stop"] * 9
    script.most, script.pause_seconds = 1, 0.02

    texts, record = desk.follow(desk.ask(9))

    assert sorted(texts) == sorted(script.text(at) for at in range(9))
    assert len(record.choices) == 9
    assert 1 < script.at_once <= 4


@pytest.mark.parametrize("most", [1, 128])
def test_stop_ends_all_of_them(desk: Desk, script: Several, server: FaultServer, most: int) -> None:
    """Every connection is closed, none is opened any more, and what came is kept."""
    script.answers = [[f"{letter}{number} " for number in range(2000)] for letter in "abcdef"]
    script.finish_reasons = ["stop"] * 6
    script.most, script.pause_seconds = most, 0.01
    script.refusal = REFUSED
    opened = desk.ask(6)
    live = desk.find(opened)
    begun: set[int] = set()
    position = 0
    while len(begun) < 4:
        progress = live.follow(position, timeout_seconds=PATIENCE_SECONDS)
        position = progress.position
        begun |= {piece.choice_index for piece in progress.pieces}

    live.stop()
    texts, record = read(live)

    assert record.end is ReplyEnd.STOPPED
    assert server.wait_until_left(within_seconds=PATIENCE_SECONDS)
    assert [choice.text for choice in record.choices][: len(texts)] == texts
    assert sum(bool(text) for text in texts) >= 4
    assert len(script.asked) == (5 if most == 1 else 1)
    assert all("1999" not in text for text in texts)


def test_what_fails_leaves_the_others_alone(desk: Desk, script: Several) -> None:
    """The one that failed is named; what goes on is the first that came."""
    script.most, script.failing = 1, frozenset({0})
    script.refusal = REFUSED

    texts, record = desk.follow(desk.ask())

    came = [at for at, choice in enumerate(record.choices) if choice.text]
    (lost,) = {0, 1, 2} - set(came)
    assert sorted(filter(None, texts)) == sorted([script.text(1), script.text(2)])
    assert record.failure is None
    assert record.end not in {ReplyEnd.FAILED, ReplyEnd.CUT}
    assert record.picked_choice == came[0]
    failed = [each for each in record.adjustments if each.code == "answer_failed"]
    assert [(each.params["number"], each.params["code"]) for each in failed] == [
        (lost + 1, "request_rejected")
    ]


def test_when_all_fail_that_is_the_failure(desk: Desk, script: Several) -> None:
    """Said once, and not asked again and again."""
    script.most, script.refusal = 1, REFUSED
    script.failing = frozenset(range(100))

    texts, record = desk.follow(desk.ask(50))

    assert texts == []
    assert record.choices == ()
    assert record.end is ReplyEnd.FAILED
    assert record.failure is not None
    assert record.failure.code == "request_rejected"
    assert len(script.asked) <= 1 + 4
    assert [each.code for each in record.adjustments] == ["asked_apart"]


def test_another_process_hands_out_all_answers(desk: Desk, script: Several) -> None:
    """Through the store, to several followers of one reader at a time."""
    script.answers = [[f"{letter}{number} " for number in range(40)] for letter in "abc"]
    script.pause_seconds = 0.02
    opened = desk.ask()
    other = desk.other_process()
    elsewhere = other.find(opened.conversation_id, opened.reply_id, owner="somebody")
    assert isinstance(elsewhere, StoredReply)
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(read(elsewhere)[0])) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)

    assert found == [[script.text(at) for at in range(3)]] * 3
    assert elsewhere.choice_count == 3
    other.close()


def test_writing_on_is_one_answer(desk: Desk, script: Several) -> None:
    """The picked one goes on, whatever is chosen for questions."""
    opened = desk.ask()
    desk.follow(opened)
    desk.store.pick_choice(opened.reply_id, 1, owner="somebody")

    record = reply_of(desk.store, opened)
    settings = RequestSettings("gpt-4o", n=3, extra={"n": 2})
    more = desk.answering.ask_again(
        opened.conversation_id,
        opened.question_id,
        owner="somebody",
        submission_id="more",
        provider=desk.provider,
        settings=settings_to_continue(record, settings),
        continuation=Continuation.of_text(record, "Go on."),
    )
    texts, record = desk.follow(more)

    assert _asked_for(script) == [3, None]
    assert texts[0].startswith(script.text(1))
    assert len(record.choices) == 1


def test_a_fallback_that_is_needed_as_well_is_found(tmp_path: Path) -> None:
    """First `n` is refused, then another field; all answers come without both."""
    asked: list[dict[str, Any]] = []

    def answer(received: Received) -> Iterable[Step]:
        body = received.json()
        asked.append(body)
        if body.get("n", 1) > 1:
            return answered_json(REFUSED, status="400 Bad Request")
        if "stream_options" in body:
            error = {"message": "Unrecognized request argument supplied: stream_options"}
            return answered_json({"error": error}, status="400 Bad Request")
        lines = _lines({"choices": [_choice(0, "Ja", "stop")]})
        return framed([lines, b"data: [DONE]\n\n"], Framing.CHUNKED)

    with FaultServer(answer) as server:
        desk = Desk(tmp_path, server.base_url)
        texts, record = desk.follow(desk.ask())
        desk.close()

    assert texts == ["Ja"] * 3
    assert [each.code for each in record.adjustments] == ["asked_apart", "dropped_field"]
    assert sum("stream_options" not in body for body in asked) == 3
