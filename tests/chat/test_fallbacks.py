"""A refused request is changed as little as needed, told, remembered, and never changed twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from augenblick.chat import fallbacks
from augenblick.chat.fallbacks import ask_for_missing
from augenblick.chat.request_changes import Fallback, Request
from augenblick.core import errors
from augenblick.core.errors import ProviderError
from augenblick.core.messages import (
    Adjustment,
    Attachment,
    ImagePart,
    Message,
    Provenance,
    Role,
    TextPart,
    TileOf,
    ToolCall,
)
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.error_body import read_error
from augenblick.endpoint.error_mapping import refusal
from augenblick.endpoint.payload import build_payload
from augenblick.lab.form_fields import Form, FormField
from augenblick.lab.form_prompts import with_json_named
from augenblick.lab.schemas import response_format_of
from augenblick.pictures import prepare_image
from augenblick.pictures.variants import PictureVariants

BODIES = json.loads((Path(__file__).parents[1] / "endpoint" / "refusals.json").read_text("utf-8"))


def picture(name: str, side_px: int = 2016, media_type: str = "image/jpeg") -> Attachment:
    """A prepared picture."""
    receipt = Provenance(name, "JPEG", 9, 4032, 3024)
    return Attachment(name, media_type, side_px, side_px * 3 // 4, 9, receipt)


class WithoutPixels(PictureVariants):
    """What the pictures room does, without pixels."""

    def shrink(self, attachment: Attachment, longest_side_px: int) -> Attachment:
        """As the real ones."""
        return replace(attachment, width_px=longest_side_px, height_px=longest_side_px * 3 // 4)

    def to_jpeg(self, attachment: Attachment) -> Attachment:
        """As the real ones."""
        return replace(attachment, media_type="image/jpeg")


PICTURES = WithoutPixels(load_content=str.encode, prepare=prepare_image)


def question(text: str, *pictures: Attachment) -> Message:
    """A user's message with pictures first."""
    return Message(Role.USER, (*(ImagePart(one) for one in pictures), TextPart(text)))


def answer(text: str) -> Message:
    """A model's message."""
    return Message(Role.ASSISTANT, (TextPart(text),))


TALK = (
    question("one", picture("a"), picture("b")), answer("two"), question("three", picture("c")),
    answer("four"), question("five", picture("d"), picture("e", media_type="image/png")),
)  # fmt: skip
SETTINGS = RequestSettings(
    "m", temperature=0.2, max_tokens=500, seed=7, frequency_penalty=0.0, presence_penalty=1.0,
    system="Be kind.", extra={"logprobs": True},
)  # fmt: skip
REQUEST = Request(TALK, SETTINGS)
FORM = response_format_of(Form((FormField("Währung"),)))


def heal(
    error: ProviderError,
    request: Request = REQUEST,
    *,
    quirks: Mapping[str, str] | None = None,
    applied: Sequence[Adjustment] = (),
) -> Fallback | None:
    """A fallback, or none."""
    return fallbacks.fallback_for(error, request, quirks or {}, PICTURES, applied)


def apply_quirks(
    request: Request, quirks: Mapping[str, str]
) -> tuple[Request, tuple[Adjustment, ...]]:
    """What was learnt, applied."""
    return fallbacks.apply_quirks(request, quirks, PICTURES)


def healed(
    error: ProviderError, request: Request = REQUEST, *, applied: Sequence[Adjustment] = ()
) -> Fallback:
    """A fallback that must be there."""
    fallback = heal(error, request, applied=applied)
    assert fallback is not None
    return fallback


def wire(request: Request) -> dict[str, Any]:
    """The payload of a request, a picture's data URI being its name."""
    return build_payload(request.messages, request.settings, data_uri=lambda one: one.sha256)


def names(request: Request) -> str:
    """The pictures that are sent."""
    return "".join(one.sha256 for message in request.messages for one in message.attachments)


