"""The line below an answer, for experts."""

from __future__ import annotations

from augenblick.core.conversations import ReplyRecord
from augenblick.lab.estimates import tokens_per_second
from augenblick.store.store_values import Figures
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal


def summary_for_experts(record: ReplyRecord) -> str:
    """Model, tokens in and out, speed, first token, whole time; what is unknown is left out."""
    language, usage, timings = i18n.current(), record.usage, record.timings
    parts = [literal(record.answered_model or record.model)]
    if usage is not None and usage.prompt_tokens is not None:
        tokens_in = language.number(usage.prompt_tokens)
        tokens_out = language.number(usage.completion_tokens or 0)
        parts.append(i18n.t("summary.tokens", tokens_in=tokens_in, tokens_out=tokens_out))
    if usage is not None and (speed := tokens_per_second(Figures(usage, timings))) is not None:
        parts.append(i18n.t("summary.speed", speed=language.number(speed, digits=1)))
    if timings.first_token_seconds is not None:
        seconds = language.number(timings.first_token_seconds, digits=2)
        parts.append(i18n.t("summary.first", seconds=seconds))
    if timings.total_seconds is not None:
        seconds = language.number(timings.total_seconds, digits=1)
        parts.append(i18n.t("answer.seconds", seconds=seconds))
    return " · ".join(part for part in parts if part)
