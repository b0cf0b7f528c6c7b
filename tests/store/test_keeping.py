"""What is kept beside an answer, and presets, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from augenblick.core.conversations import ReplyRecord
from augenblick.core.errors import ConversationNotFound, Failure, StoreError
from augenblick.core.messages import (
    Adjustment,
    ChoiceText,
    Detail,
    ImagePart,
    ReplyEnd,
    Timings,
    ToolCall,
    ToolResult,
    ToolRound,
    Usage,
)
from augenblick.core.settings import RequestSettings
from augenblick.store import Store
from augenblick.store.store_values import Preset, ReplyDelta
from tests.store.values import a_picture, a_question, a_record

SETTINGS = RequestSettings(
    "gpt-4o",
    temperature=0.0,
    stop=("END", "\n"),
    logit_bias={"50256": -100},
    tools=({"type": "function", "function": {"name": "zoom"}},),
    tool_choice={"type": "function", "function": {"name": "zoom"}},
    stream=False,
)


def test_settings_and_calls_come_back_as_they_were(store: Store) -> None:
    """A record keeps what was asked with, each call, and the picture that a call returned."""
    opened = store.save_question(a_question(pictures=(a_picture(),)))
    closer = a_picture(b"closer")
    part = ImagePart(closer.attachment, Detail.HIGH)
    for _ in range(2):
        store.add_reply_picture(opened.reply_id, part, closer)
    calls = (ToolCall("1", "zoom", '{"left": 0}'), ToolCall("2", "clock", ""))
    results = (
        ToolResult("1", "Here it is.", picture=part),
        ToolResult("2", "No clock.", is_error=True),
    )
    rounds = (ToolRound(calls, results, text="Let me look.", reasoning="Small print."),)
    record = replace(a_record(), rounds=rounds, settings=SETTINGS)
    store.finish_reply(opened.reply_id, record)
    found = store.load_conversation(opened.conversation_id).nodes[-1].reply
    assert found == record
    assert store.load_content(closer.attachment.sha256) == b"closer"
    store.delete_message(opened.conversation_id, opened.reply_id, owner="me")
    store.purge(deleted_before=datetime.now(UTC) + timedelta(seconds=1))
    with pytest.raises(KeyError):
        store.load_content(closer.attachment.sha256)


def test_a_reply_that_has_ended_takes_no_more_pictures(store: Store) -> None:
    """A picture that comes too late is not kept."""
    opened = store.save_question(a_question())
    store.finish_reply(opened.reply_id, a_record())
    late = a_picture(b"late")
    store.add_reply_picture(opened.reply_id, ImagePart(late.attachment), late)
    with pytest.raises(KeyError):
        store.load_content(late.attachment.sha256)


def test_what_an_open_reply_has_called_outlives_its_process(store: Store) -> None:
    """Calls and results without their texts, which stand in the text of the reply already."""
    opened = store.save_question(a_question())
    store.append([ReplyDelta(opened.reply_id, 0, "text", "Let me look.\n\nA ")])
    call, result = ToolCall("1", "clock", "{}"), ToolResult("1", "Noon.")
    done = ToolRound((call,), (result,), text="Let me look.")
    store.keep_rounds(opened.reply_id, [done])
    store.keep_rounds(opened.reply_id, [done, done])

    found = store.load_conversation(opened.conversation_id).nodes[-1].reply
    assert found is not None
    assert found.is_live
    assert found.rounds == (ToolRound((call,), (result,)),) * 2
    assert found.picked.text == "Let me look.\n\nA "

    ended = replace(a_record(), rounds=(done,))
    store.finish_reply(opened.reply_id, ended)
    store.keep_rounds(opened.reply_id, [])
    assert store.load_conversation(opened.conversation_id).nodes[-1].reply == ended


def test_the_picked_choice_goes_on_and_is_found(store: Store) -> None:
    """Another choice becomes the answer for later turns and for the search."""
    opened = store.save_question(a_question())
    choices = (ChoiceText("A zebra"), ChoiceText("An okapi"))
    store.finish_reply(opened.reply_id, replace(a_record(), choices=choices))
    assert [hit.node_id for hit in store.search("me", "zebra")] == [opened.reply_id]
    store.pick_choice(opened.reply_id, 1, owner="me")
    node = store.load_conversation(opened.conversation_id).nodes[-1]
    assert node.message.text == "An okapi"
    assert not store.search("me", "zebra")
    assert [hit.node_id for hit in store.search("me", "okapi")] == [opened.reply_id]
    for unknown in (2, -1):
        with pytest.raises(ConversationNotFound):
            store.pick_choice(opened.reply_id, unknown, owner="me")


def test_a_trace_is_replaced_and_goes_with_its_answer(store: Store) -> None:
    """The newest trace counts; one for a reply that is gone is not kept."""
    opened = store.save_question(a_question())
    assert store.load_trace(opened.reply_id, owner="me") is None
    store.save_trace(opened.reply_id, b"first")
    store.save_trace(opened.reply_id, b"\x00second")
    assert store.load_trace(opened.reply_id, owner="me") == b"\x00second"
    store.finish_reply(opened.reply_id, a_record(end=ReplyEnd.STOPPED))
    store.delete_conversation(opened.conversation_id, owner="me")
    store.purge(deleted_before=datetime.now(UTC) + timedelta(hours=1))
    store.save_trace(opened.reply_id, b"third")
    with pytest.raises(ConversationNotFound):
        store.load_trace(opened.reply_id, owner="me")


def test_presets_are_kept_by_name_until_everything_goes(store: Store) -> None:
    """The newest of a name counts, each owner has their own, and deletion takes them along."""
    low = Preset("Low", RequestSettings("", temperature=0.1))
    store.save_preset(Preset(" Low \n", SETTINGS), owner="me")
    store.save_preset(low, owner="me")
    store.save_preset(Preset("All", SETTINGS), owner="me")
    assert store.list_presets("me") == [Preset("All", SETTINGS), low]
    assert store.list_presets("you") == []
    store.delete_preset("Low", owner="you")
    store.delete_preset("All", owner="me")
    assert store.list_presets("me") == [low]
    with pytest.raises(ValueError, match="name"):
        store.save_preset(Preset(" ", SETTINGS), owner="me")
    store.delete_everything("me")
    assert store.list_presets("me") == []


def test_figures_are_of_whole_answers_of_that_model_newest_first(store: Store) -> None:
    """Whoever asked; what failed, what was not counted and other models do not say anything."""
    assert store.recent_figures("reader", "look") == []
    for number, (owner, end, model, is_counted) in enumerate(
        [
            ("me", ReplyEnd.COMPLETE, "look", True),
            ("you", ReplyEnd.LENGTH, "look", True),
            ("me", ReplyEnd.FAILED, "look", True),
            ("me", ReplyEnd.STOPPED, "look", True),
            ("me", ReplyEnd.COMPLETE, "other", True),
            ("me", ReplyEnd.COMPLETE, "look", False),
            ("me", ReplyEnd.COMPLETE, "look", True),
        ]
    ):
        opened = store.save_question(replace(a_question(owner=owner), model=model))
        usage = Usage(prompt_tokens=number, completion_tokens=1) if is_counted else None
        record = replace(
            a_record(end=end), model=model, usage=usage, timings=Timings(0.5, 1.0, number)
        )
        store.finish_reply(opened.reply_id, record)
    store.save_question(a_question())  # being written

    found = store.recent_figures("reader", "look")

    assert [each.usage.prompt_tokens for each in found] == [6, 1, 0]
    assert [each.timings.total_seconds for each in found] == [6, 1, 0]
    assert store.recent_figures("reader", "look", limit=1) == found[:1]
    assert store.recent_figures("elsewhere", "look") == []


def test_a_preset_keeps_every_sign_and_every_number(store: Store) -> None:
    """What a person typed comes back as it was, signs that databases dislike included."""
    settings = RequestSettings(
        "", system="a\x00b\n\t€🙂", seed=2**63 - 1, extra={"x": [None, 0.1, {"y\x00": "\\u0000"}]}
    )

    store.save_preset(Preset("\u2060", settings), owner="somebody")

    assert list(store.list_presets("somebody")) == [Preset("\u2060", settings)]


ODD_COLUMNS = {
    "usage": '{"prompt_tokens": 7, "of_a_later_version": {"x": 1}}',
    "timings": "{}",
    "failure": '{"code": "timeout", "params": {"seconds": null, "host": "h"}, "new": 1}',
    "adjustments": '[{"code": "dropped_field"}, {"code": "shrank_pictures", "params": [1]}]',
    "choices": '[{"text": "A cat.", "tool_calls": [{"id": "1", "name": "f", "arguments": "", '
    '"type": "function"}], "audio": 0, "finish_reason": 3}, {}]',
    "rounds": '[{"calls": [], "results": [{"call_id": "1", "content": "", "picture": "gone"}]}]',
    "settings": '{"model": "m", "later": true}',
}


def test_json_of_other_versions_is_read(store: Store) -> None:
    """Unknown keys are ignored, missing ones and what does not fit get their defaults."""
    opened = store.save_question(a_question())
    store.finish_reply(opened.reply_id, a_record())
    with store._databases.kept.writing() as connection:
        for name, value in ODD_COLUMNS.items():
            statement = text(f"UPDATE reply SET {name} = :value")  # noqa: S608 - names from above
            connection.execute(statement, {"value": value})

    found = store.load_conversation(opened.conversation_id).nodes[-1].reply

    assert found == ReplyRecord(
        "reader",
        "look",
        ReplyEnd.COMPLETE,
        (ChoiceText("A cat.", tool_calls=(ToolCall("1", "f", ""),)), ChoiceText()),
        usage=Usage(7),
        failure=Failure("timeout", {"host": "h"}),
        adjustments=(Adjustment("dropped_field"), Adjustment("shrank_pictures")),
        rounds=(ToolRound((), (ToolResult("1", ""),)),),
        settings=RequestSettings("m"),
    )


def test_json_that_is_no_such_value_tells_nothing_of_it(store: Store) -> None:
    """It is an error of the store, without what stands in the column."""
    opened = store.save_question(a_question())
    store.finish_reply(opened.reply_id, a_record())
    with store._databases.kept.writing() as connection:
        connection.execute(text("""UPDATE reply SET choices = '"a secret"'"""))

    with pytest.raises(StoreError) as raised:
        store.load_conversation(opened.conversation_id)

    assert "secret" not in f"{raised.value!r} {raised.value.detail}"
    assert raised.value.__cause__ is None