def test_a_field_goes_by_its_other_name() -> None:
    """Reasoning models want max_completion_tokens; the value is kept."""
    error = errors.RequestRejected(
        code="unknown_field", field="max_tokens", instead="max_completion_tokens"
    )
    fallback = healed(error)
    payload = wire(fallback.request)
    assert "max_tokens" not in payload
    assert payload["max_completion_tokens"] == 500
    assert fallback.adjustment == Adjustment(
        "renamed_field", {"field": "max_tokens", "instead": "max_completion_tokens"}
    )
    back = healed(
        errors.RequestRejected(code="unknown_field", field="max_completion_tokens"),
        fallback.request,
    )
    assert "max_completion_tokens" not in wire(back.request)


@pytest.mark.parametrize(
    "field", ["temperature", "seed", "frequency_penalty", "stream_options", "logprobs"]
)
def test_an_unknown_field_is_left_out_and_remembered(field: str) -> None:
    """Only that field is missing afterwards, and next time it is missing from the start."""
    assert field in wire(REQUEST)
    fallback = healed(errors.RequestRejected(code="unknown_field", field=field))
    assert wire(fallback.request) == {
        key: value for key, value in wire(REQUEST).items() if key != field
    }
    assert fallback.adjustment == Adjustment("dropped_field", {"field": field})
    again, adjustments = apply_quirks(REQUEST, fallback.quirks)
    assert again == fallback.request
    assert adjustments == (fallback.adjustment,)


def test_streaming_itself_can_be_given_up() -> None:
    """A model that does not stream answers in one piece."""
    payload = wire(healed(errors.RequestRejected(code="unknown_field", field="stream")).request)
    assert payload["stream"] is False
    assert "stream_options" not in payload


def test_a_refused_value_is_no_quirk() -> None:
    """A temperature of 9 says nothing about the model; "only the default" does."""
    error = errors.RequestRejected(code="field_value_rejected", field="temperature")
    assert healed(error).quirks == {}
    error = errors.RequestRejected(
        code="field_value_rejected", field="temperature", only_default="only the default"
    )
    assert healed(error).quirks == {"field.temperature": ""}


def test_several_answers_are_asked_for_one_by_one() -> None:
    """As many requests as answers; a refused number is a quirk for that many and more."""
    request = replace(REQUEST, settings=replace(SETTINGS, n=5))
    unknown = healed(errors.RequestRejected(code="unknown_field", field="n"), request)
    assert unknown.request == replace(REQUEST, times=5)
    assert unknown.adjustment == Adjustment("asked_apart", {"wanted": 5, "count": 5})
    too_many = healed(errors.RequestRejected(code="field_value_rejected", field="n"), request)
    for n, after_unknown, after_too_many in ((1, 1, 1), (2, 2, 1), (4, 4, 1), (5, 5, 5), (9, 9, 9)):
        wanted = replace(REQUEST, settings=replace(SETTINGS, n=n))
        assert apply_quirks(wanted, unknown.quirks)[0].times == after_unknown
        assert apply_quirks(wanted, too_many.quirks)[0].times == after_too_many
    further = healed(errors.RequestRejected(code="unknown_field", field="seed"), unknown.request)
    assert further.adjustment.code == "dropped_field"
    assert further.request.times == 5


def test_answers_that_did_not_come_are_asked_for() -> None:
    """Only those; where none or all are missing there is nothing to ask for."""
    request = replace(REQUEST, settings=replace(SETTINGS, n=3))
    assert [ask_for_missing(request, missing) for missing in (0, 3)] == [None, None]
    assert ask_for_missing(REQUEST, 1) is None
    for missing, known_from in ((2, "2"), (1, "3")):
        fallback = ask_for_missing(request, missing)
        assert fallback is not None
        assert fallback.adjustment.params == {"wanted": 3, "count": missing + 1}
        assert list(fallback.quirks.values()) == [known_from]


