"""The request fields on the page: what is typed is what arrives, or it is refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.core.language import language
from augenblick.core.settings import FIELDS, RequestSettings
from augenblick.store import Store
from augenblick.store.store_values import Preset
from augenblick.ui.experts.presets import WORKING_NAME
from augenblick.ui.resources import close_services
from tests.browser.playing import Script
from tests.faults.server import FaultServer
from tests.pages.asking import ask, given_back, tab_of
from tests.pages.conftest import Visitor

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"
_STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
_AREAS = {"stop", "expert_system", "expert_logit_bias", "expert_extra"}
_FLAGS = {"stream", "include_usage"}


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """An endpoint the page is configured with, and a store of its own."""
    played = Script()
    with FaultServer(played) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        yield played
        close_services()


def _open(locale: str = "de-DE", **address: str) -> AppTest:
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.context = {"locale": locale, "url": "http://localhost:8501/"}
    for name, value in ({"expert": "true"} | address).items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    return page


def _type(page: AppTest, key: str, typed: str) -> None:
    widget: Any = page.text_input
    if key in _AREAS:
        widget = page.text_area
    if key in _FLAGS:
        widget = page.selectbox
    widget(key=key).set_value(typed).run()
    assert not page.exception


def _ask(page: AppTest, script: Script) -> dict[str, Any]:
    """Ask, and return the body that arrived."""
    before = len(script.asked)
    ask(page, "Wer bist du?")
    assert not page.exception
    assert len(script.asked) == before + 1
    body: dict[str, Any] = json.loads(script.asked[-1].body)
    return body


def _fields(body: dict[str, Any]) -> str:
    """Everything but model and messages, in one spelling."""
    left = {name: value for name, value in body.items() if name not in {"model", "messages"}}
    return json.dumps(left, sort_keys=True)


def _stored(tmp_path: Path) -> dict[str, RequestSettings]:
    store = Store(f"sqlite:///{tmp_path / 'augenblick.db'}")
    found = {preset.name: preset.settings for preset in store.list_presets("our-browser")}
    store.close()
    return found


RIGHT: list[tuple[str, str, dict[str, Any]]] = [
    *(
        ("temperature", typed, {"temperature": value})
        for typed, value in (("0", 0), ("0.0", 0.0), (" 0,25 ", 0.25), ("2", 2), ("1e-1", 0.1))
    ),
    ("top_p", "1", {"top_p": 1}),
    ("top_p", ".5", {"top_p": 0.5}),
    ("presence_penalty", "-2", {"presence_penalty": -2}),
    ("frequency_penalty", "2,0", {"frequency_penalty": 2.0}),
    ("seed", "0", {"seed": 0}),
    ("seed", "9223372036854775807", {"seed": 2**63 - 1}),
    ("seed", "-9223372036854775808", {"seed": -(2**63)}),
    ("max_tokens", "1", {"max_tokens": 1}),
    ("n", "1", {"n": 1}),
    ("n", "128", {"n": 128}),
    ("stop", "END", {"stop": ["END"]}),
    ("stop", "\\n\\n\n a \n\n\\t\n\\\\n", {"stop": ["\n\n", " a ", "\t", "\\n"]}),
    ("expert_user", "someone", {"user": "someone"}),
    ("expert_extra", '{"top_k": 5, "stop": null}', {"top_k": 5, "stop": None}),
    ("expert_logit_bias", '{"50256": -100}', {"logit_bias": {"50256": -100}}),
    ("expert_logit_bias", ' {"0": 100,\n"12": 5.5} ', {"logit_bias": {"0": 100, "12": 5.5}}),
    ("expert_logit_bias", "{}", {}),
    ("stream", "false", {"stream": False}),
    ("include_usage", "false", {"stream": True}),
    *((key, "", {}) for key in ("temperature", "seed", "stop", "expert_extra", "expert_user")),
]

WRONG: list[tuple[str, str]] = [
    *(("temperature", typed) for typed in ("-0.1", "2.01", "warm", "1 2", "NaN", "inf", "1e999")),
    ("top_p", "1.1"),
    ("presence_penalty", "-2.5"),
    ("frequency_penalty", "3"),
    *(("seed", typed) for typed in ("9223372036854775808", "1.5", "x", "٣", "9" * 5000)),
    *(("max_tokens", typed) for typed in ("0", "-1", "1.5")),
    *(("n", typed) for typed in ("0", "129", "two")),
    ("stop", "a\nb\nc\nd\ne"),
    *(
        ("expert_extra", typed)
        for typed in ("[]", '{"a": NaN}', "{", "5", "[" * 100_000, '{"a": "\\ud800"}')
    ),
    *(
        ("expert_logit_bias", typed)
        for typed in (
            "50256: -100", "{50256: -100}", '{"50256": }', "[]", "-100", '{"word": 1}', '{"-1": 1}',
            '{"": 1}', '{"٣": 1}', "{" * 100_000, '{"1": 1} x', '{"7": 5, "1": 1, "7": 6}',
            '{"1": NaN}',
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("key", "typed", "expected"), RIGHT)
def test_what_is_typed_is_what_arrives(
    script: Script, key: str, typed: str, expected: dict[str, Any]
) -> None:
    """The chosen field arrives with its value, and no other field does; the answer is shown."""
    page = _open()
    _type(page, key, typed)

    body = _ask(page, script)

    streamed = _STREAMED if "stream" not in expected else {}
    assert _fields(body) == json.dumps({**streamed, **expected}, sort_keys=True)
    assert script.text in [shown.value for shown in page.chat_message[1].markdown]


@pytest.mark.parametrize(("key", "typed"), WRONG, ids=lambda each: each[:30])
def test_what_cannot_be_sent_is_said_and_not_sent(script: Script, key: str, typed: str) -> None:
    """One sentence below the field names the range; asking sends nothing and loses nothing."""
    page = _open()
    name = key.removeprefix("expert_")
    _type(page, key, typed)
    area: Any = page.text_area if key in _AREAS else page.text_input

    spoken = name.replace("_", "\\_")
    said = [each.value for each in page.markdown]
    assert any(spoken in each and "Erlaubt: " in each for each in said)
    ask(page, "Wer bist du?")

    assert not page.exception
    assert script.asked == []
    notice = page.error[0].body
    assert notice.startswith(f"Das Anfragefeld {spoken}")
    assert FIELDS[name].allowed.split()[-1].strip("{}") in notice
    assert area(key=key).value == typed
    assert given_back(page) == ["Wer bist du?"]


@pytest.mark.parametrize(
    ("typed", "field", "allowed"),
    [
        ('{"7": 101}', "logit_bias.7", "-100 … 100"),
        ('{"1": 5, "7": "5"}', "logit_bias.7", "-100 … 100"),
        ('{"7": true}', "logit_bias.7", "-100 … 100"),
        ('{"7": 1e999}', "logit_bias.7", "-100 … 100"),
        ('{"7": null}', "logit_bias.7", "-100 … 100"),
        ('{"7": {}}', "logit_bias.7", "-100 … 100"),
    ],
)
@pytest.mark.parametrize("locale", ["de-DE", "en-US"])
def test_a_wrong_bias_is_named_by_its_token(
    script: Script, locale: str, typed: str, field: str, allowed: str
) -> None:
    """In a long list nobody would find it; what was typed stays, and nothing is sent."""
    page = _open(locale)
    _type(page, "expert_logit_bias", typed)

    said = language(locale[:2]).text(
        "expert.invalid", field=field.replace("_", "\\_"), allowed=allowed
    )
    assert any(said in each.value for each in page.markdown)
    ask(page, "Hi")
    assert script.asked == []
    assert page.text_area(key="expert_logit_bias").value == typed


def test_biases_are_kept_and_come_back_with_a_preset(script: Script, tmp_path: Path) -> None:
    """Stored as ever: after a reload, with a link that names other fields, from a preset."""
    biases = {str(token): -1.5 for token in range(300)} | {"50256": -100}
    store = Store(f"sqlite:///{tmp_path / 'augenblick.db'}")
    for name in (WORKING_NAME, "Kein Ende"):
        preset = Preset(name, RequestSettings("", seed=7, logit_bias=biases))
        store.save_preset(preset, owner="our-browser")
    store.close()

    page = _open()
    assert _ask(page, script)["logit_bias"] == biases
    assert _ask(_open(temperature="0.2"), script)["logit_bias"] == biases
    _type(page, "expert_logit_bias", "")
    assert "logit_bias" not in _ask(page, script)
    page.button(key="expert_preset_use_0").click().run()
    assert json.loads(page.text_area(key="expert_logit_bias").value or "") == biases
    assert _ask(page, script)["logit_bias"] == biases


def test_once_it_is_right_the_question_goes_out(script: Script) -> None:
    """The notice goes as soon as the field is right; nothing else has to be done."""
    page = _open()
    _type(page, "temperature", "3")
    ask(page, "Wer bist du?")
    assert page.error

    _type(page, "temperature", "0,3")

    assert not page.error
    assert json.loads(_fields(_ask(page, script)))["temperature"] == 0.3


@pytest.mark.parametrize("locale", ["de-DE", "en-US"])
def test_messages_in_the_free_json_are_refused_with_the_reason(script: Script, locale: str) -> None:
    """They would replace the conversation, and the sentence says so."""
    page = _open(locale)

    _type(page, "expert_extra", '{"messages": []}')
    ask(page, "Hi")

    what = language(locale[:2]).text("error.messages_in_extra.what")
    assert any(what in each.value for each in page.markdown)
    assert page.error[0].body.startswith(what)
    assert script.asked == []


def test_a_system_message_goes_first_and_stays_out_of_the_address(script: Script) -> None:
    """It arrives as it is; neither it, nor the user, nor free JSON stands in the address."""
    page = _open()
    _type(page, "expert_system", " Antworte knapp.\n")
    _type(page, "expert_user", "canary-user")
    _type(page, "expert_extra", '{"canary": 1}')
    _type(page, "temperature", "0.1")

    body = _ask(page, script)

    assert body["messages"][0] == {"role": "system", "content": " Antworte knapp.\n"}
    assert body["messages"][1]["role"] == "user"
    assert set(page.query_params) == {"expert", "c"}


def test_asking_again_and_going_on_heed_the_fields(script: Script) -> None:
    """A changed field counts for the next answer to the same question; a wrong one stops it."""
    page = _open()
    _ask(page, script)
    again = next(each for each in page.button if (each.key or "").startswith("ask_again_"))

    page.text_input(key="seed").set_value("7")
    again.click().run()

    assert not page.exception
    assert json.loads(script.asked[-1].body)["seed"] == 7
    page.text_input(key="seed").set_value("seven")
    next(each for each in page.button if (each.key or "").startswith("ask_again_")).click().run()
    assert len(script.asked) == 2
    assert page.error


def test_nobody_who_leaves_the_switch_off_meets_any_of_it(script: Script) -> None:
    """No widget, no sentence, no read of presets; fields in the address are not sent."""
    page = _open(expert="false", temperature="0.5")

    assert [each.key for each in page.text_input] == ["search_beside"]
    assert [each.key for each in page.text_area] == []
    assert _fields(_ask(page, script)) == json.dumps(_STREAMED, sort_keys=True)


def test_switched_off_nothing_is_sent_and_switched_on_all_is_back(script: Script) -> None:
    """The switch keeps what was typed."""
    page = _open()
    _type(page, "temperature", "0.5")
    _type(page, "expert_system", "Knapp.")

    page.toggle(key="expert").set_value(False).run()
    assert _fields(_ask(page, script)) == json.dumps(_STREAMED, sort_keys=True)
    page.toggle(key="expert").set_value(True).run()

    body = _ask(page, script)
    assert body["temperature"] == 0.5
    assert body["messages"][0]["role"] == "system"


def test_a_link_opens_with_its_settings(script: Script) -> None:
    """The short fields of a link are sent as they stand there."""
    page = _open(temperature="0.2", n="3", stream="false")

    assert page.text_input(key="temperature").value == "0.2"
    assert _fields(_ask(page, script)) == json.dumps(
        {"n": 3, "stream": False, "temperature": 0.2}, sort_keys=True
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", "9"), ("n", "many"), ("stream", "perhaps"), ("stop", "\n" * 3)],
)
def test_a_bad_value_in_a_link_is_left_out(script: Script, name: str, value: str) -> None:
    """A sentence says so where there was anything; the rest of the link counts."""
    page = _open(**{name: value, "seed": "5"})

    sentence = language("de").text("expert.ignored", field=name, allowed="")[:20]
    is_said = any(sentence in each.value for each in page.markdown)
    assert is_said == (name != "stop")
    assert _fields(_ask(page, script)) == json.dumps({"seed": 5, **_STREAMED}, sort_keys=True)
    page.button(key="expert_reset").click().run()
    assert not any(sentence in each.value for each in page.markdown)


def test_a_reload_has_all_settings(script: Script, tmp_path: Path) -> None:
    """Another visit of the same browser begins with everything, without an address too."""
    page = _open()
    for key, typed in (
        ("temperature", "0.5"), ("stop", "a\n\\n"), ("stream", "false"), ("expert_user", "u"),
        ("expert_system", "Knapp."), ("expert_extra", '{"top_k": 5}'),
    ):  # fmt: skip
        _type(page, key, typed)
    first = _ask(page, script)

    again = _ask(_open(), script)

    assert again == first
    assert list(_stored(tmp_path)) == [WORKING_NAME]


def test_a_link_comes_before_the_last_visit(script: Script) -> None:
    """What a link names is all of the short ones; the long ones of the browser stay."""
    page = _open()
    _type(page, "temperature", "0.5")
    _type(page, "expert_system", "Knapp.")

    body = _ask(_open(seed="3"), script)

    assert _fields(body) == json.dumps({"seed": 3, **_STREAMED}, sort_keys=True)
    assert body["messages"][0]["content"] == "Knapp."


def test_a_link_counts_for_its_visit_only_unless_it_is_kept(script: Script) -> None:
    """Another link, changed by hand, leaves alone what somebody had chosen before."""
    page = _open()
    _type(page, "temperature", "0.5")
    linked = _open(temperature="1.9", n="4")
    _type(linked, "n", "3")

    assert _fields(_ask(_open(), script)) == json.dumps(
        {"temperature": 0.5, **_STREAMED}, sort_keys=True
    )
    linked.button("expert_keep_link").click().run()
    assert _fields(_ask(_open(), script)) == json.dumps(
        {"temperature": 1.9, "n": 3, **_STREAMED}, sort_keys=True
    )


def test_reset_lets_nothing_be_sent(script: Script, tmp_path: Path) -> None:
    """One click empties every field, wrong ones and those in the address too."""
    page = _open(temperature="0.5", n="2")
    _type(page, "expert_system", "Knapp.")
    _type(page, "seed", "x")

    page.button(key="expert_reset").click().run()

    assert not page.exception
    assert page.text_input(key="seed").value == ""
    body = _ask(page, script)
    assert _fields(body) == json.dumps(_STREAMED, sort_keys=True)
    assert len(body["messages"]) == 1
    assert set(page.query_params) == {"expert", "c"}
    assert _stored(tmp_path)[WORKING_NAME] == RequestSettings("")


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ({}, "expert.sent_nothing"),
        ({"temperature": "1"}, "expert.sent"),
        ({"temperature": "1", "expert_user": "u", "stop": "a\nb"}, "expert.sent"),
    ],
)
def test_the_number_of_settings_is_said(script: Script, typed: dict[str, str], key: str) -> None:
    """Before asking, a line says how many settings go along."""
    page = _open()
    for name, text in typed.items():
        _type(page, name, text)

    said = language("de").text(key, count=len(typed))
    assert said in [each.value for each in page.caption]


def test_presets_are_saved_used_and_deleted(script: Script, tmp_path: Path) -> None:
    """A name brings all settings back, in another visit too; deleted, it is gone for good."""
    page = _open()
    _type(page, "temperature", "0.5")
    _type(page, "expert_system", "Knapp.")
    page.text_input(key="expert_preset_name").set_value("  *Knapp*\u2060 ")
    page.button(key="expert_preset_save").click().run()
    assert not page.exception
    page.button(key="expert_reset").click().run()

    other = _open()
    other.button(key="expert_preset_use_0").click().run()

    assert set(_stored(tmp_path)) == {WORKING_NAME, "*Knapp*"}
    assert other.text_area(key="expert_system").value == "Knapp."
    body = _ask(other, script)
    assert body["temperature"] == 0.5
    other.button(key="expert_preset_delete_0").click().run()
    assert not other.exception
    assert set(_stored(tmp_path)) == {WORKING_NAME}


def test_presets_belong_to_a_browser(script: Script, visitor: Visitor) -> None:
    """Another browser has neither the settings nor the presets."""
    page = _open()
    _type(page, "expert_system", "Knapp.")
    page.text_input(key="expert_preset_name").set_value("Knapp")
    page.button(key="expert_preset_save").click().run()

    visitor.browser_id = "another-browser"
    other = _open()

    assert other.text_area(key="expert_system").value == ""
    assert not [each for each in other.button if each.key == "expert_preset_use_0"]


def test_a_browser_without_a_cookie_leaves_nothing_behind(
    script: Script, visitor: Visitor, tmp_path: Path
) -> None:
    """Nobody could find it again, so nothing is stored; asking works all the same."""
    visitor.browser_id = ""
    page = _open()
    _type(page, "expert_system", "Knapp.")

    assert _ask(page, script)["messages"][0]["content"] == "Knapp."
    assert _stored(tmp_path) == {}


def test_what_is_not_to_be_stored_stores_no_settings_either(script: Script, tmp_path: Path) -> None:
    """While a conversation is kept nowhere, its system message is not either."""
    page = _open()
    tab_of(page).is_temporary = True  # as the composer's menu does
    page.run()
    _type(page, "expert_system", "canary-system")

    assert _ask(page, script)["messages"][0]["content"] == "canary-system"
    assert _stored(tmp_path) == {}
