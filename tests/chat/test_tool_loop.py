"""What a model calls, against an endpoint that plays the streams of several vendors."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from augenblick.chat.ask import Answering
from augenblick.chat.continuation import Continuation
from augenblick.chat.live import CallsSoFar, LiveReply, Progress, StoredReply
from augenblick.chat.saver import Saver
from augenblick.chat.tool_loop import MAX_CALLS, MAX_ROUNDS, waiting_calls, with_ids
from augenblick.core.conversations import ReplyRecord
from augenblick.core.messages import (
    Attachment,
    ImagePart,
    Message,
    PreparedPicture,
    ReplyEnd,
    Role,
    TextPart,
    ToolCall,
    ToolResult,
    ToolRound,
    Usage,
)
from augenblick.core.providers import ApiKey, Provider
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.client import ChatClient
from augenblick.lab.picture_inspector import PictureInspector
from augenblick.lab.tools import Region, Toolbox, definition, read_functions
from augenblick.pictures import PicturePool
from augenblick.pictures.samples import SAMPLES
from augenblick.pictures.variants import PictureVariants
from augenblick.store import Store
from augenblick.store.store_values import NewQuestion, OpenedReply
from tests.chat.test_ask import reply_of
from tests.faults.server import FaultServer, Pause
from tests.vendor_streams import (
    Playlist,
    Stream,
    deepseek,
    delta,
    legacy,
    mistral,
    ollama,
    openai,
    says,
    usage,
)

BUILT_IN = tuple(definition(name) for name in ("zoom", "read_codes"))
OWN = read_functions('{"name": "look_up", "parameters": {"type": "object"}}')
SETTINGS = RequestSettings("gpt-4o", tools=BUILT_IN)
WHERE = '{"picture": 1, "left": 0, "top": 0, "right": 1, "bottom": 1}'
NO_CODES = '{"codes": []}'


class HeldSight(PictureInspector):
    """Looks closely, but not before a test lets it."""

    is_held = False

    def __init__(self, pool: PicturePool, store: Store) -> None:
        super().__init__(pool, load_content=store.load_content)
        self.began = threading.Event()
        self.let_go = threading.Event()

    def zoom(self, picture: Attachment, region: Region) -> PreparedPicture:
        """As the real one."""
        self.began.set()
        if self.is_held:
            self.let_go.wait(60)
        return super().zoom(picture, region)


@dataclass
class Desk:
    """Everything a question needs."""

    answering: Answering
    store: Store
    playlist: Playlist
    provider: Provider
    pool: PicturePool
    sight: HeldSight
    plain: PreparedPicture  # without any code in it

    def ask(
        self,
        settings: RequestSettings = SETTINGS,
        *,
        pictures: Sequence[PreparedPicture] | None = None,
        after: OpenedReply | None = None,
    ) -> OpenedReply:
        """Ask as the page does; without `pictures` about a plain one."""
        if pictures is None:
            pictures = (self.plain,)
        images = (ImagePart(picture.attachment) for picture in pictures)
        question = NewQuestion(
            submission_id=f"s{time.monotonic_ns()}",
            owner="somebody",
            conversation_id=after.conversation_id if after else None,
            parent_id=after.reply_id if after else None,
            message=Message(Role.USER, (*images, TextPart("What is this?"))),
            pictures=tuple(pictures),
            provider=self.provider.name,
            model=settings.model,
        )
        return self.answering.ask(question, provider=self.provider, settings=settings)

    def send_results(
        self, answer: OpenedReply, results: dict[str, str], settings: RequestSettings
    ) -> OpenedReply:
        """Type results as the page does."""
        continuation = Continuation.of_calls(reply_of(self.store, answer), results)
        return self.go_on(answer, settings, continuation)

    def go_on(
        self, answer: OpenedReply, settings: RequestSettings, continuation: Continuation
    ) -> OpenedReply:
        """Have another answer go on from one, as the page does."""
        return self.answering.ask_again(
            answer.conversation_id,
            answer.question_id,
            owner="somebody",
            submission_id=f"s{time.monotonic_ns()}",
            provider=self.provider,
            settings=settings,
            continuation=continuation,
        )

    def find(self, opened: OpenedReply) -> LiveReply | StoredReply:
        """Find a reply as the page does."""
        return self.answering.find(opened.conversation_id, opened.reply_id, owner="somebody")

    def end(self, opened: OpenedReply) -> ReplyRecord:
        """Wait for the end; returns what the store holds then."""
        _follow(self.find(opened))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:  # a busy machine shows the end before it is written
            nodes = self.store.load_conversation(opened.conversation_id).nodes
            (found,) = (node.reply for node in nodes if node.id == opened.reply_id)
            if found is not None and found.end is not None:
                return found
            time.sleep(0.05)
        raise AssertionError("the end was not written")

    def play(self, *streams: Stream) -> None:
        """Have the endpoint answer with these from now on."""
        self.playlist.streams = list(streams)


def _follow(found: LiveReply | StoredReply) -> list[Progress]:
    """Everything a follower gets until the end."""
    seen: list[Progress] = []
    position = 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        progress = found.follow(position, timeout_seconds=0.2)
        position = progress.position
        seen.append(progress)
        if progress.record is not None:
            return seen
    raise AssertionError("the reply did not end")


@pytest.fixture(scope="module")
def pool() -> Iterator[PicturePool]:
    """One pool for all."""
    with PicturePool(workers=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(pool: PicturePool) -> PreparedPicture:
    """A picture with nothing in it."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(buffer, "PNG")
    return pool.prepare(buffer.getvalue(), name="plain.png")


