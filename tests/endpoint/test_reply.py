"""An answer is put together right from whatever servers send, and its end is never a guess."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augenblick.core.errors import Failure
from augenblick.core.messages import ReplyEnd, Timings, ToolCall, Usage
from augenblick.endpoint.chunks import Chunk, decode, parse_chunk
from augenblick.endpoint.reply import Added, Reply

DONE = "[DONE]"
CUT_OFF = Failure("stream_interrupted")


def delta(finish: object = None, index: object = 0, **fields: Any) -> dict[str, Any]:
    """A chunk with one choice."""
    return {"choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


def texts(*pieces: str) -> list[dict[str, Any]]:
    """Chunks that say these pieces."""
    return [delta(content=piece) for piece in pieces]


def fold(*wires: Any, n: int = 1) -> tuple[Reply, list[Added]]:
    """A reply fed with decoded events; DONE stands for `[DONE]`."""
    reply = Reply(n=n)
    added: list[Added] = []
    for at, wire in enumerate(wires):
        chunk = Chunk(is_done=True) if wire == DONE else parse_chunk(wire)
        added += reply.fold(chunk, at_seconds=float(at))
    return reply, added


def said(*wires: Any) -> str:
    """The answer of a reply that ends well."""
    reply, added = fold(*wires, delta("stop"), DONE)
    assert reply.close() is ReplyEnd.COMPLETE
    _assert_kept(reply, added)
    return reply.choices[0].text


def _assert_kept(reply: Reply, added: list[Added]) -> None:
    """All that was handed out is there, text that turned out to be thinking in that channel."""
    text, thinking = (
        "".join(one.text for one in added if one.channel == channel and one.choice_index == 0)
        for channel in ("text", "reasoning")
    )
    choice = reply.choices[0]
    moved = text.removesuffix(choice.text)
    assert text == moved + choice.text
    assert moved in choice.reasoning
    assert len(choice.reasoning) == len(thinking) + len(moved)


def thought(*wires: Any) -> tuple[str, str]:
    """Reasoning and answer of a reply that ends well."""
    text = said(*wires)
    reply, _ = fold(*wires, delta("stop"), DONE)
    return reply.choices[0].reasoning, text


# rows 1 to 4, 19, 54: chunks without anything to say
@pytest.mark.parametrize(
    "idle",
    [
        {"choices": []}, {"choices": None}, {}, {"choices": [{}]}, {"choices": [None]},
        {"choices": [{"index": 0, "delta": None}]}, delta(), delta(content=None), delta(content=""),
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {"choices": [{"index": 0, "content_filter_offsets": {}, "content_filter_results": {}}]},
        delta(role="assistant"), delta(content={}), delta(content=[]),
        {"choices": "x"}, {"choices": {"0": {}}}, [], None, 3, "x", True, {"error": None},
        {"error": {}}, {"error": ""}, {"usage": "x"}, {"id": 1, "model": 2},
    ],
)  # fmt: skip
def test_ignores_what_says_nothing(idle: Any) -> None:
    """Empty, null, missing and nonsensical fields neither stop an answer nor leave a trace."""
    assert said(idle, delta(content="Ja"), idle, delta(content="."), idle) == "Ja."


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}], "a"),
        (["a", {"text": "b"}, None, 7], "ab7"),
        ({"type": "text", "text": "a"}, "a"),
        ({"type": "output_text", "text": "a"}, "a"),
        ([{"type": "text", "text": {"value": "a"}}], "a"),
        ([{"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "a"}], "a"),
    ],
)
def test_reads_content_in_parts(content: Any, text: str) -> None:
    """Row 5: text parts are joined, other parts left out, and nothing is printed as Python."""
    assert said(delta(content=content)) == text


@pytest.mark.parametrize(
    "wire",
    [
        {"choices": [{"delta": "Ja"}]}, {"choices": [{"delta": ["J", {"text": "a"}]}]},
        {"choices": [{"delta": {"content": [["J", ["a"]]]}}]}, {"choices": [{"message": "Ja"}]},
        {"choices": [{"delta": {"content": {"type": "markdown", "text": "Ja"}}}]},
        {"choices": [{"delta": {"content": {"type": "text", "text": ["J", "a"]}}}]},
        {"choices": {"delta": {"content": "Ja"}}}, {"choices": [{"index": "0", "text": "Ja"}]},
        {"choices": [{"message": {"content": [{"type": "text", "content": "Ja"}]}}]},
        {"choices": [{"delta": {"text": "Ja"}}]},
        {"choices": [{"message": {"content": None, "audio": {"id": "a", "transcript": "Ja"}}}]},
        {"choices": [{"delta": {"content": {"text": "Ja", "thoughtSignature": "QUJD"}}}]},
        {"choices": [{"delta": {"content": {"value": "Ja", "annotations": []}}}]},
    ],
)  # fmt: skip
def test_reads_text_wherever_it_stands(wire: Any) -> None:
    """A delta, a message and a part may be a string, a list or an object with the text."""
    assert said(wire) == "Ja"


@pytest.mark.parametrize(
    "answer",
    [
        '{"total": 12.50, "currency": "EUR"}', '{"value": 5.0, "unit": "kg"}',
        '{"content": "Brot", "price": 2.40}', '{"items": ["a", 1.10], "paid": true}',
    ],
)  # fmt: skip
def test_an_answer_in_json_is_text(answer: str) -> None:
    """Servers that are asked for JSON may send it as an object instead of a string."""
    for wire in (
        f'{{"delta": {{"content": {answer}}}}}',
        f'{{"message": {{"content": {answer}}}}}',
    ):
        assert said(decode(f'{{"choices": [{wire}]}}')) == answer


def test_a_refusal_may_be_a_number() -> None:
    """It is text like any other; `false` is none."""
    reply, _ = fold(delta(refusal=7), delta(refusal=False), delta("stop"), DONE)
    assert reply.choices[0].refusal == "7"


def test_the_number_of_a_choice_may_be_text() -> None:
    """Two answers whose places come as "0" and "1" stay two."""
    reply, _ = fold(delta(index="1", content="x"), delta(index="0", content="a"), n=2)
    assert [choice.text for choice in reply.choices] == ["a", "x"]


def test_says_what_it_could_not_read() -> None:
    """A part that is neither text nor picture is counted by its type, which is no free text."""
    parts = [
        {"type": "audio", "audio": {"data": "QUJD"}}, {"type": "audio"}, {"type": "a b\n"},
        {"type": "reference", "reference_ids": [1]}, {"type": "text", "text": "Ja"}, {},
    ]  # fmt: skip
    reply, _ = fold(delta(content=parts), delta("stop"))
    assert reply.choices[0].text == "Ja"
    assert [each.params for each in reply.unread] == [
        {"kind": "audio", "count": 2}, {"kind": "?", "count": 1},
    ]  # fmt: skip


URI = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize(
    "fields",
    [
        {"images": [{"type": "image_url", "image_url": {"url": URI}}]}, {"images": [URI]},
        {"images": {"image_url": URI}}, {"image": {"b64_json": "iVBORw0KGgo="}},
        {"content": [{"type": "image_url", "image_url": {"url": URI}}]},
        {"content": [{"type": "output_image", "image_url": URI}]},
        {"content": {"type": "image", "source": {"type": "base64", "data": "iVBORw0KGgo="}}},
        {"content": [{"inline_data": {"mime_type": "image/png", "data": "iVBORw0KGgo="}}]},
        {"content": [{"type": "image_generation_call", "result": "iVBORw0KGgo="}]},
        {"content": [{"type": "image", "base64": "iVBORw0KGgo="}]},
        {"content": [{"type": "file", "mediaType": "image/png", "data": "iVBORw0KGgo="}]},
        {"content": [{"type": "file", "file": {"file_data": URI}}]},
    ],
)  # fmt: skip
def test_finds_the_pictures_of_an_answer(fields: dict[str, Any]) -> None:
    """In `images` and in parts, once however often they come, and an answer in themselves."""
    whole = {"choices": [{"message": fields}]}
    reply, _ = fold(delta(**fields), whole, DONE)
    assert reply.close() is ReplyEnd.COMPLETE
    assert (reply.pictures, reply.unread) == ((URI,), ())


DRAWN = URI.removesuffix("=") + "QUJD" * 40 + "="


@pytest.mark.parametrize("width", [1, 7, 50, 1000])
@pytest.mark.parametrize(
    ("stream", "text", "pictures"),
    [
        (f"Hier: ![image]({DRAWN}) fertig!", "Hier:  fertig!", [DRAWN]),
        (f"![]( {DRAWN})\n\n![b]({DRAWN}QUJD)", "\n\n", [DRAWN, DRAWN + "QUJD"]),
        (DRAWN, "", [DRAWN]),
        (f"\n{DRAWN}\n\nEin Hund.", "\n\nEin Hund.", [DRAWN]),
        (f"![a]({DRAWN[:150]}", "", [DRAWN[:150]]),
        ("`![a](data:image/png;base64,iVBORw0KGgo=)`",) * 2 + ([],),
        ("data:image/png und ![a](https://e.example/a.png) ![",) * 2 + ([],),
        (f"url({DRAWN})",) * 2 + ([],),
        ("Toll! ![",) * 2 + ([],),
    ],
)  # fmt: skip
def test_finds_the_pictures_in_a_text(
    stream: str, text: str, pictures: list[str], width: int
) -> None:
    """Written as Markdown with its bytes, a picture is none of the words."""
    pieces = [stream[at : at + width] for at in range(0, len(stream), width)]
    reply, added = fold(*texts(*pieces), delta("stop"), DONE)
    assert "".join(one.text for one in added) == text
    assert (reply.choices[0].text, list(reply.pictures)) == (text, pictures)


def test_drops_cumulative_deltas() -> None:
    """Row 6: deltas that each hold everything so far give the text once."""
    text = "The photo shows a red bicycle leaning against a wall."
    cumulative = [text[:end] for end in (3, 9, 15, 22, 30, len(text))]
    assert said(*texts(*cumulative)) == text
    assert said(*texts(*(text[:end] for end in range(1, len(text) + 1)))) == text
    assert said(*texts(*cumulative, text, text)) == text


@pytest.mark.parametrize("again", [1, 3])
def test_drops_a_text_that_is_sent_whole_at_the_end(again: int) -> None:
    """Row 6: a last delta that repeats the whole answer adds nothing."""
    pieces = ["The photo shows ", "a red bicycle ", "and a wall."]
    assert said(*texts(*pieces, *["".join(pieces)] * again)) == "".join(pieces)
    assert said(*texts(*pieces, "".join(pieces) + " Done.")) == "".join(pieces) + " Done."


@pytest.mark.parametrize(
    "pieces",
    [
        ["na ", "na ", "na ", "na ", "Batman"],
        ["na", " na", " na", " na na"],
        ["ha", "haha", " funny"],
        ["1", "10", " and ", "100"],
        ["Hi", "Hi there", "!"],
        ["Oh happy day, oh happy day. ", "Oh happy day, oh happy day. ", "When Jesus washed"],
        ["a", "ab"],
        ["- item\n", "- item\n", "- item\n"],
        ["x" * 40, "x" * 40],
    ],
)
def test_keeps_true_repeats(pieces: list[str]) -> None:
    """Row 6: what a model really says twice stays said twice."""
    assert said(*texts(*pieces)) == "".join(pieces)


def test_takes_the_message_only_if_nothing_came_before() -> None:
    """Rows 7 and 30: a complete message counts where no delta has spoken."""
    last = {"choices": [{"delta": {}, "message": {"content": "Hallo"}, "finish_reason": "stop"}]}
    assert said(last) == "Hallo"
    assert said(*texts("Hal", "lo"), last) == "Hallo"


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": "hm"}, {"reasoning": "hm"}, {"thinking": "hm"},
        {"reasoning": {"content": "hm"}}, {"reasoning_details": [{"type": "x", "text": "hm"}]},
        {"reasoning_details": [{"summary": "hm"}]},
        {"content": [{"type": "reasoning", "text": "hm"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
        {"reasoning": "hm", "reasoning_details": [{"text": "hm"}], "reasoning_content": None},
    ],
)  # fmt: skip
def test_reasoning_has_a_channel_of_its_own(fields: dict[str, Any]) -> None:
    """Row 8: thinking under any of its names is kept once, and never in the answer."""
    assert thought(delta(**fields), delta(content="Ja")) == ("hm", "Ja")


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 100])
@pytest.mark.parametrize(
    ("stream", "reasoning", "text"),
    [
        ("<think>\nhm < 3\n</think>\n\nJa, <b>.", "\nhm < 3\n", "Ja, <b>."),
        ("\n<think>hm</think>Ja", "hm", "Ja"),
        ("<thinking>hm</think></thinking>Ja", "hm</think>", "Ja"),
        ("<think></think>Ja", "", "Ja"),
        ("<think>a</think>\n<think>b</think>Ja", "ab", "Ja"),
        ("<think>never closed </thin", "never closed </thin", ""),
        ("hm, so\n</think>\n\nJa", "hm, so\n", "Ja"),
        ("</think>Ja", "", "Ja"),
        ("<thin", "", "<thin"),
        ("<thick>Ja", "", "<thick>Ja"),
        ("Write </think> at the end", "", "Write </think> at the end"),
        ("```\n</think>\n```", "", "```\n</think>\n```"),
        ("Use <think>x</think> here", "", "Use <think>x</think> here"),
        ("a < b </", "", "a < b </"),
        ("\n\nJa", "", "\n\nJa"),
        ("<thought>hm</thought>Ja", "hm", "Ja"),
        ("<reasoning>hm</reasoning>\n\nJa", "hm", "Ja"),
        ("<seed:think>hm</seed:think>Ja", "hm", "Ja"),
        ("[THINK]hm [1] [/TH[/THINK]Ja [2]", "hm [1] [/TH", "Ja [2]"),
        ("◁think▷hm◁/think▷Ja", "hm", "Ja"),
        ("hm\n◁/think▷Ja", "hm\n", "Ja"),
        ("hm\n</seed:think>Ja", "hm\n", "Ja"),
        ("<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>Ja<|END_RESPONSE|>", "hm", "Ja"),
        ("[THINKING] ◁ Ja", "", "[THINKING] ◁ Ja"),
        ("<Thought>hm</Thought>Ja", "hm", "Ja"),
        ("<longcat_think>hm</longcat_think>Ja", "hm", "Ja"),
        ("hm\n</longcat_think>Ja", "hm\n", "Ja"),
        ("Ich denke nach.</think>Ja", "Ich denke nach.", "Ja"),
        ("我想想。</think>是", "我想想。", "是"),
        ("Endet mit </think>.</think> Ja", "", "Endet mit </think>.</think> Ja"),
        ("Zwischen <think> und Ende.</think> Ja", "", "Zwischen <think> und Ende.</think> Ja"),
        ("<think>hm</think>\n<answer>Ja</answer>", "hm", "Ja"),
        ("<answer>\nJa, <b>.\n</answer>\n", "", "\nJa, <b>.\n\n"),
        ("<answer>Ja", "", "Ja"),
        ("Im <answer>Feld</answer> steht", "", "Im <answer>Feld</answer> steht"),
        ("<|inner_prefix|>hm<|inner_suffix|>Ja<|assistant_end|>", "hm", "Ja"),
        ("<|channel>thought\nhm<channel|>Ja<turn|>", "\nhm", "Ja"),
        ("<unused94>thought\nhm<unused95>Ja<end_of_turn>", "\nhm", "Ja"),
        ("<|think|>hm<|end|><|begin|>assistant<|content|>Ja<|end|>", "hm", "Ja"),
        (
            "<|begin_of_thought|>hm<|end_of_thought|><|begin_of_solution|>Ja<|end_of_solution|>",
            "hm",
            "Ja",
        ),
        ("Siehe [THINK] und ◁think▷.", "", "Siehe [THINK] und ◁think▷."),
    ],
)
def test_think_tags_are_found_at_any_split(
    stream: str, reasoning: str, text: str, width: int
) -> None:
    """Row 9: tagged thinking is set apart wherever the pieces are cut; in doubt it is text."""
    pieces = [stream[at : at + width] for at in range(0, len(stream), width)]
    assert thought(*texts(*pieces)) == (reasoning, text)


@pytest.mark.parametrize("pieces", [["analysis", "Ich ", "suche", "assistant", "final", "Ja"],
                                    ["analysisIch suche", "assistantfinalJa"]])  # fmt: skip
def test_channels_whose_marks_were_dropped_are_thinking(pieces: list[str]) -> None:
    """Servers that leave out the marks of gpt-oss leave in the words between them."""
    assert thought(*texts(*pieces)) == ("Ich suche", "Ja")
    assert thought(*texts("analysis", " of it")) == ("", "analysis of it")


HARMONY = (
    "<|channel|>analysis<|message|>Ich suche <|end|><|start|>assistant<|channel|>final<|message|>"
)


@pytest.mark.parametrize("width", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("stream", "reasoning", "text"),
    [
        ("Es ist <|begin_of_box|>42,17<|end_of_box|>.", "", "Es ist 42,17."),
        ("<think>hm</think><|begin_of_box|>42<|end_of_box|>", "hm", "42"),
        ("Ja.<|im_end|>", "", "Ja."),
        ("Ja.<|im_end|>\n<|im_start|>assistant\nNein.<|im_end|>", "", "Ja.\nNein."),
        ("<|im_start|>assistant\nJa", "", "Ja"),
        ("Ja.<|im_end|><|im_start|>assistant", "", "Ja."),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nJa<|eot_id|>", "", "\n\nJa"),
        ("Ja<end_of_turn>\n<start_of_turn>model\n", "", "Ja\n"),
        ("Ja<\uff5cend\u2581of\u2581sentence\uff5c>", "", "Ja"),
        ("<\uff5cAssistant\uff5c>Ja", "", "Ja"),
        ("<|header_start|>assistant<|header_end|>Ja<|eot|>", "", "Ja"),
        ("<|start_of_role|>assistant<|end_of_role|>Ja<|end_of_text|>", "", "Ja"),
        ("<|im_assistant|>assistant<|im_middle|>Ja<|im_end|>", "", "Ja"),
        ("<|assistant|>Ja<|user|>", "", "Ja"),
        ("<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>Ja", "", "Ja"),
        (
            "<|object_ref_start|>Hund<|object_ref_end|> <|box_start|>(1,2)<|box_end|>",
            "",
            "Hund (1,2)",
        ),
        ("[|assistant|]Ja[|endofturn|]", "", "Ja"),
        ("Ja[e~[\n", "", "Ja\n"),
        ("Ja[UNUSED_TOKEN_145]", "", "Ja"),
        ("Ja<eos><pad><pad>", "", "Ja"),
        ("Ja.</s>", "", "Ja."),
        ("<s>alt</s> neu</s>", "", "<s>alt</s> neu"),
        ("[1] [x](y) [| a |] [e~ [UNUSED] <s", "", "[1] [x](y) [| a |] [e~ [UNUSED] <s"),
        ("|a|<|b|>|<|im|", "", "|a|<|b|>|<|im|"),
        (HARMONY + "Ja.<|return|>", "Ich suche ", "Ja."),
        (HARMONY + "Ja <|end|>", "Ich suche ", "Ja "),
        ("<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|>", "{}", ""),
        ("<|channel|>analysis<|message|>```\nhm<|end|>Ja", "```\nhm", "Ja"),
        ("<|channel|>final<|message|>Ja", "", "Ja"),
        ("Das Ende ist `<|im_end|>`, <|im_end|>", "", "Das Ende ist `<|im_end|>`, "),
        ("``a ` <|end|>`` b<|end|>", "", "``a ` <|end|>`` b"),
        ("5` lang\nJa<|eot_id|>", "", "5` lang\nJa"),
        (
            "```\n<|im_start|>user\nHi<|im_end|>\n```\nJa<|im_end|>",
            "",
            "```\n<|im_start|>user\nHi<|im_end|>\n```\nJa",
        ),
        ("````\n```\n<|end|>\n````\n<|end|>", "", "````\n```\n<|end|>\n````\n"),
        ("Mit <|im_start|> beginnt eine Zeile.\n", "", "Mit <|im_start|> beginnt eine Zeile.\n"),
        ("a <| b |> c <|x|> d < e <|im_", "", "a <| b |> c <|x|> d < e <|im_"),
        ("Ja <|channel|>", "", "Ja "),
        ("<|start|>" + "lang " * 60, "", "<|start|>" + "lang " * 60),
    ],
)
def test_marks_of_templates_are_not_shown(
    stream: str, reasoning: str, text: str, width: int
) -> None:
    """Wherever they are cut; what another channel than the final one holds is thinking.

    Whoever writes about a mark, in code or between backticks, keeps it.
    """
    pieces = [stream[at : at + width] for at in range(0, len(stream), width)]
    assert thought(*texts(*pieces)) == (reasoning, text)
    whole = {"choices": [{"message": {"content": stream}}]}
    assert thought(whole) == (reasoning, text)


def test_text_moves_to_the_thinking() -> None:
    """Row 9: a late closing tag moves what was handed out before."""
    reply, added = fold(*texts("hm\n", "</think>", "Ja"))
    assert [(one.channel, one.text) for one in added] == [("text", "hm\n"), ("text", "Ja")]
    assert (reply.choices[0].reasoning, reply.choices[0].text) == ("hm\n", "Ja")


def test_an_answer_of_thinking_alone_ends_by_its_length() -> None:
    """Row 10: all room went to thinking."""
    reply, _ = fold(delta(reasoning_content="hm"), delta("length"), DONE)
    assert reply.close() is ReplyEnd.LENGTH


def test_a_refusal_ends_as_refused() -> None:
    """Row 11: a refusal has its channel and its end."""
    reply, added = fold(delta(refusal="Nein, "), delta(refusal="danke."), delta("stop"), DONE)
    assert reply.close() is ReplyEnd.REFUSED
    assert reply.choices[0].refusal == "Nein, danke."
    assert added == [Added(0, "refusal", "Nein, "), Added(0, "refusal", "danke.")]


def call(index: Any = None, **fields: Any) -> dict[str, Any]:
    """A chunk with one fragment of a tool call."""
    function = {key: fields.pop(key) for key in ("name", "arguments") if key in fields}
    place = {} if index is None else {"index": index}
    return delta(tool_calls=[{**place, **fields, "function": function}])


@pytest.mark.parametrize(
    "wires",
    [
        [call(0, id="a", name="f", arguments=""), call(0, arguments="{1"), call(0, arguments="}"),
         call(1, id="b", name="g", arguments=""), call(1, arguments="{2}")],
        [call(id="a", name="f", arguments="{1"), call(arguments="}"),
         call(id="b", name="g", arguments="{2}")],
        [call(0, id="a", name="f", arguments="{1}"), call(0, id="b", name="g", arguments="{2}")],
        [call(0, id="a", name="f", arguments="{1"), call(0, id="a", name="f", arguments="}"),
         call(1, id="b", name="g", arguments="{2}"), call(1, id="b", name="g", arguments="")],
        [call(0, id="a", name="f"), call(1, id="b", name="g"), call(1, arguments="{2}"),
         call(0, arguments="{1}")],
        [{"choices": [{"message": {"tool_calls": [
            {"id": "a", "function": {"name": "f", "arguments": "{1}"}},
            {"id": "b", "function": {"name": "g", "arguments": "{2}"}}]}}]}],
    ],
)  # fmt: skip
def test_tool_calls_are_put_together(wires: list[Any]) -> None:
    """Row 12: calls with missing, zero or repeated numbers and ids come out as two calls."""
    reply, _ = fold(*wires, delta("tool_calls"), DONE)
    assert reply.choices[0].tool_calls == (ToolCall("a", "f", "{1}"), ToolCall("b", "g", "{2}"))
    assert reply.close() is ReplyEnd.TOOL_CALLS


def test_tool_calls_decide_the_end_also_under_stop() -> None:
    """Row 12: a server that says "stop" after a call has still called."""
    reply, _ = fold(call(0, id="a", name="f", arguments={"x": "ä"}), delta("stop"), DONE)
    assert reply.close() is ReplyEnd.TOOL_CALLS
    assert json.loads(reply.choices[0].tool_calls[0].arguments) == {"x": "ä"}


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({"tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]}, '{"x": 1}'),
        ({"tool_calls": {"function": {"name": "f", "arguments": {"x": 1}}}}, '{"x": 1}'),
        ({"tool_calls": [{"name": "f", "arguments": {"x": 1}}]}, '{"x": 1}'),
        ({"tool_calls": [{"function": "f", "arguments": '{"x": 1}'}]}, '{"x": 1}'),
        ({"tool_calls": [{"function": {"name": "f", "arguments": [1, True]}}]}, "[1, true]"),
        ({"tool_calls": [{"function": {"name": "f", "arguments": 7}}]}, "7"),
        ({"tool_calls": [{"function": {"name": "f", "arguments": None}}]}, ""),
    ],
)
def test_arguments_that_are_no_string_are_written_as_one(
    fields: dict[str, Any], arguments: str
) -> None:
    """Row 12: objects, lists and numbers come where the API has JSON text."""
    reply, _ = fold(delta(**fields), delta("tool_calls"))
    assert reply.choices[0].tool_calls == (ToolCall("", "f", arguments),)


def test_arguments_keep_their_digits() -> None:
    """As everywhere, a number is what the JSON spelled."""
    wire = decode('{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":'
                  '{"a":[1.10,12345678901234567890]}}}]}}]}')  # fmt: skip
    reply, _ = fold(wire)
    assert reply.choices[0].tool_calls[0].arguments == '{"a": [1.10, 12345678901234567890]}'


def test_whole_calls_that_share_a_number_and_have_no_id_are_two() -> None:
    """Row 12: some servers number every call 0 and name none; only whole arguments tell."""
    reply, _ = fold(
        call(0, name="f", arguments={"x": 1}), call(0, name="g", arguments={}), delta("stop")
    )
    assert reply.choices[0].tool_calls == (ToolCall("", "f", '{"x": 1}'), ToolCall("", "g", "{}"))


def test_a_name_that_is_repeated_with_every_fragment_is_one_call() -> None:
    """Row 12: so a name alone begins no further call while the arguments are not whole."""
    pieces = ('{"x"', ": ", "1}")
    reply, _ = fold(*(call(0, name="f", arguments=piece) for piece in pieces), delta("stop"))
    assert reply.choices[0].tool_calls == (ToolCall("", "f", '{"x": 1}'),)


def test_legacy_function_calls_are_tool_calls() -> None:
    """Row 13: `function_call` is read as a call without an id."""
    reply, _ = fold(
        delta(function_call={"name": "f", "arguments": "{"}),
        delta(function_call={"arguments": "}"}),
        delta("function_call"),
    )
    assert reply.close() is ReplyEnd.TOOL_CALLS
    assert reply.choices[0].tool_calls == (ToolCall("", "f", "{}"),)


def test_choices_are_kept_apart() -> None:
    """Row 14: interleaved choices do not mix, and each has its own end."""
    reply, added = fold(
        delta(index=1, content="x"), delta(index=0, content="a"), delta("length", index=1),
        delta(index=0, content="b"), delta("stop", index=0), delta(index=5, content="no"), DONE,
        n=2,
    )  # fmt: skip
    assert [choice.text for choice in reply.choices] == ["ab", "x"]
    assert [choice.finish_reason for choice in reply.choices] == ["stop", "length"]
    assert added[0] == Added(1, "text", "x")
    assert reply.close() is ReplyEnd.COMPLETE


@pytest.mark.parametrize("index", [1, 7, -1, None, "0", 0.0, True])
def test_a_single_choice_may_have_any_number(index: Any) -> None:
    """Row 14: where one answer was asked for, its number does not matter."""
    reply, added = fold(delta(index=index, content="a"), delta("stop", index=index))
    assert reply.close() is ReplyEnd.COMPLETE
    assert [choice.text for choice in reply.choices] == ["a"]
    assert added == [Added(0, "text", "a")]


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "boom"}}, {"error": "boom"}, {"object": "error", "message": "boom"},
        {"message": "boom"}, {"detail": "boom"}, {"type": "error", "error": {"message": "boom"}},
        {"error": {"message": {"detail": "boom"}}}, [{"error": {"message": "boom"}}],
        {"choices": [{"index": 0, "delta": {}, "error": {"message": "boom"}}]},
        {"id": "x", "choices": [], "error": {"message": "boom", "code": "weird"}},
    ],
)  # fmt: skip
def test_an_error_inside_the_stream_is_a_failure(error: Any) -> None:
    """Rows 20 to 22: any shape of error ends the reply as failed and keeps the text."""
    reply, _ = fold(delta(content="Hal"), error, delta("stop"), DONE)
    assert reply.close() is ReplyEnd.FAILED
    assert reply.choices[0].text == "Hal"
    assert reply.failure is not None
    assert (reply.failure.code, reply.failure.detail) == ("error_in_stream", "boom")


def test_an_error_event_needs_no_error_shape() -> None:
    """Row 22: the name of the event is enough."""
    chunk = parse_chunk({"message": "slow down", "code": 429}, event="error")
    assert chunk.error is not None
    assert chunk.error.code == "rate_limited"


def test_a_malformed_chunk_is_counted_and_the_end_is_cut() -> None:
    """Row 23: the answer goes on, but one with a hole in it is not called complete."""
    reply = Reply()
    reply.fold(parse_chunk(delta(content="a")), at_seconds=1)
    reply.fold(Chunk(is_malformed=True), at_seconds=2)
    reply.fold(parse_chunk(delta("stop", content="c")), at_seconds=3)
    assert reply.close() is ReplyEnd.CUT
    assert reply.choices[0].text == "ac"


@pytest.mark.parametrize(
    ("wires", "end"),
    [
        ([], ReplyEnd.CUT),  # row 24
        (texts("a"), ReplyEnd.CUT),  # row 24
        ([*texts("a"), delta("")], ReplyEnd.CUT),
        ([*texts("a"), delta("stop")], ReplyEnd.COMPLETE),  # row 25
        ([*texts("a"), DONE], ReplyEnd.COMPLETE),  # row 25
        ([DONE], ReplyEnd.CUT),
        ([delta(role="assistant"), DONE], ReplyEnd.CUT),
        ([*texts("a"), delta("length")], ReplyEnd.LENGTH),  # row 28
        ([*texts("a"), delta("content_filter")], ReplyEnd.CONTENT_FILTER),  # row 29
        ([delta("eos", content="a")], ReplyEnd.COMPLETE),  # row 27
        ([delta("eos_token", content="a")], ReplyEnd.COMPLETE),
        ([delta("STOP", content="a")], ReplyEnd.COMPLETE),
        ([delta("MAX_TOKENS", content="a")], ReplyEnd.LENGTH),
        ([delta("sensitive", content="a")], ReplyEnd.CONTENT_FILTER),
        ([delta("abort", content="a")], ReplyEnd.CUT),
        ([delta("network_error", content="a")], ReplyEnd.FAILED),
        ([delta({"type": "stop"}, content="a")], ReplyEnd.COMPLETE),
        ([delta("sunset", content="a")], ReplyEnd.COMPLETE),
        ([delta(7, content="a")], ReplyEnd.CUT),
    ],
)
def test_the_end_is_what_the_stream_says(wires: list[Any], end: ReplyEnd) -> None:
    """Rows 24 to 29: only a finish_reason or `[DONE]` ends an answer well."""
    reply, _ = fold(*wires)
    assert reply.close() is end


def test_an_unknown_finish_reason_is_kept_as_it_came() -> None:
    """Row 27: the page can show "ended: sunset"; known ones appear in the words of the schema."""
    reply, _ = fold(delta("sunset", content="a"))
    assert reply.choices[0].finish_reason == "sunset"
    reply, _ = fold(delta("end_turn", content="a"))
    assert reply.choices[0].finish_reason == "stop"


def test_nothing_counts_after_done() -> None:
    """Row 26: the first `[DONE]` wins."""
    reply, added = fold(*texts("a"), DONE, *texts("b"), DONE, {"error": "late"})
    assert (reply.close(), reply.choices[0].text, len(added)) == (ReplyEnd.COMPLETE, "a", 1)


def test_usage_and_names_may_come_anywhere() -> None:
    """Rows 1 and 54: usage from any chunk, the last model and fingerprint win."""
    reply, _ = fold(
        {"model": "a", "usage": {"prompt_tokens": 3, "completion_tokens": 1}, "choices": []},
        {"model": "b", "system_fingerprint": "fp", "usage": None},
        {"choices": [], "usage": {
            "completion_tokens": 9, "total_tokens": 12.0,
            "completion_tokens_details": {"reasoning_tokens": 4}}},
        {"usage": {"prompt_tokens": -1, "completion_tokens": True, "total_tokens": "x"}},
    )  # fmt: skip
    assert reply.usage == Usage(3, 9, 12, 4)
    assert (reply.model, reply.system_fingerprint) == ("b", "fp")


def test_times_are_those_of_the_caller() -> None:
    """The first token is the first text, not the first sign of life."""
    reply = Reply()
    reply.headers_seconds = 0.5
    reply.fold(parse_chunk(delta(role="assistant")), at_seconds=1)
    reply.fold(parse_chunk(delta(content="a")), at_seconds=2)
    reply.close(at_seconds=3)
    assert reply.timings == Timings(0.5, 2, 3)


@pytest.mark.parametrize(
    ("wires", "failure", "was_stopped", "end"),
    [
        (texts("a"), CUT_OFF, False, ReplyEnd.CUT),  # row 44
        (texts("a"), Failure("idle_timed_out"), False, ReplyEnd.FAILED),  # row 45
        ([], Failure("rate_limited"), False, ReplyEnd.FAILED),
        (texts("a"), None, True, ReplyEnd.STOPPED),
        ([], None, True, ReplyEnd.STOPPED),
        ([delta("stop", content="a")], CUT_OFF, False, ReplyEnd.COMPLETE),  # row 25
        ([delta("length", content="a")], Failure("idle_timed_out"), False, ReplyEnd.LENGTH),
        ([delta("stop", content="a")], Failure("error_in_stream"), False, ReplyEnd.FAILED),
        ([delta("stop", content="a")], None, True, ReplyEnd.COMPLETE),
    ],
)
def test_failures_and_stops_have_their_ends(
    wires: list[Any], failure: Failure | None, *, was_stopped: bool, end: ReplyEnd
) -> None:
    """What went wrong after the last word does no harm; before it, it is said."""
    reply, _ = fold(*wires)
    assert reply.close(failure=failure, was_stopped=was_stopped) is end
    assert reply.close() is end
    assert reply.failure == (failure if end in {ReplyEnd.CUT, ReplyEnd.FAILED} else None)


def test_characters_cut_in_two_are_joined() -> None:
    """Rows 34 and 35: an emoji escaped across two deltas is whole, a lone half is U+FFFD."""
    wires = [delta(content="B\ud83d"), delta(content="\udc3b"), delta(content="\udc3b!\ud83d")]
    assert said(*wires) == "B🐻\ufffd!\ufffd"
    halves = [delta(reasoning="\ud83d"), delta(), delta(reasoning="\udc3b"), delta(content="ok")]
    assert thought(*halves) == ("🐻", "ok")
    reply, _ = fold(call(0, id="a", name="f", arguments="\ud83d"), call(0, arguments="\udc3b"))
    assert reply.choices[0].tool_calls[0].arguments == "🐻"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["choices", "delta", "content", "index", "tool_calls", "function", "usage", "error",
             "message", "finish_reason", "reasoning", "text", "type", "id", "name", "arguments",
             "reasoning_details", "refusal", "detail", "code", "x_groq", "prompt_tokens"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip


@given(st.lists(ANY_JSON, max_size=6))
@settings(deadline=None, max_examples=300)
def test_no_json_can_raise(wires: list[Any]) -> None:
    """Whatever JSON a server sends, folding it ends in some typed end."""
    reply, added = fold(*wires)
    assert reply.close() in ReplyEnd
    assert all(isinstance(one.text, str) and one.text for one in added)


@given(st.lists(st.text(alphabet="ab <>/think\n`", max_size=12), max_size=12))
@settings(deadline=None, max_examples=300)
def test_what_was_handed_out_is_what_there_is(pieces: list[str]) -> None:
    """The handed-out additions are exactly the channels at the end."""
    reply, added = fold(*texts(*pieces), DONE)
    if reply.choices:
        _assert_kept(reply, added)
