"""The X-ray of an answer, the line before and the line after: for experts, and for nobody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.core.conversations import ReplyRecord
from augenblick.core.language import language
from augenblick.core.messages import (
    ImagePart,
    Message,
    PreparedPicture,
    Role,
    TextPart,
    Timings,
    Usage,
)
from augenblick.core.providers import READER_NAME
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.trace import WireEvent, WireExchange, WireRequest
from augenblick.pictures import PictureSource
from augenblick.store import Store
from augenblick.store.store_values import NewQuestion
from augenblick.ui.experts.summary import summary_for_experts
from augenblick.ui.experts.xray_numbers import course_of
from augenblick.ui.resources import close_services, services
from tests.browser.playing import Script, photo
from tests.faults.server import FaultServer, Received, Step
from tests.pages.asking import ask

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"
KEY = "sk-canary-4711-abcdef"


@dataclass
class Two:
    """Two endpoints the page is configured with; the model of the first has a price."""

    first: Script
    second: Script


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    """Both run, and a store of its own."""
    scripts = Two(
        Script(prompt_tokens=1000, models=("gpt-4o",)), Script(("Zweiter.",), models=("other",))
    )
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(FaultServer(script)) for script in (scripts.first, scripts.second)
        )
        tables = {
            "one": {
                "base_url": first.base_url,
                "api_key": KEY,
                "models": ["gpt-4o"],
                "prices": {"gpt-4o": {"input": 2.5, "output": 10, "currency": "EUR"}},
            },
            "two": {"base_url": second.base_url, "models": ["other"]},
        }
        monkeypatch.setattr(
            "augenblick.ui.resources.configured_secrets", lambda: {"providers": tables}
        )
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        yield scripts
        close_services()


def _open(*, is_expert: bool = True, locale: str = "en-US") -> AppTest:
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.context = {"locale": locale, "url": "http://localhost:8501/"}
    if is_expert:
        page.query_params["expert"] = "true"
    page.run()
    assert not page.exception
    return page


def _ask(page: AppTest, text: str) -> str:
    """Ask, and give the id of the answer once its trace is kept."""
    ask(page, text)
    assert not page.exception
    conversation_id = _conversation_id(page)
    answer = services().store.load_conversation(conversation_id).path()[-1]
    _wait_for_traces()
    return answer.id


def _conversation_id(page: AppTest) -> str:
    found = page.query_params["c"]
    return found if isinstance(found, str) else found[0]


def _wait_for_traces() -> None:
    """A worker keeps the trace before it ends."""
    for worker in threading.enumerate():
        if worker.name.startswith("reply-"):
            worker.join(10)


def _xray(page: AppTest, answer_id: str) -> AppTest:
    page.menu_button(key=f"ways_{answer_id}").click("xray").run()
    assert not page.exception
    return page


def test_whoever_is_no_expert_meets_nothing_of_it(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No way to it, no line near the input, the short one in the menu, no read of the store."""
    reads: list[str] = []
    for name in ("load_trace", "recent_figures"):
        monkeypatch.setattr(Store, name, lambda *_, name=name, **__: reads.append(name))
    page = _open(is_expert=False)

    answer_id = _ask(page, "Wer bist du?")

    first, *others = page.menu_button(key=f"ways_{answer_id}").options
    assert "gpt-4o" in first
    assert "1,005 tokens" in first
    assert not [option for option in others if "Request log" in option]
    assert not [
        line.value for line in page.caption if "≈" in line.value or "output tokens" in line.value
    ]
    assert reads == []