@pytest.fixture
def desk(tmp_path: Path, pool: PicturePool, plain: PreparedPicture) -> Iterator[Desk]:
    """A fresh store, saver, client and endpoint."""
    playlist = Playlist([says("Nothing.")])
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    saver = Saver(store)
    variants = PictureVariants(load_content=store.load_content, prepare=pool.prepare)
    sight = HeldSight(pool, store)
    with FaultServer(playlist) as server:
        answering = Answering(
            store=store,
            saver=saver,
            open_client=ChatClient,
            variants=variants,
            prepare=pool.prepare,
            toolbox=Toolbox(sight),
        )
        provider = Provider("test", "Test", server.base_url, ApiKey("k"))
        yield Desk(answering, store, playlist, provider, pool, sight, plain)
        sight.let_go.set()
        answering.close()
        saver.close()
        store.close()


def _call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _result(call_id: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "content": content, "tool_call_id": call_id}


def test_a_picture_that_came_before_a_call_is_kept(desk: Desk) -> None:
    """It belongs to the answer as much as one that comes after all calls."""
    url = f"data:image/png;base64,{base64.b64encode(desk.plain.content).decode()}"
    image = {"type": "image_url", "image_url": {"url": url}}
    shown: Stream = [{"choices": [{"index": 0, "delta": {"content": "", "images": [image]}}]}]
    desk.play([*shown, *openai(("a", "read_codes", WHERE))], says("There."))

    record = desk.end(desk.ask())

    assert len(record.pictures) == 1
    assert record.picked.text == "There."


def test_parallel_calls_are_answered_in_order(desk: Desk) -> None:
    """The second request holds calls and results exactly as the API documents them."""
    desk.play(
        openai(("call_a", "read_codes", WHERE), ("call_b", "fly", "{}"), text="One moment."),
        says("There is no code."),
    )

    record = desk.end(desk.ask())

    first, second = desk.playlist.body(0), desk.playlist.body(1)
    unknown = '{"error": "There is no function \'fly\'. There are: zoom, read_codes."}'
    assert second["messages"] == [
        *first["messages"],
        {
            "role": "assistant",
            "content": "One moment.",
            "tool_calls": [
                _call("call_a", "read_codes", WHERE),
                _call("call_b", "fly", "{}"),
            ],
        },
        _result("call_a", NO_CODES),
        _result("call_b", unknown),
    ]
    assert {**second, "messages": []} == {**first, "messages": []}
    assert first["tools"] == list(BUILT_IN)
    assert record.end is ReplyEnd.COMPLETE
    assert record.picked.text == "There is no code."
    assert [each.text for each in record.rounds] == ["One moment."]
    assert [one.content for one in record.rounds[0].results] == [NO_CODES, unknown]


