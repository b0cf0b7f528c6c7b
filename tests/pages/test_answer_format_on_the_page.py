"""Answers in a form: chosen on the page, sent as chosen, drawn from what is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.core.language import language
from augenblick.lab.form_fields import FieldKind, Form, FormField
from augenblick.lab.schemas import read_own_schema, response_format_of
from augenblick.ui.chat.filled_form import PartialJson
from augenblick.ui.experts.format_draft import FormatDraft, FormatKind
from augenblick.ui.resources import close_services
from augenblick.ui.tab_state import Tab
from tests.browser.playing import Script
from tests.faults.server import FaultServer
from tests.pages.asking import ask

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"
GERMAN = language("de")
FORM = response_format_of(
    Form(
        (
            FormField("Laden"),
            FormField("Summe", FieldKind.NUMBER, description="mit MwSt"),
            FormField("Tag", FieldKind.DATE, is_required=False),
        )
    )
)
ROWS = response_format_of(
    Form((FormField("Was"), FormField("Preis", FieldKind.NUMBER)), has_rows=True)
)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """An endpoint the page is configured with, and a store of its own."""
    played = Script()
    with FaultServer(played) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        yield played
        close_services()


def _open(**query: str) -> AppTest:
    opened = AppTest.from_file(str(MAIN), default_timeout=120)
    opened.context = {"locale": "de-DE", "url": "http://localhost:8501/"}
    for name, value in query.items():
        opened.query_params[name] = value
    opened.run()
    assert not opened.exception
    return opened


@pytest.fixture
def page(script: Script) -> AppTest:
    """The empty page, in German, with the switch on."""
    return _open(expert="true")


def _choose(page: AppTest, kind: FormatKind) -> None:
    page.radio(key="answer_format").set_value(kind).run()
    assert not page.exception


def _ask(page: AppTest, text: str = "Was kostet das?") -> None:
    ask(page, text)
    assert not page.exception


def _asked_with(
    page: AppTest, script: Script, response_format: dict[str, Any], answer: str
) -> None:
    """Ask with a form, as a preset would have it, and have the answer given."""
    memory = page.session_state["tab"]
    assert isinstance(memory, Tab)
    memory.settings = replace(memory.settings, response_format=response_format)
    script.words = [answer[at : at + 5] for at in range(0, len(answer), 5)]
    _ask(page)


def _sent(script: Script, number: int = -1) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(script.asked[number].body)
    return body


def _said(page: AppTest) -> str:
    """Every word of the last message."""
    message = page.chat_message[-1]
    parts = [*message.markdown, *message.caption, *message.warning]
    return "\n".join(str(part.value) for part in parts)


def test_without_the_switch_there_is_nothing_of_it(script: Script) -> None:
    """No element, and no field in the request."""
    page = _open()
    _ask(page)

    assert not page.radio
    assert "response_format" not in _sent(script)
    (message,) = page.chat_message[-1:]
    assert not message.code
    assert len(message.markdown) == 1


def test_what_is_chosen_is_what_arrives(page: AppTest, script: Script) -> None:
    """Each kind as it is meant, and nothing at all for plain text."""
    _choose(page, FormatKind.FORM)
    _ask(page)
    page.button(key="answer_example_receipt_section").click().run()
    _ask(page)
    _choose(page, FormatKind.JSON)
    _ask(page)
    _choose(page, FormatKind.OWN)
    own = '{"type": "object", "properties": {"a": {"type": "string"}}}'
    page.text_area(key="answer_schema").set_value(own).run()
    _ask(page)
    _choose(page, FormatKind.TEXT)
    _ask(page)

    sent = [_sent(script, number) for number in range(5)]
    form = sent[1]["response_format"]["json_schema"]
    assert list(form["schema"]["properties"]) == [
        "Geschäft", "Datum", "Gesamtbetrag", "Währung", "MwSt",
    ]  # fmt: skip
    assert form["strict"] is True
    assert sent[2]["response_format"] == {"type": "json_object"}
    assert sent[3]["response_format"] == read_own_schema(own)
    assert ["response_format" in body for body in sent] == [False, True, True, True, False]
    firsts = [body["messages"][0] for body in sent]
    assert [first["role"] for first in firsts] == ["user", "user", "system", "user", "user"]
    assert firsts[2]["content"] == "Answer in JSON."


def test_switching_to_and_fro_loses_nothing(page: AppTest) -> None:
    """Fields and schema are still there when their kind is chosen again."""
    _choose(page, FormatKind.FORM)
    page.button(key="answer_example_items_section").click().run()
    _choose(page, FormatKind.OWN)
    page.text_area(key="answer_schema").set_value('{"type": "object"}').run()
    _choose(page, FormatKind.TEXT)
    _choose(page, FormatKind.FORM)

    assert any("Artikel · Preis" in note.value for note in page.caption)
    _choose(page, FormatKind.OWN)
    assert page.text_area(key="answer_schema").value == '{"type": "object"}'


@pytest.mark.parametrize(
    ("text", "key", "params"),
    [
        ('{"type": ', "form.schema.no_json", {"detail": "1:10"}),
        ('{"type": "x"}', "form.schema.no_schema", {"detail": "type"}),
        ("[]", "form.schema.no_object", {}),
    ],
)
def test_a_schema_that_is_none_is_said_and_not_sent(
    page: AppTest, script: Script, text: str, key: str, params: dict[str, str]
) -> None:
    """One sentence, the text stays where it is, and no question goes out without it."""
    _choose(page, FormatKind.OWN)
    page.text_area(key="answer_schema").set_value(text).run()
    _ask(page)

    said = [warning.value.replace("\\", "") for warning in page.warning]
    assert said == [GERMAN.text(key, **params)]
    assert page.text_area(key="answer_schema").value == text
    assert script.asked == []
    assert "response\\_format" in page.error[0].body
    _choose(page, FormatKind.TEXT)
    _ask(page)
    assert "response_format" not in _sent(script)


def test_the_table_opens_and_closes(page: AppTest) -> None:
    """What is in it by then is kept."""
    _choose(page, FormatKind.FORM)
    page.button(key="answer_fields_open").click().run()
    page.button(key="answer_example_receipt_dialog").click().run()
    page.button(key="answer_fields_done").click().run()

    assert not page.exception
    assert not [button for button in page.button if button.key == "answer_fields_done"]
    assert any("Gesamtbetrag" in note.value for note in page.caption)


def test_an_answer_becomes_a_form_for_everybody(page: AppTest, script: Script) -> None:
    """Names, values as people write them, descriptions; also later and without the switch."""
    answer = '{"Laden": "Café *Süß*", "Summe": 1234.5, "Tag": "2026-11-21"}'
    _asked_with(page, script, FORM, answer)
    assert _sent(script)["response_format"] == FORM
    conversation_id = page.query_params["c"]
    later = _open(c="".join(conversation_id))

    for shown in (page, later):
        said = _said(shown)
        assert "Laden" in said
        assert "**Café \\*Süß\\***" in said
        assert "mit MwSt" in said
        assert "**1234,5**" in said
        assert "**21. November 2026**" in said
        assert GERMAN.text("form.verdict_right") in said
        (code,) = shown.chat_message[-1].code
        assert json.loads(code.value) == json.loads(answer)
        keys = [button.key or "" for button in shown.chat_message[-1].button]
        assert any(key.startswith("ask_again_") for key in keys)
    assert not later.radio


def test_what_is_wrong_is_said_beside_its_field(page: AppTest, script: Script) -> None:
    """In words, and how many they are."""
    _asked_with(page, script, FORM, '{"Summe": "viel", "Tag": "bald", "Mehr": 1}')
    said = _said(page)

    for code in ("missing", "no_number", "no_date", "extra"):
        assert GERMAN.text(f"form.cell.{code}") in said
    assert GERMAN.text("form.verdict_wrong", count=4) in said


def test_rows_become_a_table(page: AppTest, script: Script) -> None:
    """With a line for what does not fit."""
    rows = [{"Was": "Brot", "Preis": 2.35}, {"Was": "$5 Öl", "Preis": "zwei"}]
    _asked_with(page, script, ROWS, json.dumps({"items": rows}))

    table = page.chat_message[-1].table[0].value
    assert list(table.columns) == ["Was", "Preis"]
    wrong = ":orange[:material/warning: zwei]"
    assert table.to_numpy().tolist() == [["Brot", "2,35"], ["\\$5 Öl", wrong]]
    place = f"{GERMAN.text('form.row', row='2')}, Preis: "
    assert place + GERMAN.text("form.cell.no_number") in _said(page)


def test_prose_stays_prose_and_is_said_to_be_some(page: AppTest, script: Script) -> None:
    """An endpoint that ignores the form loses nobody the answer."""
    _asked_with(page, script, FORM, "Das kostet **12 Euro**.")

    assert GERMAN.text("form.not_in_form") in _said(page)
    assert "Das kostet **12 Euro**." in _said(page)
    assert not page.chat_message[-1].code


def test_columns_that_look_alike_stay_two(page: AppTest, script: Script) -> None:
    """No column is lost because of its name."""
    _asked_with(page, script, {"type": "json_object"}, '[{"a b": 1, "a  b": 2}]')

    assert page.chat_message[-1].table[0].value.to_numpy().tolist() == [["1", "2"]]


def test_a_step_down_is_said_below_the_answer(page: AppTest, script: Script) -> None:
    """One sentence for each step; the answer is a form all the same."""
    script.refuses_field = "response_format"
    _asked_with(page, script, FORM, '{"Laden": "Café", "Summe": 3, "Tag": null}')
    said = _said(page)

    assert "**Café**" in said
    assert GERMAN.text("adjustment.json_object_instead") in said
    assert GERMAN.text("adjustment.form_in_words") in said
    kinds = [_sent(script, number).get("response_format", {}).get("type") for number in range(3)]
    assert kinds == ["json_schema", "json_object", None]


def test_an_answer_that_was_cut_shows_what_came(page: AppTest, script: Script) -> None:
    """And no complaint about what could not come any more."""
    script.finish_reason = "length"
    _asked_with(page, script, FORM, '{"Laden": "Café", "Summe": 12')
    said = _said(page)

    assert "**Café**" in said
    assert GERMAN.text("form.cut") in said
    assert GERMAN.text("end.length") in said
    assert GERMAN.text("form.cell.missing") not in said
    assert GERMAN.text("form.verdict_right") not in said


def test_a_refusal_is_shown_as_one(
    page: AppTest, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the model's own words, without any form."""
    monkeypatch.setattr(script, "_pieces", _refusing)
    _asked_with(page, script, FORM, "")

    assert "Das beantworte ich nicht." in _said(page)
    assert GERMAN.text("end.refused") in _said(page)
    assert GERMAN.text("form.not_in_form") not in _said(page)