@pytest.mark.parametrize(
    "field", ["model", "messages", "messages.0.name", "user", "", "__class__", "system"]
)
def test_what_cannot_be_left_out_stays(field: str) -> None:
    """A complaint about something that is needed, or was not sent, has no fallback."""
    assert heal(errors.RequestRejected(code="unknown_field", field=field)) is None


def test_too_many_pictures_keeps_the_newest() -> None:
    """The newest pictures are the ones the question is about."""
    fallback = healed(errors.RequestRejected(code="too_many_pictures", limit=3))
    assert names(fallback.request) == "cde"
    assert fallback.adjustment == Adjustment("dropped_pictures", {"count": 2, "limit": 3})
    assert names(apply_quirks(REQUEST, fallback.quirks)[0]) == "cde"
    assert names(healed(errors.RequestRejected(code="too_many_pictures")).request) == "de"
    assert (
        names(
            healed(
                errors.RequestRejected(code="too_many_pictures"), Request(TALK[4:], SETTINGS)
            ).request
        )
        == "e"
    )
    assert heal(errors.RequestRejected(code="too_many_pictures", limit=9)) is None


def part(name: str, index: int, *, is_region: bool = True) -> Attachment:
    """One of two parts of a picture, or with 0 the overview of them."""
    receipt = replace(picture(name).receipt, tile=TileOf(index, 2, 0, 0, 9, 9, is_region))
    return replace(picture(name), receipt=receipt)


@pytest.mark.parametrize(
    ("pictures", "limit", "sent", "said"),
    [
        ([part("A", 0), part("b", 1), part("c", 2)], 2, "Ab", "dropped_regions"),
        ([part("A", 0), part("b", 1), part("c", 2)], 1, "A", "dropped_regions"),
        ([picture("Z"), part("A", 0), part("b", 1), part("c", 2)], 3, "ZAb", "dropped_regions"),
        ([picture("Z"), part("A", 0), part("b", 1), part("c", 2)], 1, "A", "dropped_parts"),
        ([part("A", 0, is_region=False), part("b", 1, is_region=False)], 1, "A", "dropped_parts"),
        (
            [part("A", 0), part("b", 1), part("C", 0), part("d", 1), part("e", 2)],
            2, "AC", "dropped_parts",
        ),
        ([part("A", 1), part("b", 2)], 1, "A", "dropped_parts"),
        ([picture("A"), picture("A"), picture("B")], 2, "AB", "dropped_pictures"),
    ],
)  # fmt: skip
def test_of_a_picture_in_parts_the_whole_is_kept(
    pictures: list[Attachment], limit: int, sent: str, said: str
) -> None:
    """It shows all of them, with their numbers; what was left out is said in the right words."""
    request = Request((*TALK[:4], question("what does 2 say?", *pictures)), SETTINGS)
    fewer = healed(errors.RequestRejected(code="too_many_pictures", limit=len(pictures)), request)
    assert fewer.adjustment.code == "dropped_pictures"
    assert names(fewer.request) == "".join(each.sha256 for each in pictures)

    fallback = healed(errors.RequestRejected(code="too_many_pictures", limit=limit), fewer.request)

    assert names(fallback.request) == sent
    assert fallback.adjustment.code == said
    if said == "dropped_regions":
        assert fallback.adjustment.params["numbers"] == ("2" if len(sent) > 1 else "1, 2")
        content = wire(fallback.request)["messages"][-1]["content"]
        assert "has 2 numbered regions outlined" in content[len(sent)]["text"]


def test_a_message_of_pictures_alone_goes_with_them() -> None:
    """No empty message is sent."""
    talk = (Message(Role.USER, (ImagePart(picture("a")),)), *TALK[3:])
    assert (
        healed(
            errors.RequestRejected(code="too_many_pictures", limit=2), Request(talk, SETTINGS)
        ).request.messages
        == talk[1:]
    )


