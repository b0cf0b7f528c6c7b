"""Logs name types and places, never values."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from augenblick.ops.safe_log import keep_values_out_of_logs, log_script_error, places_of

_CANARY = "sk-canary-4711"
_EMPTY: dict[str, str] = {}


def _fail() -> None:
    try:
        _ = _EMPTY[_CANARY]
    except KeyError as error:
        raise ValueError(f"Bearer {_CANARY}") from error


@pytest.fixture
def _factory() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    keep_values_out_of_logs()
    keep_values_out_of_logs()
    yield
    logging.setLogRecordFactory(before)


def test_places_name_types_files_and_lines_of_the_whole_chain() -> None:
    """The error and its cause appear with their places and without their words."""
    with pytest.raises(ValueError, match="Bearer") as caught:
        _fail()
    text = places_of(caught.value)

    assert "builtins.ValueError" in text
    assert "builtins.KeyError" in text
    assert "tests/ops/test_safe_log.py:" in text
    assert "in _fail" in text
    assert _CANARY not in text


@pytest.mark.usefixtures("_factory")
def test_any_logger_writes_places_instead_of_messages(caplog: pytest.LogCaptureFixture) -> None:
    """Also what a library logs with its traceback has no values."""
    try:
        _fail()
    except ValueError:
        logging.getLogger("some.library").exception("it failed")

    assert "it failed" in caplog.text
    assert "builtins.ValueError" in caplog.text
    assert _CANARY not in caplog.text


def test_script_error_is_found_by_its_id(caplog: pytest.LogCaptureFixture) -> None:
    """The id shown to the person stands in the log beside the places."""
    with pytest.raises(ValueError, match="Bearer") as caught:
        _fail()
    error_id = log_script_error(caught.value)

    assert f"Page error {error_id}" in caplog.text
    assert _CANARY not in caplog.text


def test_endless_chain_of_causes_ends() -> None:
    """Two errors that name each other as cause are each written once."""
    first, second = ValueError("a"), KeyError("b")
    first.__cause__, second.__cause__ = second, first

    assert places_of(first) == "builtins.ValueError\nbuiltins.KeyError"
