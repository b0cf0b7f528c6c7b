"""One question over the real client, folded into the real reply, and all that came of it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from augenblick.core.errors import AugenblickError, Failure
from augenblick.core.messages import ChoiceText, ReplyEnd, Usage
from augenblick.core.providers import ApiKey, Provider
from augenblick.endpoint.client import ChatClient, Deadlines, RetryPolicy
from augenblick.endpoint.payload import Payload
from augenblick.endpoint.reply import Reply

NO_RETRY = RetryPolicy(attempts=1)
KEY = "sk-canary-7f3a9c51d2e84b60"  # must never be seen in any error


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a question came to. `chunk_count` counts what the client yielded."""

    end: ReplyEnd
    choices: tuple[ChoiceText, ...]
    usage: Usage | None = None
    failure: Failure | None = None
    error: AugenblickError | None = None
    model: str = ""
    was_streamed: bool | None = None
    chunk_count: int = 0
    waits: tuple[float, ...] = ()
    added: Mapping[tuple[int, str], str] = field(default_factory=dict)  # what `fold` handed out

    @property
    def text(self) -> str:
        """What the first choice answered."""
        return self.choices[0].text if self.choices else ""

    def unfaithful_channel(self) -> tuple[int, str] | None:
        """A channel whose pieces, as handed out, are not the beginning of what was kept."""
        for index, choice in enumerate(self.choices):
            said = {channel: text for (at, channel), text in self.added.items() if at == index}
            if (channel := lost_channel(choice, said)) is not None:
                return index, channel
        return None

    @property
    def code(self) -> str | None:
        """The code of the failure."""
        return self.failure.code if self.failure else None


def lost_channel(choice: ChoiceText, handed_out: Mapping[str, str]) -> str | None:
    """A channel that does not begin with what was handed out of it.

    Text that turned out to be thinking has to be found there, between what came as such.
    """
    text, thinking = handed_out.get("text", ""), handed_out.get("reasoning", "")
    moved = next(at for at in range(len(text) + 1) if choice.text.startswith(text[at:]))
    if moved and not _stands_in(text[:moved], choice.reasoning):
        return "text"
    if not choice.reasoning.startswith(thinking) and not (
        moved and _stands_in(thinking, choice.reasoning)
    ):
        return "reasoning"
    return None if choice.refusal.startswith(handed_out.get("refusal", "")) else "refusal"


def _stands_in(text: str, whole: str) -> bool:
    """Whether the characters of a text stand in another one, in their order."""
    rest = iter(whole)
    return all(character in rest for character in text)


def provider_at(base_url: str, *, key: str = KEY) -> Provider:
    """A provider for a test server."""
    return Provider("test", "Test", base_url, ApiKey(key))


def question(**fields: object) -> Payload:
    """A small payload that asks for a stream."""
    messages = [{"role": "user", "content": "Was ist auf dem Foto?"}]
    return {"model": "m", "messages": messages, "stream": True, **fields}


def ask(client: ChatClient, payload: Payload) -> Outcome:
    """Ask and wait for the end, whatever it is. Only errors of the project are caught."""
    reply = Reply(n=int(payload.get("n", 1)))
    error: AugenblickError | None = None
    was_streamed: bool | None = None
    chunk_count = 0
    waits: list[float] = []
    added: defaultdict[tuple[int, str], str] = defaultdict(str)
    began = time.monotonic()
    try:
        with client.stream(payload, on_wait=lambda wait: waits.append(wait.seconds)) as stream:
            for chunk in stream:
                chunk_count += 1
                for piece in reply.fold(chunk, at_seconds=time.monotonic() - began):
                    added[piece.choice_index, piece.channel] += piece.text
            was_streamed = stream.was_streamed
    except AugenblickError as caught:
        error = caught
    end = reply.close(failure=error.failure if error else None, at_seconds=time.monotonic() - began)
    return Outcome(
        end=end,
        choices=reply.choices,
        usage=reply.usage,
        failure=reply.failure,
        error=error,
        model=reply.model,
        was_streamed=was_streamed,
        chunk_count=chunk_count,
        waits=tuple(waits),
        added=added,
    )


def ask_once(
    base_url: str,
    *,
    payload: Payload | None = None,
    deadlines: Deadlines | None = None,
    retry: RetryPolicy = NO_RETRY,
) -> Outcome:
    """`ask` with a client of its own."""
    client = ChatClient(provider_at(base_url), deadlines=deadlines or Deadlines(), retry=retry)
    try:
        return ask(client, payload or question())
    finally:
        client.close()