def test_pictures_too_large_are_prepared_smaller_step_by_step() -> None:
    """Each refusal leads to the next smaller size, and at last to a person."""
    request, applied, quirks, sides = REQUEST, list[Adjustment](), dict[str, str](), list[int]()
    while fallback := heal(
        errors.RequestRejected(code="picture_too_large"), request, applied=applied, quirks=quirks
    ):
        request = fallback.request
        applied.append(fallback.adjustment)
        quirks |= fallback.quirks
        sides.append(
            max(one.width_px for message in request.messages for one in message.attachments)
        )
        assert len(applied) < 20
    assert sides == [1536, 1024, 768, 512]
    assert names(request) == "abcde"
    assert len(applied) == len(sides)
    assert quirks == {"pictures.longest_side_px": "512"}


def test_a_limit_that_was_said_is_kept_to() -> None:
    """Where the endpoint names a number of pixels, that number is used."""
    fallback = healed(errors.RequestRejected(code="picture_too_large", limit_px=2000))
    assert fallback.adjustment == Adjustment("shrank_pictures", {"count": 5, "side_px": 2000})
    small = Request((question("x", picture("a", 300)),), SETTINGS)
    assert heal(errors.RequestRejected(code="picture_too_large", limit_px=2000), small) is None


def test_a_format_that_is_refused_becomes_jpeg() -> None:
    """PNG is sent as JPEG; where all are JPEG already nothing can be done."""
    fallback = healed(errors.RequestRejected(code="picture_format_rejected"))
    assert {
        one.media_type for message in fallback.request.messages for one in message.attachments
    } == {"image/jpeg"}
    assert fallback.adjustment == Adjustment("converted_pictures", {"count": 1})
    assert heal(errors.RequestRejected(code="picture_format_rejected"), fallback.request) is None
    assert apply_quirks(REQUEST, fallback.quirks)[0] == fallback.request


def test_too_long_drops_older_pictures_then_older_turns_then_size() -> None:
    """The newest question with all its pictures is what is kept longest."""
    request, applied, codes = REQUEST, list[Adjustment](), list[str]()
    while fallback := heal(
        errors.RequestRejected(code="context_too_long"), request, applied=applied
    ):
        assert fallback.quirks == {}
        request = fallback.request
        applied.append(fallback.adjustment)
        codes.append(fallback.adjustment.code)
        assert len(applied) < 20
    assert codes[:2] == ["dropped_older_pictures", "dropped_older_turns"]
    assert set(codes[2:]) == {"shrank_pictures"}
    assert names(request) == "de"
    assert [message.text for message in request.messages] == ["five"]


def test_messages_in_a_row_become_one() -> None:
    """After an answer that failed two questions stand in a row; their parts go as one message."""
    called = Message(Role.ASSISTANT, (), (ToolCall("1", "f", "{}"),))
    result = Message(Role.TOOL, (TextPart("4"),), tool_call_id="1")
    talk = (
        question("one"), question("two"), answer("three"), answer("four"),
        question("five", picture("a")), question("six"), called, result, result,
    )  # fmt: skip
    request = Request(talk, RequestSettings("m"))
    fallback = healed(errors.RequestRejected(code="roles_must_alternate"), request)
    assert [(one["role"], one["content"]) for one in wire(fallback.request)["messages"]] == [
        ("user", "one\n\ntwo"),
        ("assistant", "three\n\nfour"),
        ("user", [
            {"type": "image_url", "image_url": {"url": "a", "detail": "auto"}},
            {"type": "text", "text": "five"}, {"type": "text", "text": "six"},
        ]),
        ("assistant", None), ("tool", "4"), ("tool", "4"),
    ]  # fmt: skip
    assert fallback.adjustment == Adjustment("joined_turns")
    assert apply_quirks(request, fallback.quirks)[0] == fallback.request


