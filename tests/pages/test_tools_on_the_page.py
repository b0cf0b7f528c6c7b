"""Tools on the page: choosing them, seeing what was called, typing results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.core.conversations import ReplyRecord
from augenblick.core.language import language
from augenblick.core.messages import (
    ChoiceText,
    Message,
    ReplyEnd,
    Role,
    TextPart,
    ToolCall,
    ToolResult,
    ToolRound,
)
from augenblick.core.settings import RequestSettings
from augenblick.lab.tools import definition
from augenblick.store.store_values import NewQuestion, Preset
from augenblick.ui.experts.presets import WORKING_NAME
from augenblick.ui.resources import close_services, services
from tests.faults.server import FaultServer
from tests.pages.asking import ask
from tests.vendor_streams import Playlist, deepseek, openai, says

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"
GERMAN = language("de")
WHERE = '{"picture": 2}'
CALCULATOR = {
    "type": "function",
    "function": {
        "name": "calculate",
        "description": "Calculate exactly, with decimal numbers: + - * / // % **, …",
        "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}},
    },
}  # as it was built in and stored until 0.3
OWN = '{"name": "look_up", "description": "Finds.", "parameters": {"type": "object"}}'


@pytest.fixture
def playlist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Playlist]:
    """An endpoint the page is configured with, and a store of its own."""
    played = Playlist([says("Nichts.")])
    with FaultServer(played) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        yield played
        close_services()


def _open(conversation_id: str = "", *, is_expert: bool = True) -> AppTest:
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.context = {
        "locale": "de-DE",
        "url": "http://localhost:8501/",
        "timezone": "Europe/Berlin",
    }
    if is_expert:
        page.query_params["expert"] = "true"
    if conversation_id:
        page.query_params["c"] = conversation_id
    page.run()
    assert not page.exception
    return page


def _ask(page: AppTest, text: str = "Was ist das?") -> None:
    ask(page, text)
    assert not page.exception


def _own(page: AppTest, typed: str) -> None:
    page.text_area(key="tools_own").set_value(typed).run()
    assert not page.exception


def _labels(page: AppTest) -> list[str]:
    """The folded lines of the last message."""
    return [folded.label for folded in page.chat_message[-1].expander]


def test_who_is_no_expert_meets_nothing_of_it(playlist: Playlist) -> None:
    """No section, no field in the request, and an answer's tree as it always was."""
    page = _open(is_expert=False)
    _ask(page)

    assert not [widget for widget in page.text_area if widget.key == "tools_own"]
    assert GERMAN.text("tools.title") not in [folded.label for folded in page.expander]
    assert not {"tools", "tool_choice"} & set(playlist.body(0))
    assert not page.chat_message[-1].expander


def test_built_in_tools_are_sent_as_picked(playlist: Playlist) -> None:
    """In the order of the panel."""
    page = _open()

    page.button_group(key="tools_built_in").set_value(["read_codes", "zoom"]).run()
    _ask(page)

    body = playlist.body(0)
    assert body["tools"] == [definition("zoom"), definition("read_codes")]
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    ("option", "sent"),
    [
        ("none", "none"),
        ("auto", "auto"),
        ("required", "required"),
        ("function:look_up", {"type": "function", "function": {"name": "look_up"}}),
    ],
)
def test_whether_the_model_has_to_call_is_sent(
    playlist: Playlist, option: str, sent: object
) -> None:
    """In the words of the API, or as the one function."""
    page = _open()
    _own(page, OWN)

    page.selectbox(key="tools_choice").set_value(option).run()
    _ask(page)

    body = playlist.body(0)
    assert body["tool_choice"] == sent
    assert body["tools"] == [{"type": "function", "function": json.loads(OWN)}]


def test_a_choice_goes_with_its_function(playlist: Playlist) -> None:
    """What names a function that is gone is not sent, nor is any choice without tools."""
    page = _open()
    _own(page, OWN)
    page.selectbox(key="tools_choice").set_value("function:look_up").run()

    _own(page, OWN.replace("look_up", "find"))
    _ask(page)
    page.selectbox(key="tools_choice").set_value("required").run()
    _own(page, "")
    _ask(page, "Und nun?")

    assert "tool_choice" not in playlist.body(0)
    assert not {"tools", "tool_choice"} & set(playlist.body(1))