def test_an_expert_sees_the_request_the_response_and_the_code(two: Two) -> None:
    """As it was sent and as it came, without the key."""
    page = _open()
    answer_id = _ask(page, 'Größe "5"?')

    page = _xray(page, answer_id)

    (body,) = [json.loads(shown.value) for shown in page.json]
    assert body == json.loads(two.first.asked[0].body)
    codes = [code.value for code in page.code]
    assert "Authorization: Bearer …" in codes[0]
    assert codes[1].startswith("HTTP 200")
    assert two.first.asked[0].body.decode() in codes[2]
    assert "${OPENAI_API_KEY}" in codes[2]
    events = page.dataframe[0].value
    assert len(events) == len(two.first.words) + 4
    assert list(events[language("en").text("xray.data")])[-1] == "[DONE]"
    assert KEY not in "".join(codes)
    (numbers,) = [
        each.value
        for each in page.markdown
        if "prompt\\_tokens" in each.value or "prompt_tokens" in each.value
    ]
    assert "1,000" in numbers
    assert "0.26" in numbers  # cents: 1000 tokens at 2.50 and 5 at 10.00 for a million
    assert "stop" in numbers


@pytest.mark.parametrize("kind", ["openai", "requests", "fetch"])
def test_the_code_can_be_had_in_each_language(two: Two, kind: str) -> None:
    """One click shows another."""
    page = _open()
    page = _xray(page, _ask(page, "Ja?"))

    page.segmented_control(key="xray_kind").set_value(kind).run()

    assert not page.exception
    sign = {"openai": "OpenAI(", "requests": "requests.request(", "fetch": "await fetch("}[kind]
    assert sign in page.code[2].value


def test_a_replay_sends_the_same_question_to_another_endpoint(two: Two) -> None:
    """With the recorded settings, as another answer of the same question."""
    page = _open()
    page.text_input(key="temperature").set_value("0.25").run()
    page.text_input(key="seed").set_value("7").run()
    page.text_area(key="expert_system").set_value("Kurz.").run()
    answer_id = _ask(page, "Wer bist du?")
    page.text_input(key="temperature").set_value("2").run()
    page.text_input(key="seed").set_value("").run()
    page.text_area(key="expert_system").set_value("").run()
    page = _xray(page, answer_id)

    page.selectbox(key="xray_model").set_value("two/other").run()
    page.button(key="xray_send").click().run()

    assert not page.exception
    (sent,) = [received.json() for received in two.second.asked]
    first = two.first.asked[0].json()
    assert first["temperature"] == 0.25
    assert sent == {**first, "model": "other"}
    conversation_id = _conversation_id(page)
    conversation = services().store.load_conversation(conversation_id)
    siblings = conversation.siblings(conversation.path()[-1])
    assert [node.reply.provider for node in siblings if node.reply] == ["one", "two"]
    assert page.chat_message[1].markdown[0].value == "Zweiter."


@pytest.mark.parametrize("damage", [b"", b"AGTR\x01nonsense", b"AGTR\x07"])
def test_a_damaged_trace_is_said_kindly(two: Two, damage: bytes) -> None:
    """A sentence in the dialog instead of its parts; the page goes on."""
    page = _open(locale="de-DE")
    answer_id = _ask(page, "Wer bist du?")
    services().store.save_trace(answer_id, damage)

    page = _xray(page, answer_id)

    what = language("de").text("error.trace_unreadable.what")
    assert [error for error in page.error if what in error.value]
    assert language("de").text("xray.response") not in [each.label for each in page.tabs]