def test_instructions_are_a_turn_for_some() -> None:
    """Templates that count a system message among the turns get it in the question."""
    assert healed(errors.RequestRejected(code="roles_must_alternate")).adjustment == Adjustment(
        "system_in_question"
    )
    alone = Request((question("one"),), RequestSettings("m"))
    assert heal(errors.RequestRejected(code="roles_must_alternate"), alone) is None


def test_a_system_message_moves_into_the_first_question() -> None:
    """Models without a system role still get the instructions."""
    fallback = healed(errors.RequestRejected(code="system_role_rejected"))
    messages = wire(fallback.request)["messages"]
    assert messages[0]["role"] == "user"
    assert messages[0]["content"][0] == {"type": "text", "text": "Be kind."}
    assert apply_quirks(REQUEST, fallback.quirks)[0] == fallback.request
    assert heal(errors.RequestRejected(code="system_role_rejected"), fallback.request) is None


@pytest.mark.parametrize(
    "code",
    [
        "authentication_failed", "pictures_not_supported", "prompt_filtered", "quota_exhausted",
        "model_not_found", "request_rejected", "server_failed", "stream_interrupted",
        "name_not_found",
    ],
)  # fmt: skip
def test_what_only_a_person_can_mend_has_no_fallback(code: str) -> None:
    """A model that can't see never gets the question without its pictures, and so on."""
    assert heal(ProviderError.of(code)) is None


def test_nothing_is_done_twice() -> None:
    """A fallback that did not help is not tried again."""
    error = errors.RequestRejected(code="unknown_field", field="seed")
    fallback = healed(error)
    assert heal(error, fallback.request) is None
    assert heal(error, REQUEST, applied=[fallback.adjustment]) is None


def test_quirks_that_are_not_understood_are_passed_over() -> None:
    """A quirk of another version harms nothing."""
    quirks = {
        "x": "y",
        "pictures.max_count": "many",
        "field.model": "",
        "system": "?",
        "field.": "",
    }
    assert apply_quirks(REQUEST, quirks) == (REQUEST, ())


def test_all_quirks_together() -> None:
    """What was learnt is applied at once, each with its sentence."""
    quirks = {
        "field.max_tokens": "max_completion_tokens", "field.seed": "", "system": "in_question",
        "pictures.format": "jpeg", "pictures.max_count": "2", "pictures.longest_side_px": "1024",
    }  # fmt: skip
    request, adjustments = apply_quirks(REQUEST, quirks)
    assert [one.code for one in adjustments] == [
        "renamed_field", "dropped_field", "system_in_question", "converted_pictures",
        "dropped_pictures", "shrank_pictures",
    ]  # fmt: skip
    assert names(request) == "de"
    assert apply_quirks(request, quirks) == (request, ())


@pytest.mark.parametrize("case", BODIES, ids=lambda case: f"{case['means']}-{case['status']}")
def test_real_refusals_are_healed_or_left_to_a_person(case: dict[str, Any]) -> None:
    """Every real refusal that a change can answer is answered, whatever the vendor."""
    body = case["body"]
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    error = refusal(case["status"], read_error(content))
    asked = replace(REQUEST, settings=replace(SETTINGS, n=2, response_format=FORM))
    fallback = heal(error, asked)
    healable = {
        "too_many_pictures", "picture_too_large", "picture_format_rejected", "picture_unreadable",
        "context_too_long", "unknown_field", "field_value_rejected", "system_role_rejected",
        "request_too_large", "roles_must_alternate",
    }  # fmt: skip
    is_met = error.code == "too_many_pictures" and error.params.get("limit") in {5, 8}
    expected = error.code in healable and not is_met
    assert (fallback is not None and fallback.request != asked) is expected


def asked_for(response_format: dict[str, Any]) -> Request:
    """The request with a form of its answer."""
    return Request(TALK, replace(SETTINGS, response_format=response_format))