@pytest.mark.parametrize(
    ("stream", "ids"),
    [
        (mistral(("D681PevKs", "read_codes", WHERE), ("bZt6fqcsp", "read_codes", WHERE)),
         ["D681PevKs", "bZt6fqcsp"]),
        (ollama(("read_codes", WHERE), ("read_codes", WHERE)), ["call00000", "call00001"]),
        (legacy("read_codes", WHERE), ["call00000"]),
        (deepseek("Looking.", ("call_0_x", "read_codes", WHERE)), ["call_0_x"]),
        (openai(("same", "read_codes", WHERE), ("", "read_codes", WHERE)), ["same", "call00001"]),
    ],
    ids=["mistral", "ollama", "legacy", "deepseek", "half an id"],
)  # fmt: skip
def test_the_shapes_of_vendors(desk: Desk, stream: Stream, ids: list[str]) -> None:
    """However calls come, each is run once and answered under an id that stands at its call."""
    desk.play(stream, says("None."))

    record = desk.end(desk.ask())

    _, assistant, *results = desk.playlist.body(1)["messages"]
    assert [call["id"] for call in assistant["tool_calls"]] == ids
    assert {call["type"] for call in assistant["tool_calls"]} == {"function"}
    assert [json.loads(call["function"]["arguments"]) for call in assistant["tool_calls"]] == [
        json.loads(WHERE)
    ] * len(ids)
    assert results == [_result(name, NO_CODES) for name in ids]
    assert record.end is ReplyEnd.COMPLETE
    assert record.picked.text == "None."


def test_what_was_thought_before_a_call_is_kept_with_it(desk: Desk) -> None:
    """The reasoning of a round stays there and is not sent back."""
    desk.play(deepseek("I look.", ("a", "read_codes", WHERE)), says("None."))

    record = desk.end(desk.ask())

    assert record.rounds[0].reasoning == "I look."
    assert record.picked.reasoning == ""
    assert "I look." not in desk.playlist.asked[1].body.decode()