def test_an_answer_without_a_trace_says_so(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older answers and imported ones have none."""
    monkeypatch.setattr(Store, "save_trace", lambda *_, **__: None)
    page = _open()

    page = _xray(page, _ask(page, "Wer bist du?"))

    assert language("en").text("xray.none") in [told.value for told in page.info]


def test_a_changed_request_shows_both(two: Two) -> None:
    """Which one is looked at can be chosen; the answered one comes first."""
    refuse = two.first.refuse
    answer = type(two.first).__call__
    calls: list[int] = []

    def once_refused(script: Script, received: object) -> object:
        steps = answer(script, received)  # type: ignore[arg-type] # handed on
        if received.path.endswith("/models"):  # type: ignore[attr-defined] # as above
            return steps
        calls.append(1)
        body = {"error": {"message": "Unrecognized request argument supplied: stream_options"}}
        return refuse(json.dumps(body).encode()) if len(calls) == 1 else steps

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Script, "__call__", once_refused)
        page = _open()
        page = _xray(page, _ask(page, "Wer bist du?"))
    chooser = page.selectbox(key="xray_exchange")
    assert len(chooser.options) == 2
    assert page.code[1].value.startswith("HTTP 200")

    chooser.select_index(0).run()

    assert not page.exception
    assert page.code[1].value.startswith("HTTP 400")
    assert "stream_options" in page.json[1].value


def test_the_code_of_a_changed_request_holds_the_picture_that_was_made_to_fit(
    two: Two, tmp_path: Path
) -> None:
    """It is stored nowhere, and made again for whoever copies the code; after a restart as well."""
    first = type(two.first).__call__

    def too_large(script: Script, received: Received) -> Iterable[Step]:
        steps = first(script, received)
        if len(script.asked) > 1 or received.path.endswith("/models"):
            return steps
        error = {"message": "At least one of the image dimensions exceed max: 320 pixels"}
        return script.refuse(json.dumps({"error": error}).encode())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Script, "__call__", too_large)
        answer_id, conversation_id = _ask_with_picture(tmp_path)
    close_services()
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.context = {"locale": "en-US", "url": "http://localhost:8501/"}
    page.query_params["expert"] = "true"
    page.query_params["c"] = conversation_id
    page.run()

    copied: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "augenblick.ui.experts.xray_replay.copy_button", lambda text, **_: copied.append(text)
        )
        page = _xray(page, answer_id)

    refused, answered = two.first.asked
    assert len(answered.body) < len(refused.body)
    assert answered.body.decode() in copied[-1]
    assert "base64,(" in page.code[2].value
    assert f"head -c {len(answered.body)} " in page.code[2].value


def _ask_with_picture(folder: Path) -> tuple[str, str]:
    """Ask about a picture of 640 pixels, without a page; give answer and conversation."""
    parts = services()
    content = photo(folder, "schild.jpg").read_bytes()
    (picture,) = parts.prepare([PictureSource("schild.jpg", content)], person="")
    assert isinstance(picture, PreparedPicture)
    question = NewQuestion(
        submission_id="one",
        owner="our-browser",
        conversation_id=None,
        parent_id=None,
        message=Message(Role.USER, (ImagePart(picture.attachment), TextPart("Was?"))),
        pictures=(picture,),
        provider="one",
        model="gpt-4o",
    )
    opened = parts.ask(question, RequestSettings("gpt-4o"))
    _wait_for_traces()
    return opened.reply_id, opened.conversation_id


def test_many_events_come_in_pages(two: Two) -> None:
    """Five hundred at once, numbered through."""
    two.first.words = ("a ",) * 1203
    page = _open()
    page = _xray(page, _ask(page, "Zähle"))
    assert len(page.dataframe[0].value) == 500

    page.number_input(key="xray_page").set_value(3).run()

    assert not page.exception
    shown = page.dataframe[0].value
    assert list(shown["#"]) == list(range(1001, 1208))


def test_the_fingerprint_is_compared_with_the_answer_before(two: Two) -> None:
    """The endpoint may have changed under the same name of a model."""
    page = _open()
    for number, (before, said) in enumerate(
        [("", ""), ("fp_1", "xray.same_fingerprint"), ("fp_1", "xray.other_fingerprint")]
    ):
        two.first.fingerprint = "fp_2" if said == "xray.other_fingerprint" else "fp_1"
        answer_id = _ask(page, f"Frage {number}")
        page = _xray(page, answer_id)
        expected = language("en").text(said, before=before.replace("_", "\\_")) if said else ""
        captions = [caption.value for caption in page.caption if "fingerprint" in caption.value]
        assert captions == ([expected] if expected else [])


def test_what_the_next_request_takes_is_learned_and_read_once(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an answer there are tokens, cost and time; a rerun asks the store nothing."""
    reads: list[str] = []
    recent = Store.recent_figures

    def count(store: Store, provider: str, model: str, *, limit: int) -> object:
        reads.append(model)
        return recent(store, provider, model, limit=limit)

    monkeypatch.setattr(Store, "recent_figures", count)
    page = _open()
    assert not [caption for caption in page.caption if "≈" in caption.value]
    _ask(page, "x" * 3000)  # 754 tokens by the rule, 1000 as the endpoint counts

    (line,) = [caption.value for caption in page.caption if "≈" in caption.value]
    assert line.startswith("≈ 1,000 input tokens · ≈ 0.")
    assert "ct" in line
    assert line.endswith(" s")
    before = len(reads)
    page.run()
    page.run()
    assert len(reads) == before


def test_the_line_after_says_what_an_expert_asks_for() -> None:
    """Model, tokens each way, speed, first token, time; what nobody said is left out."""
    record = ReplyRecord(
        "one", "gpt-4o", usage=Usage(1234, 100, 1334), timings=Timings(0.1, 0.5, 4.5)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("augenblick.ui.i18n.current", lambda: language("en"))
        whole = summary_for_experts(record)
        bare = summary_for_experts(replace(record, usage=None, timings=Timings()))
        reader = summary_for_experts(replace(record, provider=READER_NAME))

    assert whole == (
        "gpt-4o · 1,234 input, 100 output tokens · 25 tokens/s · first token after 0.5 s · 4.5 s"
    )
    assert bare == "gpt-4o"
    assert reader == whole


def _event(at_seconds: float, delta: dict[str, str]) -> WireEvent:
    return WireEvent(at_seconds, json.dumps({"choices": [{"index": 0, "delta": delta}]}))


def test_content_is_counted_from_the_first_on() -> None:
    """Signs of life, broken events and counts are none."""
    events = (
        WireEvent(0.1, "hello", is_comment=True),
        _event(0.2, {"role": "assistant", "content": ""}),
        _event(1.0, {"reasoning_content": "abcd"}),
        _event(2.0, {"content": "abcdefgh"}),
        WireEvent(2.5, "[" * 100_000),
        _event(4.0, {"content": "abcd"}),
        WireEvent(4.1, "{broken"),
        WireEvent(5.0, json.dumps({"choices": [], "usage": {"completion_tokens": 32}})),
        WireEvent(5.1, "[DONE]"),
    )
    exchange = WireExchange(WireRequest("POST", "http://h", ()), 0.0, 200, events=events)

    assert course_of(exchange) == [(1.0, 4), (2.0, 12), (4.0, 16)]
    assert course_of(replace(exchange, events=())) == []


def test_an_answer_in_one_piece_has_numbers_and_no_chart(two: Two) -> None:
    """There is no course to draw."""
    two.first.words = ("Ja.",)
    page = _open()
    page = _xray(page, _ask(page, "Ja?"))

    numbers = [each.value for each in page.markdown if "prompt" in each.value]
    assert len(numbers) == 1
    assert language("en").text("xray.longest_gap") not in numbers[0]
    assert not [*page.get("vega_lite_chart"), *page.get("arrow_vega_lite_chart")]


@pytest.mark.parametrize("count", [3, 399, 400, 401, 1203])
def test_a_course_of_any_length_is_drawn(two: Two, count: int) -> None:
    """With a bounded number of points, and its longest pause among the numbers."""
    two.first.words = ("a ",) * count
    page = _open()
    page = _xray(page, _ask(page, "Zähle"))

    charts = [*page.get("vega_lite_chart"), *page.get("arrow_vega_lite_chart")]
    assert len(charts) == 1
    (numbers,) = [each.value for each in page.markdown if "prompt" in each.value]
    assert language("en").text("xray.longest_gap") in numbers
