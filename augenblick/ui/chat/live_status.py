"""What stands above the text of an answer while it is written: waiting, thinking, not yet saved."""

from __future__ import annotations

import time

from augenblick.chat.live import CallsSoFar, Progress
from augenblick.chat.reply_queue import Turn
from augenblick.ui import i18n
from augenblick.ui.chat.drawn_answer import Places
from augenblick.ui.chat.tool_rounds import draw_thinking

_THINKING_SECONDS = 0.5  # thinking is sent whole each time, and few look into it
_CALLING_SECONDS = 0.15  # arguments are short, and seen to grow
_THINKING_CHARACTERS_PER_SECOND = 10_000
_STILL_SECONDS = 4.0  # after which the waiting time is shown


class LiveStatus:
    """Draws how an answer stands, and only what has changed.

    `says_unwritten`: of several answers the first one says for all that they can't be saved.
    """

    def __init__(self, places: Places, *, says_unwritten: bool) -> None:
        self.is_written = True
        self._places = places
        self._says_unwritten = says_unwritten
        self._reasoning = ""
        self._waiting_label = ""
        self._drawn = CallsSoFar(), 0  # calls and length of the reasoning
        self._thought_at = 0.0
        self._show_waiting(i18n.t("answer.looking"))

    def begin_round(self) -> None:
        """Another round of calls is whole: thinking begins anew."""
        self._reasoning = ""

    def show(self, progress: Progress, reasoning: str, *, waited_seconds: float | None) -> None:
        """Show what has changed; `reasoning` is what was added.

        `waited_seconds` is how long there has been no text, None once there is some.
        """
        self._reasoning += reasoning
        self._show_thinking(progress)
        if progress.is_durable != self.is_written:
            self.is_written = progress.is_durable
            self._show_unwritten()
        self._show_waiting("" if waited_seconds is None else self._label(progress, waited_seconds))

    def _show_waiting(self, label: str) -> None:
        if label == self._waiting_label:
            return
        self._waiting_label = label
        if label:
            self._places.waiting.markdown(f":shimmer[{label}]")
        else:
            self._places.waiting.empty()

    def _label(self, progress: Progress, waited_seconds: float) -> str:
        if progress.wait is not None:
            return i18n.t("answer.retrying", seconds=round(progress.wait.seconds))
        if progress.turn is not None:
            return _turn_label(progress.turn)
        label = i18n.t("answer.thinking" if self._reasoning else "answer.looking")
        if waited_seconds < _STILL_SECONDS:
            return label
        return i18n.t("answer.still", what=label, seconds=round(waited_seconds))

    def _show_unwritten(self) -> None:
        if not self._says_unwritten:
            return
        if self.is_written:
            self._places.unwritten.empty()
        else:
            self._places.unwritten.warning(i18n.t("chat.not_written"), icon=":material/save:")

    def _show_thinking(self, progress: Progress) -> None:
        """Draw thinking and calls where it is time to: they are sent whole each time."""
        record = progress.record
        calls = progress.calls if record is None else CallsSoFar(record.rounds)
        wanted = calls, len(self._reasoning)
        if wanted == self._drawn:
            return
        if record is None and len(calls.results) == len(self._drawn[0].results):
            arguments = sum(len(call.arguments) for call in calls.calls)
            seconds = _CALLING_SECONDS if arguments else _THINKING_SECONDS
            by_size = (len(self._reasoning) + arguments) / _THINKING_CHARACTERS_PER_SECOND
            if time.monotonic() - self._thought_at <= max(seconds, by_size):
                return
        self._thought_at, self._drawn = time.monotonic(), wanted
        with self._places.thinking.container():
            draw_thinking(calls, self._reasoning)


def _turn_label(turn: Turn) -> str:
    if turn.before:
        return i18n.t("answer.queued", count=turn.before)
    return i18n.t("answer.queued_own" if turn.is_own else "answer.queued_next")