def _photo(size: tuple[int, int]) -> tuple[Image.Image, bytes]:
    """A picture in which every place looks different."""
    image = Image.merge(
        "RGB",
        (
            Image.linear_gradient("L").resize(size),
            Image.linear_gradient("L").rotate(90).resize(size),
            Image.effect_noise((size[0] // 8, size[1] // 8), 60).resize(size),
        ),
    )
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return image, buffer.getvalue()


def _sent_picture(message: dict[str, Any]) -> Image.Image:
    uri = message["content"][-1]["image_url"]["url"]
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")


def _differs(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def test_zoom_shows_the_region_at_full_resolution(desk: Desk) -> None:
    """What arrives are the pixels of the file the person gave, not those of the prepared one."""
    image, content = _photo((6000, 4000))
    picture = desk.pool.prepare(content, name="large.jpg")
    assert picture.attachment.width_px == 2048
    where = '{"picture": 1, "left": 0.25, "top": 0.5, "right": 0.3, "bottom": 0.55}'
    desk.play(openai(("z", "zoom", where)), says("A wall."))

    opened = desk.ask(pictures=[picture])
    record = desk.end(opened)

    told, shown = desk.playlist.body(1)["messages"][-2:]
    assert told["role"] == "tool"
    assert json.loads(told["content"]) | {"note": ""} == {
        "picture": 2, "width_px": 300, "height_px": 200, "note": "",
    }  # fmt: skip
    assert shown["role"] == "user"
    assert [part["type"] for part in shown["content"]] == ["image_url"]
    assert _differs(_sent_picture(shown), image.crop((1500, 2000, 1800, 2200))) < 6
    kept = record.rounds[0].results[0].picture
    assert kept is not None
    assert desk.store.load_content(kept.attachment.sha256)
    assert desk.store.load_thumbnail(kept.attachment.sha256)


def test_zoom_goes_on_from_a_zoomed_picture_in_pixels(desk: Desk) -> None:
    """Pictures that calls returned count on, and the file is still what is cut."""
    image, content = _photo((6000, 4000))
    picture = desk.pool.prepare(content, name="large.jpg")
    far = '{"picture": 1, "left": 0, "top": 0, "right": 0.5, "bottom": 0.5}'
    near = '{"picture": 2, "left": 300, "top": 200, "right": 600, "bottom": 400}'
    desk.play(openai(("a", "zoom", far), ("b", "zoom", near)), says("Ah."))

    record = desk.end(desk.ask(pictures=[picture]))

    shown = desk.playlist.body(1)["messages"][-1]
    assert [json.loads(one.content)["picture"] for one in record.rounds[0].results] == [2, 3]
    assert len(shown["content"]) == 2
    assert _differs(_sent_picture(shown), image.crop((300, 200, 600, 400))) < 6


def test_zoom_without_the_file_uses_the_stored_picture(desk: Desk) -> None:
    """After some hours the prepared picture is the best there is."""
    _, content = _photo((6000, 4000))
    picture = desk.pool.prepare(content, name="large.jpg")
    desk.pool.forget(picture.attachment.sha256)
    prepared = Image.open(io.BytesIO(picture.content)).convert("RGB")
    where = '{"picture": 1, "left": 0, "top": 0, "right": 512, "bottom": 300}'
    desk.play(openai(("z", "zoom", where)), says("A wall."))

    desk.end(desk.ask(pictures=[picture]))

    shown = desk.playlist.body(1)["messages"][-1]
    assert _differs(_sent_picture(shown), prepared.crop((0, 0, 512, 300))) < 6


def test_codes_are_read(desk: Desk) -> None:
    """The content of a QR code comes back exactly; in a region only what stands there."""
    path = next(sample.path for sample in SAMPLES if sample.name == "label")
    picture = desk.pool.prepare(path.read_bytes(), name="label.jpg")
    below = '{"picture": 1, "left": 0, "top": 0.6, "right": 1, "bottom": 1}'
    desk.play(openai(("a", "read_codes", '{"picture": 1}'), ("b", "read_codes", below)), says("."))

    record = desk.end(desk.ask(pictures=[picture]))

    every, some = (json.loads(one.content)["codes"] for one in record.rounds[0].results)
    assert [(code["type"], code["content"]) for code in every] == [
        ("QR Code", "https://example.org/p/4711"),
        ("EAN-13", "4711081520269"),
    ]
    assert [code["content"] for code in some] == ["4711081520269"]


@pytest.mark.parametrize(
    ("name", "arguments", "says_so"),
    [
        ("zoom", '{"picture', "no JSON"),
        ("zoom", "[1]", "JSON object"),
        ("read_codes", '{"picture": 9}', "There is no picture 9; there are 1 to 1"),
        ("read_codes", '{"picture": "a"}', "must be the number of a picture"),
        ("fly", "{}", "There is no function 'fly'"),
        ("calculate", '{"expression": "1+1"}', "There is no function 'calculate'"),
    ],
)
def test_mistakes_go_back_to_the_model(desk: Desk, name: str, arguments: str, says_so: str) -> None:
    """Bad arguments and unknown functions are answered with what is wrong, and it goes on."""
    desk.play(openai(("a", name, arguments)), says("I see."))

    record = desk.end(desk.ask())

    told = json.loads(desk.playlist.body(1)["messages"][-1]["content"])
    assert says_so in told["error"]
    assert record.rounds[0].results[0].is_error
    assert record.end is ReplyEnd.COMPLETE


@pytest.mark.parametrize(
    "region",
    [
        '"left": 0.5, "top": 0, "right": 0.5, "bottom": 1',
        '"left": 0.1',
        '"left": "a", "top": 0, "right": 1, "bottom": 1',
        '"left": NaN, "top": 0, "right": 1, "bottom": 1',
    ],
)
def test_an_impossible_region_goes_back_to_the_model(desk: Desk, region: str) -> None:
    """Nothing is cut, and the picture that was sent stays the only one."""
    picture = desk.pool.prepare(_photo((640, 480))[1], name="a.jpg")
    desk.play(openai(("a", "zoom", f'{{"picture": 1, {region}}}')), says("I see."))

    record = desk.end(desk.ask(pictures=[picture]))

    assert record.rounds[0].results[0].is_error
    assert desk.playlist.body(1)["messages"][-1]["role"] == "tool"


def test_rounds_have_a_limit(desk: Desk) -> None:
    """A model that goes in circles is asked so many times, and the answer says why it ends."""
    desk.play(openai(("a", "read_codes", WHERE)))

    opened = desk.ask()
    record = desk.end(opened)

    assert len(desk.playlist.asked) == MAX_ROUNDS + 1
    assert len(record.rounds) == MAX_ROUNDS
    assert record.end is ReplyEnd.TOOL_CALLS
    assert [each.code for each in record.adjustments] == ["rounds_used_up"]
    ids = [call.id for each in record.rounds for call in each.calls]
    assert len(set(ids)) == MAX_ROUNDS

    (waiting,) = waiting_calls(record)
    desk.play(says("No code after all."))
    further = desk.end(desk.send_results(opened, {}, SETTINGS))

    told = desk.playlist.body(-1)["messages"][-1]
    assert told == _result(waiting.id, NO_CODES)
    assert len(further.rounds) == MAX_ROUNDS + 1
    assert further.picked.text == "No code after all."


def test_too_many_calls_at_once(desk: Desk) -> None:
    """Every call is answered, also those that are not run."""
    calls = [(f"c{number}", "read_codes", WHERE) for number in range(MAX_CALLS + 2)]
    desk.play(openai(*calls), says("Enough."))

    record = desk.end(desk.ask())

    results = record.rounds[0].results
    assert [one.call_id for one in results] == [call_id for call_id, _, _ in calls]
    assert [one.is_error for one in results] == [False] * MAX_CALLS + [True, True]


def test_usage_is_summed_and_forced_calls_are_asked_for_once(desk: Desk) -> None:
    """The record holds the tokens of all requests; a forced call would never end otherwise."""
    settings = RequestSettings("gpt-4o", tools=BUILT_IN, tool_choice="required")
    desk.play(
        [*openai(("a", "read_codes", WHERE)), usage(100, 20)], [*says("None."), usage(150, 5)]
    )

    record = desk.end(desk.ask(settings))

    assert record.usage == Usage(250, 25, 275)
    assert desk.playlist.body(0)["tool_choice"] == "required"
    assert "tool_choice" not in desk.playlist.body(1)
    assert record.settings == settings


def test_the_arguments_are_seen_while_they_stream(desk: Desk) -> None:
    """A follower sees a call that is not yet whole, besides the text before it."""
    stream = openai(("a", "read_codes", WHERE), text="Let me see.")
    halfway: Stream = [*stream[:4], Pause(60)]
    desk.play(halfway)

    live = desk.find(desk.ask())
    deadline = time.monotonic() + 90
    progress = live.follow(timeout_seconds=0.2)
    while not (progress.calls.calls and progress.calls.calls[0].arguments == WHERE[:14]):
        assert time.monotonic() < deadline
        progress = live.follow(timeout_seconds=0.2)
    live.stop()

    assert progress.calls.rounds == ()
    assert "".join(piece.text for piece in progress.pieces) == "Let me see."


def test_after_a_round_the_text_begins_anew(desk: Desk) -> None:
    """A follower gets the round with its text and result, then only what comes after it."""
    desk.play(openai(("a", "read_codes", WHERE), text="Let me see."), says("There is no code."))

    seen = _follow(desk.find(desk.ask()))

    last = seen[-1]
    assert last.record is not None
    assert last.calls == CallsSoFar(last.record.rounds)
    after = [each for each in seen if each.calls.rounds]
    assert "".join(piece.text for each in after for piece in each.pieces) == "There is no code."


def test_a_late_follower_gets_the_text_after_the_last_round(desk: Desk) -> None:
    """Its position counts on; what stands in a round does not come as text again."""
    desk.play(
        openai(("a", "read_codes", WHERE), text="Let me see."), [*says("None.")[:1], Pause(60)]
    )
    opened = desk.ask()
    live = desk.find(opened)
    assert isinstance(live, LiveReply)
    deadline = time.monotonic() + 90
    progress = live.follow(timeout_seconds=1)
    while not (progress.calls.rounds and progress.pieces) and time.monotonic() < deadline:
        progress = live.follow(timeout_seconds=1)
    live.stop()

    assert [piece.text for piece in progress.pieces] == ["None."]
    record = desk.end(opened)
    assert record.end is ReplyEnd.STOPPED
    assert record.picked.text == "None."
    assert record.rounds[0].text == "Let me see."


def test_another_process_shows_the_text_of_all_rounds_until_the_end(desk: Desk) -> None:
    """Through the store the texts come one below the other; the end brings the rounds."""
    desk.play(
        openai(("a", "read_codes", WHERE), text="Let me see."), [*says("None.")[:1], Pause(60)]
    )
    opened = desk.ask()
    live = desk.find(opened)
    other = StoredReply(
        desk.store,
        conversation_id=opened.conversation_id,
        reply_id=opened.reply_id,
        owner="somebody",
    )
    text, position = "", 0
    deadline = time.monotonic() + 90
    while not text.endswith("None.") and time.monotonic() < deadline:
        progress = other.follow(position, timeout_seconds=0.2)
        position = progress.position
        text += "".join(piece.text for piece in progress.pieces)
    (kept,) = (
        node.reply.rounds
        for node in desk.store.load_conversation(opened.conversation_id).nodes
        if node.reply is not None
    )
    live.stop()
    desk.end(opened)

    assert [one.content for one in kept[0].results] == [NO_CODES]
    assert text == "Let me see.\n\nNone."
    last = other.follow(position, timeout_seconds=1)
    assert last.record is not None
    assert [each.text for each in last.record.rounds] == ["Let me see."]
    assert not any(piece.text for piece in last.pieces)


def test_stop_during_a_tool(desk: Desk) -> None:
    """The answer ends at once; what was said and called is kept, and nothing more is sent."""
    picture = desk.pool.prepare(_photo((640, 480))[1], name="a.jpg")
    where = '{"picture": 1, "left": 0, "top": 0, "right": 0.5, "bottom": 0.5}'
    desk.play(openai(("a", "zoom", where), text="Closer."), says("Never."))
    desk.sight.is_held = True

    opened = desk.ask(pictures=[picture])
    assert desk.sight.began.wait(30)
    desk.find(opened).stop()
    record = desk.end(opened)

    assert record.end is ReplyEnd.STOPPED
    assert record.picked.text == "Closer."
    assert [call.name for call in record.picked.tool_calls] == ["zoom"]
    assert record.rounds == ()
    assert waiting_calls(record) == ()
    assert len(desk.playlist.asked) == 1


def test_a_failure_in_a_later_round_keeps_what_was_called(desk: Desk) -> None:
    """The rounds before stand in the record beside the error."""
    desk.play(openai(("a", "read_codes", WHERE)), [{"error": {"message": "Boom."}}])

    record = desk.end(desk.ask())

    assert record.end is ReplyEnd.FAILED
    assert record.failure is not None
    assert len(record.rounds) == 1


def test_own_functions_wait_for_the_person(desk: Desk) -> None:
    """The answer ends; with the typed result another begins with all that was called."""
    settings = RequestSettings("gpt-4o", tools=(*BUILT_IN, *OWN))
    desk.play(openai(("a", "look_up", '{"what": "it"}'), text="I ask."), says("It is 7."))
    opened = desk.ask(settings)
    record = desk.end(opened)

    assert record.end is ReplyEnd.TOOL_CALLS
    assert waiting_calls(record) == (ToolCall("a", "look_up", '{"what": "it"}'),)
    assert record.rounds == ()
    assert record.picked.text == "I ask."

    again = desk.send_results(opened, {"a": "seven"}, settings)
    further = desk.end(again)

    assert desk.playlist.body(1)["messages"][1:] == [
        {
            "role": "assistant",
            "content": "I ask.",
            "tool_calls": [_call("a", "look_up", '{"what": "it"}')],
        },
        _result("a", "seven"),
    ]
    assert further.end is ReplyEnd.COMPLETE
    assert further.picked.text == "It is 7."
    assert further.rounds[0].results == (ToolResult("a", "seven"),)
    conversation = desk.store.load_conversation(opened.conversation_id)
    assert len(conversation.siblings(conversation.path()[-1])) == 2


def test_writing_on_keeps_what_was_called(desk: Desk) -> None:
    """The rounds go along and stay; the text that was there goes with the first new round."""
    desk.play(openai(("a", "read_codes", WHERE)), [delta(content="Half"), delta("length")])
    opened = desk.ask()
    desk.end(opened)
    desk.playlist.asked.clear()
    desk.play(openai(("a", "read_codes", WHERE), text=" more"), says("Whole."))

    continuation = Continuation.of_text(reply_of(desk.store, opened), "Go on.")
    further = desk.go_on(opened, SETTINGS, continuation)
    record = desk.end(further)

    first = [message["role"] for message in desk.playlist.body(0)["messages"]]
    assert first == ["user", "assistant", "tool", "assistant", "user"]
    second = desk.playlist.body(1)["messages"][5:]
    assert [message["content"] for message in second] == [" more", NO_CODES]
    assert [each.text for each in record.rounds] == ["", "Half more"]
    assert record.picked.text == "Whole."
    assert second[0]["tool_calls"][0]["id"] == second[1]["tool_call_id"] != "a"


def test_a_returned_picture_goes_on_with_the_answer(desk: Desk) -> None:
    """Sent again with typed results, and kept by the new answer when the old one is deleted."""
    settings = RequestSettings("gpt-4o", tools=(*BUILT_IN, *OWN))
    picture = desk.pool.prepare(_photo((640, 480))[1], name="a.jpg")
    where = '{"picture": 1, "left": 0, "top": 0, "right": 0.5, "bottom": 0.5}'
    desk.play(
        openai(("a", "zoom", where)),
        openai(("b", "zoom", where.replace("0.5", "0.4")), ("c", "look_up", "{}")),
        says("Done."),
    )
    opened = desk.ask(settings, pictures=[picture])
    desk.end(opened)

    again = desk.send_results(opened, {"c": "x"}, settings)
    desk.end(again)
    desk.store.delete_message(opened.conversation_id, opened.reply_id, owner="somebody")
    record = desk.end(again)

    roles = [message["role"] for message in desk.playlist.body(2)["messages"]]
    assert roles == ["user", "assistant", "tool", "user", "assistant", "tool", "tool", "user"]
    kept = [one.picture for done in record.rounds for one in done.results]
    assert [part is not None for part in kept] == [True, True, False]
    sizes = [part.attachment.width_px for part in kept if part is not None]
    assert sizes == [320, 256]
    assert all(desk.store.load_content(part.attachment.sha256) for part in kept if part)


def test_built_in_and_own_calls_in_one_round(desk: Desk) -> None:
    """What runs by itself has run; with the person's result all goes back in the order called."""
    settings = RequestSettings("gpt-4o", tools=(*BUILT_IN, *OWN))
    desk.play(openai(("a", "look_up", "{}"), ("b", "read_codes", WHERE)), says("Done."))
    opened = desk.ask(settings)
    record = desk.end(opened)

    assert [call.id for call in waiting_calls(record)] == ["a"]
    assert record.rounds == (
        ToolRound((ToolCall("b", "read_codes", WHERE),), (ToolResult("b", NO_CODES),)),
    )

    further = desk.end(desk.send_results(opened, {"a": "x"}, settings))

    assistant, *results = desk.playlist.body(1)["messages"][1:]
    assert [call["id"] for call in assistant["tool_calls"]] == ["a", "b"]
    assert results == [_result("a", "x"), _result("b", NO_CODES)]
    assert len(further.rounds) == 1


def test_a_person_who_asks_on_instead_leaves_nothing_unanswered(desk: Desk) -> None:
    """The API refuses calls without results; a later question is sent without them."""
    settings = RequestSettings("gpt-4o", tools=OWN)
    desk.play(openai(("a", "look_up", "{}"), text="I ask."), says("Fine."))
    opened = desk.ask(settings)
    desk.end(opened)

    desk.end(desk.ask(RequestSettings("gpt-4o"), after=opened))

    body = desk.playlist.body(1)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1] == {"role": "assistant", "content": "I ask."}
    assert "tools" not in body


def test_later_turns_hold_the_rounds(desk: Desk) -> None:
    """Without tools in the next request, too: that is what the API documents."""
    desk.play(openai(("a", "read_codes", WHERE)), says("None."), says("Yes."))
    opened = desk.ask()
    desk.end(opened)

    desk.end(desk.ask(RequestSettings("gpt-4o"), after=opened))

    roles = [message["role"] for message in desk.playlist.body(2)["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


def test_an_endpoint_without_tool_messages_is_told_in_words(desk: Desk) -> None:
    """Roles alternate then; the page says so, and next time it is right at once."""
    desk.play(openai(("a", "read_codes", WHERE)), says("None."))
    opened = desk.ask()
    desk.end(opened)
    desk.playlist.asked.clear()
    refusal: Stream = [{"error": {"message": "Unexpected role 'tool' in messages."}}]
    desk.play(refusal, says("Yes."), says("And yes."))

    second = desk.ask(RequestSettings("gpt-4o"), after=opened)
    record = desk.end(second)
    desk.end(desk.ask(RequestSettings("gpt-4o"), after=second))

    told = desk.playlist.body(1)["messages"]
    assert [message["role"] for message in told] == [
        "user", "assistant", "user", "assistant", "user",
    ]  # fmt: skip
    assert told[1]["content"] == f"I call read_codes with {WHERE}"
    assert told[2]["content"] == f"Result of read_codes: {NO_CODES}"
    assert [each.code for each in record.adjustments] == ["rounds_in_words"]
    assert len(desk.playlist.asked) == 3


def test_calls_that_nobody_offered_end_the_answer(desk: Desk) -> None:
    """A model that calls although no tools were sent is not asked again."""
    desk.play(openai(("a", "read_codes", WHERE)))

    record = desk.end(desk.ask(RequestSettings("gpt-4o")))

    assert record.end is ReplyEnd.TOOL_CALLS
    assert len(desk.playlist.asked) == 1


def test_a_cut_stream_runs_nothing(desk: Desk) -> None:
    """Half of the arguments may be missing where neither end nor reason came."""
    stream = openai(("a", "read_codes", WHERE))[:-1]
    desk.play([*stream, delta("length")])

    record = desk.end(desk.ask())

    assert record.end is ReplyEnd.LENGTH
    assert len(desk.playlist.asked) == 1


def test_made_up_ids_suit_the_strictest_server() -> None:
    """Nine letters and digits, none twice, whatever came."""
    calls = [ToolCall(name, "f", "{}") for name in ("", "a", "a", "call00000", "with space", "")]

    ids = [call.id for call in with_ids(calls, [ToolRound((ToolCall("a", "f", ""),), ())])]

    assert len(set(ids)) == len(ids)
    assert "a" not in ids
    assert all(re.fullmatch(r"[a-zA-Z0-9]{9}", name) for name in ids)