def test_a_refused_schema_is_asked_for_step_by_step() -> None:
    """First json_object with the schema in words, then the words alone; nothing else changes."""
    request = asked_for(FORM)
    first = healed(
        errors.RequestRejected(code="field_value_rejected", field="response_format"), request
    )
    second = healed(
        errors.RequestRejected(code="field_value_rejected", field="response_format"),
        first.request,
        applied=[first.adjustment],
    )
    system = wire(first.request)["messages"][0]["content"]

    assert wire(first.request)["response_format"] == {"type": "json_object"}
    assert system.startswith("Be kind.\n\nAnswer with one JSON object")
    assert json.dumps(FORM["json_schema"]["schema"], ensure_ascii=False) in system
    assert wire(second.request) == {
        name: value for name, value in wire(first.request).items() if name != "response_format"
    }
    assert [first.adjustment.code, second.adjustment.code] == [
        "json_object_instead",
        "form_in_words",
    ]
    third = errors.RequestRejected(code="field_value_rejected", field="response_format")
    assert heal(third, second.request, applied=[first.adjustment, second.adjustment]) is None


@pytest.mark.parametrize("field", ["response_format", "response_format.type", "json_schema"])
def test_what_was_learnt_of_forms_is_right_at_once(field: str) -> None:
    """Both steps together are one, with one sentence; what is taken is sent as it is."""
    request = asked_for(FORM)
    first = healed(errors.RequestRejected(code="field_value_rejected", field=field), request)
    second = healed(errors.RequestRejected(code="field_value_rejected", field=field), first.request)
    both = {**first.quirks, **second.quirks}

    assert apply_quirks(request, first.quirks) == (first.request, (first.adjustment,))
    assert apply_quirks(request, both) == (second.request, (second.adjustment,))
    assert apply_quirks(request, second.quirks) == (request, ())
    assert apply_quirks(REQUEST, both) == (REQUEST, ())


def test_an_endpoint_that_does_not_know_the_field_is_told_in_words_at_once() -> None:
    """json_object would be the same field again."""
    request = asked_for(FORM)
    fallback = healed(
        errors.RequestRejected(code="unknown_field", field="response_format"), request
    )

    assert "response_format" not in wire(fallback.request)
    assert "Währung" in wire(fallback.request)["messages"][0]["content"]
    assert apply_quirks(request, fallback.quirks) == (fallback.request, (fallback.adjustment,))
    old_quirk = {"field.response_format": ""}
    assert apply_quirks(request, old_quirk) == (fallback.request, (fallback.adjustment,))


def test_one_schema_that_is_refused_is_no_quirk() -> None:
    """The next one may be taken."""
    error = errors.RequestRejected(
        code="field_value_rejected", field="response_format", own_schema="invalid schema"
    )

    assert healed(error, asked_for(FORM)).quirks == {}


def test_free_json_is_asked_for_in_words_where_it_is_refused() -> None:
    """An endpoint that takes schemas only gets them as before."""
    fallback = healed(
        errors.RequestRejected(code="field_value_rejected", field="response_format"),
        asked_for({"type": "json_object"}),
    )

    assert "response_format" not in wire(fallback.request)
    assert "JSON" in wire(fallback.request)["messages"][0]["content"]
    assert apply_quirks(asked_for(FORM), fallback.quirks) == (asked_for(FORM), ())


@pytest.mark.parametrize("response_format", [FORM, {"type": "text"}, None])
def test_the_word_json_is_added_only_for_free_json(response_format: dict[str, Any] | None) -> None:
    """Nothing else is refused for the lack of it."""
    settings = replace(SETTINGS, response_format=response_format)
    assert with_json_named(TALK, settings) == settings


@pytest.mark.parametrize(
    ("system", "text", "sent"),
    [
        ("", "Lies das", "Answer in JSON."),
        ("Be kind.", "Lies das", "Be kind.\n\nAnswer in JSON."),
        ("As json, please.", "Lies das", "As json, please."),
        ("Be kind.", "Als JSON bitte", "Be kind."),
    ],
)
def test_the_word_json_is_added_where_nobody_said_it(system: str, text: str, sent: str) -> None:
    """Endpoints refuse json_object without it."""
    settings = RequestSettings("m", system=system, response_format={"type": "json_object"})
    assert with_json_named((question(text),), settings).system == sent