def _refusing(_choices: object) -> Iterator[bytes]:
    """A stream as strict mode sends it where the model declines."""
    for choice in (
        {"delta": {"role": "assistant", "content": "", "refusal": None}},
        {"delta": {"refusal": "Das beantworte "}},
        {"delta": {"refusal": "ich nicht."}},
        {"delta": {}, "finish_reason": "stop"},
    ):
        chunk = {"id": "c", "choices": [{"index": 0, "finish_reason": None, **choice}]}
        yield f"data: {json.dumps(chunk)}\n\n".encode()
    yield b"data: [DONE]\n\n"


def test_free_json_becomes_a_form_too(page: AppTest, script: Script) -> None:
    """By what it holds; nobody says whether it is right."""
    _asked_with(page, script, {"type": "json_object"}, '{"a": {"b": 1}, "c": true, "d": ["x"]}')
    said = _said(page)

    assert '**\\{"b"\\:1\\}**' in said
    assert "**Ja**" in said
    assert "- x" in said
    assert GERMAN.text("form.verdict_right") not in said


def test_the_draft_takes_up_what_others_wrote() -> None:
    """A reload, a preset or a reset: the panel shows what will be sent."""
    draft = FormatDraft()
    seen = []
    for given in (FORM, {"type": "json_object"}, read_own_schema('{"type": "object"}'), ROWS, None):
        draft.follow(given, 0)
        seen.append((draft.kind, draft.has_rows, draft.write()))

    own = read_own_schema('{"type": "object"}')
    assert seen == [
        (FormatKind.FORM, False, FORM),
        (FormatKind.JSON, False, {"type": "json_object"}),
        (FormatKind.OWN, False, own),
        (FormatKind.FORM, True, ROWS),
        (FormatKind.TEXT, True, None),
    ]


def test_a_draft_with_a_gap_sends_nothing_and_stays() -> None:
    """Rows without a word do not count."""
    draft = FormatDraft(FormatKind.FORM, (FormField("a"), FormField(" "), FormField("a")))
    assert draft.write() is None
    draft.follow(None, 0)
    assert draft.kind is FormatKind.FORM
    draft.fields = (FormField(" a "), FormField(""))
    assert draft.write() == response_format_of(Form((FormField("a"),)))


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (("  ", '{"a"', ": 1}"), '``````json\n{\n  "a": 1\n}'),
        (("  ", "Das", " ist es"), "  Das ist es"),
        (("```json\n", '{"a": 1}'), '```json\n{"a": 1}'),
    ],
)
def test_json_streams_as_code_and_words_as_words(pieces: tuple[str, ...], shown: str) -> None:
    """Only appended to, so that nothing is sent twice."""
    coming = PartialJson()

    assert "".join(coming.feed(piece) for piece in pieces) == shown
