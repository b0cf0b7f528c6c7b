"""Chance against the decoder and the client: nothing but our own errors may come out.

`random_chunk` makes JSON events that are near enough to real ones to reach every branch;
`mutate` damages recorded responses, head and framing included.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from augenblick.core.messages import ReplyEnd
from augenblick.endpoint.chunks import parse_chunk
from augenblick.endpoint.client import ChatClient, Deadlines
from augenblick.endpoint.reply import Reply
from tests.faults.asking import NO_RETRY, ask, lost_channel, provider_at, question
from tests.faults.server import FaultServer, Received, Reset, Step
from tests.sweep.kill import Recording

_TEXTS = (
    "", "a", "na ", "Auf dem Foto ", "<think>", "</think>", "<th", "ink>", "\n", "```", "\ud83d",
    "\udc3b", "\0", "\u2028", "🐻", "[DONE]", "Das ist ein langer Satz, der wiederkommt. ",
)  # fmt: skip
_ODD: tuple[object, ...] = (
    None, True, False, 0, -1, 1, 3.0, 1e308, float("nan"), float("inf"), 10**30, "", "x", "0", [],
    {}, [None], [[]], [{}], {"text": "x"}, {"type": "text"},
    {"type": "text", "text": {"value": "v"}}, [{"type": "text", "text": "p"}],
    [{"type": "thinking", "thinking": [{"text": "t"}]}],
)  # fmt: skip
_REASONS = ("stop", "length", "content_filter", "tool_calls", "eos", "", "error", "abort", "banana")
_MAX_CHUNKS = 30
_HASTY = Deadlines(connect_seconds=5, first_token_seconds=2, idle_seconds=2, total_seconds=4)


@dataclass(slots=True)
class FuzzCount:
    """What came of many random inputs."""

    inputs: int = 0
    by_end: Counter[str] = field(default_factory=Counter)
    by_code: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)


def random_chunk(chance: random.Random) -> object:
    """A decoded event: mostly a chunk, with some of its values replaced by odd ones."""
    if chance.random() < 0.05:
        return chance.choice(_ODD)
    return _odd(
        chance,
        {
            "id": "chatcmpl-1",
            "model": _maybe(chance, lambda: chance.choice(("m-1", "m-2"))),
            "choices": [_choice(chance) for _ in range(chance.choice((0, 1, 1, 1, 2)))],
            "usage": _maybe(chance, lambda: _odd(chance, {"prompt_tokens": 3, "total_tokens": 5})),
            "error": _maybe(chance, lambda: _error(chance), often=0.02),
        },
    )


def _choice(chance: random.Random) -> object:
    fields: dict[str, Any] = {
        "index": chance.choice((0, 0, 0, 1, 2)),
        "delta": _delta(chance),
        "finish_reason": _maybe(chance, lambda: chance.choice(_REASONS), often=0.1),
    }
    if chance.random() < 0.05:
        fields["message"] = _delta(chance)
    return _odd(chance, fields)


def _delta(chance: random.Random) -> object:
    fields: dict[str, Any] = {"content": chance.choice(_TEXTS)}
    for name in ("reasoning_content", "reasoning", "reasoning_details", "refusal", "thinking"):
        if chance.random() < 0.1:
            fields[name] = chance.choice(_TEXTS)
    if chance.random() < 0.1:
        fields["tool_calls"] = [_call(chance) for _ in range(chance.randrange(3))]
    if chance.random() < 0.03:
        fields["function_call"] = _odd(chance, {"name": "f", "arguments": "{"})
    return _odd(chance, fields)


def _call(chance: random.Random) -> object:
    function = _odd(chance, {"name": chance.choice(("f", "")), "arguments": chance.choice(_TEXTS)})
    identity = chance.choice(("", "c1", "c2"))
    index = chance.choice((0, 0, 1, 7))
    return _odd(chance, {"index": index, "id": identity, "type": "function", "function": function})


def _error(chance: random.Random) -> object:
    return _odd(chance, {"message": "overloaded", "type": "server_error", "code": 503})


def _maybe(chance: random.Random, make: Callable[[], object], *, often: float = 0.3) -> object:
    return make() if chance.random() < often else None


def _odd(chance: random.Random, fields: dict[str, Any]) -> object:
    """The fields, now and then one of them missing or of a type nobody expects."""
    for name in [*fields]:
        drawn = chance.random()
        if drawn < 0.03:
            fields[name] = chance.choice(_ODD)
        elif drawn < 0.06:
            del fields[name]
    return fields


def fold_random(seeds: Iterable[str]) -> FuzzCount:
    """One reply of random chunks for each seed."""
    count = FuzzCount()
    for seed in seeds:
        chance = random.Random(seed)
        count.inputs += 1
        try:
            _fold_one(chance, count)
        except Exception as error:  # noqa: BLE001 - any exception is what is looked for
            count.complaints.append(f"chunks {seed}: {error!r}")
    return count


def _fold_one(chance: random.Random, count: FuzzCount) -> None:
    reply = Reply(n=chance.choice((1, 1, 2)))
    handed_out: dict[int, dict[str, str]] = {}
    for at in range(chance.randrange(_MAX_CHUNKS)):
        chunk = parse_chunk(random_chunk(chance))
        for piece in reply.fold(chunk, at_seconds=float(at)):
            said = handed_out.setdefault(piece.choice_index, {})
            said[piece.channel] = said.get(piece.channel, "") + piece.text
    end = reply.close(was_stopped=chance.random() < 0.1)
    count.by_end[end] += 1
    for index, said in handed_out.items():
        if lost_channel(reply.choices[index], said) is not None:
            raise AssertionError(f"handed out {said!r}, kept {reply.choices[index]!r}")
    for choice in reply.choices:
        calls = [
            part for call in choice.tool_calls for part in (call.id, call.name, call.arguments)
        ]
        "".join([choice.text, choice.reasoning, choice.refusal, *calls]).encode()
    if end is ReplyEnd.FAILED and reply.failure is None:
        raise AssertionError("failed without a failure")


def mutate(wire: bytes, chance: random.Random) -> bytes:
    """A response with a few bytes or stretches changed, dropped, doubled or put in."""
    content = bytearray(wire)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(content) + 1)
        size = chance.choice((1, 1, 2, 7, 60))
        how = chance.randrange(4)
        if how == 0:
            del content[at : at + size]
        elif how == 1:
            content[at:at] = content[at : at + size]
        elif how == 2:
            content[at : at + size] = chance.randbytes(size)
        else:
            content[at:at] = chance.choice((b"\r\n", b"\n\n", b"\0", b"data: ", b"0\r\n\r\n", b"<"))
    return bytes(content)


def answer_mutated(recordings: list[Recording], seeds: Iterable[str]) -> FuzzCount:
    """One damaged response over a real connection for each seed."""
    count = FuzzCount()

    def answer(received: Received) -> list[Step]:
        chance = random.Random(str(received.json()["user"]))
        step: Step = mutate(chance.choice(recordings).wire, chance)
        return [step, Reset()] if chance.random() < 0.3 else [step]

    with FaultServer(answer) as server:
        client = ChatClient(provider_at(server.base_url), deadlines=_HASTY, retry=NO_RETRY)
        try:
            for seed in seeds:
                count.inputs += 1
                _answer_one(client, seed, count)
        finally:
            client.close()
    return count


def _answer_one(client: ChatClient, seed: str, count: FuzzCount) -> None:
    try:
        outcome = ask(client, question(user=seed))
    except Exception as error:  # noqa: BLE001 - what escapes is what the sweep looks for
        count.complaints.append(f"response {seed}: {error!r} escaped")
        return
    count.by_end[outcome.end] += 1
    count.by_code[outcome.code or "none"] += 1
    if outcome.unfaithful_channel() is not None:
        count.complaints.append(f"response {seed}: {dict(outcome.added)} is not {outcome.choices}")