CALLED = (
    question("one", picture("a")), answer("two"), question("three", picture("b"), picture("c")),
    Message(Role.ASSISTANT, (), tool_calls=(ToolCall("x", "zoom", "{}"),)),
    Message(Role.TOOL, (TextPart("follows"),), tool_call_id="x"),
    Message(Role.USER, (ImagePart(picture("z")),)),
)  # fmt: skip


def test_dropping_pictures_leaves_calls_and_results_together() -> None:
    """A call without words stays, for its result would be refused without it."""
    request = Request(CALLED, RequestSettings("gpt-4o"))

    fallback = heal(errors.RequestRejected(code="too_many_pictures", limit=1), request)

    assert fallback is not None
    kept = fallback.request.messages
    assert [message.role for message in kept] == [message.role for message in CALLED]
    assert kept[3].tool_calls
    assert [one.sha256 for message in kept for one in message.attachments] == ["z"]


def test_a_picture_that_a_call_returned_is_no_question() -> None:
    """What is too long loses what came before the question, not the question's own pictures."""
    request = Request(CALLED, RequestSettings("gpt-4o"))

    first = heal(errors.RequestRejected(code="context_too_long"), request)
    assert first is not None
    second = heal(errors.RequestRejected(code="context_too_long"), first.request)

    assert first.adjustment == Adjustment("dropped_older_pictures", {"count": 1})
    assert second is not None
    assert second.adjustment.code == "dropped_older_turns"
    assert second.request.messages == CALLED[2:]


def test_without_tools_no_choice_among_them_is_sent() -> None:
    """An endpoint that knows no tools would refuse `tool_choice` next."""
    settings = RequestSettings("m", tools=({"type": "function"},), tool_choice="auto")

    error = errors.RequestRejected(code="unknown_field", field="tools")
    fallback = heal(error, Request(TALK, settings))

    assert fallback is not None
    assert fallback.request.settings == RequestSettings("m")


@pytest.mark.parametrize(
    ("error", "is_quirk"),
    [
        (errors.RequestRejected("unknown variant `tool`, expected one of `system`, `user`"), True),
        (
            errors.RequestRejected(
                "roles must alternate user/assistant", code="system_role_rejected"
            ),
            True,
        ),
        (errors.StatusError("Jinja: tool_calls is undefined", code="server_failed"), False),
        (
            errors.ProviderError("messages with role 'tool' must follow", code="error_in_stream"),
            False,
        ),
    ],
)
def test_refused_tool_messages_are_told_in_words(error: ProviderError, *, is_quirk: bool) -> None:
    """Once, with the pictures, in turns that alternate."""
    request = Request(CALLED, RequestSettings("m"))

    fallback = heal(error, request)

    assert fallback is not None
    told = fallback.request.messages
    assert [message.role for message in told[2:]] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert told[-1].text == "Result of zoom: follows"
    assert [one.sha256 for one in told[-1].attachments] == ["z"]
    assert heal(error, fallback.request, applied=[fallback.adjustment]) is None
    assert bool(fallback.quirks) is is_quirk
    if is_quirk:
        assert apply_quirks(request, fallback.quirks)[0] == fallback.request


@pytest.mark.parametrize(
    "error",
    [
        errors.RequestRejected("the moon is not full"),
        errors.StatusError("no role for this key", code="authentication_failed"),
        errors.StatusError("tool limit", code="rate_limited"),
    ],
)
def test_other_refusals_leave_tool_messages_alone(error: ProviderError) -> None:
    """Words about something else are no reason to change them."""
    assert heal(error, Request(CALLED, RequestSettings("m"))) is None
