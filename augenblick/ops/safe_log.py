"""Logs without values: an exception is written as its type and its places, never as its message.

What an exception says may hold a key, a question or the address of somebody's picture. Streamlit,
the server and every library log exceptions through the standard module, so the rule sits there.
"""

from __future__ import annotations

import itertools
import logging
import os
import secrets
import threading
import traceback
from collections.abc import Iterator

from augenblick.core.paths import PROJECT_DIR

logger = logging.getLogger(__name__)


def places_of(error: BaseException) -> str:
    """Type, file and line of an exception and of those that led to it, the last one first."""
    return "\n".join(itertools.chain.from_iterable(_lines(link) for link in _chain(error)))


def log_script_error(error: BaseException) -> str:
    """Log an error of a page; returns the id under which it stands in the log."""
    error_id = secrets.token_hex(4)
    logger.error("Page error %s\n%s", error_id, places_of(error))
    return error_id


def keep_values_out_of_logs() -> None:
    """From now on, every log record of this process carries places instead of messages.

    So does what a thread says that dies of an error.
    """
    make = logging.getLogRecordFactory()
    if getattr(make, "keeps_values_out", False):
        return

    def make_without_values(*args: object, **kwargs: object) -> logging.LogRecord:
        record: logging.LogRecord = make(*args, **kwargs)
        if isinstance(record.args, tuple):
            record.args = tuple(
                type(value).__name__ if isinstance(value, BaseException) else value
                for value in record.args
            )
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = places_of(record.exc_info[1])
            record.exc_info = None
        return record

    make_without_values.keeps_values_out = True  # type: ignore[attr-defined]  # marks it as ours
    logging.setLogRecordFactory(make_without_values)
    threading.excepthook = _log_thread_error


def _log_thread_error(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None and failed.exc_type is not SystemExit:
        name = failed.thread.name if failed.thread else "a thread"
        logger.error("%s ended with an error\n%s", name, places_of(failed.exc_value))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _lines(error: BaseException) -> Iterator[str]:
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        name = code.co_filename.removeprefix(f"{PROJECT_DIR}{os.sep}")
        yield f"  {name}:{line} in {code.co_name}"