@pytest.mark.parametrize(
    ("typed", "code", "params"),
    [
        ('{"name": ', "no_json", {"line": 1, "column": 10}),
        ('{"name": "zoom"}', "taken", {"name": "zoom"}),
        ('{"name": "f", "parameters": {"type": "array"}}', "parameters", {"name": "f"}),
        ("7", "shape", {"number": 1}),
    ],
)
def test_a_wrong_function_is_named_and_stays(
    playlist: Playlist, typed: str, code: str, params: dict[str, Any]
) -> None:
    """One sentence says what is wrong; what was typed stays, and no question goes out without."""
    page = _open()

    _own(page, typed)

    assert [error.value for error in page.error] == [GERMAN.text(f"tools.mistake.{code}", **params)]
    _ask(page)
    assert page.text_area(key="tools_own").value == typed
    assert playlist.asked == []
    page.button(key="expert_reset").click().run()
    assert page.text_area(key="tools_own").value == ""
    _ask(page)
    assert "tools" not in playlist.body(0)


def test_settings_from_elsewhere_are_shown(playlist: Playlist) -> None:
    """A preset that is loaded fills the fields, and is sent as it is."""
    page = _open()
    own = {"type": "function", "function": json.loads(OWN)}
    choice = {"type": "function", "function": {"name": "look_up"}}
    memory = page.session_state["tab"]
    memory.settings = replace(memory.settings, tools=(definition("zoom"), own), tool_choice=choice)

    page.run()
    _ask(page)

    assert page.button_group(key="tools_built_in").value == ["zoom"]
    assert json.loads(page.text_area(key="tools_own").value or "") == [json.loads(OWN)]
    assert playlist.body(0)["tools"] == [definition("zoom"), own]
    assert playlist.body(0)["tool_choice"] == choice


def test_a_last_visit_with_the_calculator_goes_on_without_it(playlist: Playlist) -> None:
    """What else was set is there and sent; nobody is asked for the result of a call."""
    own = {"type": "function", "function": json.loads(OWN)}
    stored = RequestSettings(
        "", seed=7, tools=(definition("zoom"), CALCULATOR, own), tool_choice="auto"
    )
    services().store.save_preset(Preset(WORKING_NAME, stored), owner="our-browser")
    services().store.save_preset(
        Preset("Rechnen", replace(stored, tools=(CALCULATOR,), tool_choice="required")),
        owner="our-browser",
    )

    page = _open()
    _ask(page)

    assert page.button_group(key="tools_built_in").value == ["zoom"]
    assert json.loads(page.text_area(key="tools_own").value or "") == [json.loads(OWN)]
    body = playlist.body(0)
    assert (body["seed"], body["tools"], body["tool_choice"]) == (
        7, [definition("zoom"), own], "auto",
    )  # fmt: skip
    page.button(key="expert_preset_use_0").click().run()
    _ask(page, "Und nun?")
    assert playlist.body(1)["seed"] == 7
    assert not {"tools", "tool_choice"} & set(playlist.body(1))


def test_an_answer_with_the_calculator_is_shown_and_goes_on(playlist: Playlist) -> None:
    """One from before: what was called stays readable, and a replay offers what is left."""
    result = '{"result": "0.3"}'
    record = ReplyRecord(
        "openai",
        "gpt-4o",
        ReplyEnd.TOOL_CALLS,
        (ChoiceText("Moment.", tool_calls=(ToolCall("b", "calculate", "{}"),)),),
        rounds=(
            ToolRound((ToolCall("a", "calculate", "{}"),), (ToolResult("a", result),), "Zuerst."),
        ),
        settings=RequestSettings("gpt-4o", seed=7, tools=(CALCULATOR, definition("zoom"))),
    )
    conversation_id = _store_answer(record)
    page = _open(conversation_id)

    assert _labels(page) == [GERMAN.text("call.own", name="calculate")] * 2
    assert result.replace("{", "{\n  ").replace("}", "\n}") in [
        block.value for block in page.chat_message[-1].expander[0].code
    ]

    playlist.streams = [says("Fertig.")]
    page.chat_message[-1].text_area[0].set_value("0.7")
    page.chat_message[-1].button[0].click().run()

    assert not page.exception
    body = playlist.body(0)
    assert (body["tools"], body["seed"]) == ([definition("zoom")], 7)
    assert body["messages"][-1] == {"role": "tool", "content": "0.7", "tool_call_id": "b"}
    assert "Fertig." in [block.value for block in page.chat_message[-1].markdown]


def _store_answer(record: ReplyRecord) -> str:
    """An answered question in the store; gives the conversation."""
    store = services().store
    question = NewQuestion(
        submission_id="before",
        owner="our-browser",
        conversation_id=None,
        parent_id=None,
        message=Message(Role.USER, (TextPart("Was ist das?"),)),
        pictures=(),
        provider=record.provider,
        model=record.model,
    )
    opened = store.save_question(question)
    store.finish_reply(opened.reply_id, record)
    return opened.conversation_id


def test_what_was_called_stands_above_the_answer(playlist: Playlist) -> None:
    """Live as from the record, and readable for somebody who is no expert."""
    page = _open()
    page.button_group(key="tools_built_in").set_value(["read_codes"]).run()
    playlist.streams = [
        deepseek("Addieren.", ("a", "read_codes", WHERE)),
        [*openai(("b", "fly", "{}"), text="Noch etwas.")],
        says("Es ist keiner da."),
    ]

    _ask(page)

    lines = [
        GERMAN.text("answer.reasoning"),
        GERMAN.text("call.codes", number="2"),
        GERMAN.text("call.own", name="fly"),
    ]
    assert _labels(page) == lines
    told = [block.value for block in page.chat_message[-1].expander[1].code]
    assert told[0] == '{\n  "picture": 2\n}'
    assert "There is no picture in this conversation" in told[1]
    live = [block.value for block in page.chat_message[-1].markdown]
    page.run()
    assert _labels(page) == lines
    assert [block.value for block in page.chat_message[-1].markdown] == live

    other = AppTest.from_file(str(MAIN), default_timeout=120)
    other.context = {"locale": "de-DE", "url": "http://localhost:8501/"}
    other.query_params["c"] = page.query_params["c"]
    other.run()
    assert _labels(other) == lines


def test_results_are_typed_below_the_answer_that_waits(playlist: Playlist) -> None:
    """They go back as tool messages, and the answer goes on as another one."""
    page = _open()
    _own(page, OWN)
    playlist.streams = [
        openai(("a", "look_up", '{"what": 1}'), ("b", "look_up", "{}"), text="Ich frage."),
        says("Gut."),
    ]
    _ask(page)
    first, second = page.chat_message[-1].text_area
    assert first.label == GERMAN.text("call.result_of", name=r"look\_up")

    first.set_value("eins")
    second.set_value("zwei")
    page.chat_message[-1].button[0].click().run()

    assert not page.exception
    told = playlist.body(1)["messages"][1:]
    assert [call["id"] for call in told[0]["tool_calls"]] == ["a", "b"]
    assert [(one["tool_call_id"], one["content"]) for one in told[1:]] == [
        ("a", "eins"), ("b", "zwei"),
    ]  # fmt: skip
    assert "Gut." in [block.value for block in page.chat_message[-1].markdown]
    assert not page.chat_message[-1].text_area
    assert len(_labels(page)) == 2


def test_without_the_switch_a_waiting_call_is_only_shown(playlist: Playlist) -> None:
    """Whoever opens the conversation sees what is missing, and no field."""
    page = _open()
    _own(page, OWN)
    playlist.streams = [openai(("a", "look_up", "{}"))]
    _ask(page)

    page.toggle(key="expert").set_value(False).run()

    assert not page.exception
    assert _labels(page) == [GERMAN.text("call.own", name=r"look\_up")]
    assert not page.chat_message[-1].text_area
    said = " ".join(caption.value for caption in page.chat_message[-1].caption)
    assert GERMAN.text("end.tool_calls") in said
