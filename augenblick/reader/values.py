"""Parsers for one JSON value each, with the sentences and codes the API answers wrong ones with.

A parser takes the value and its path and gives the parsed value or raises `ApiError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from augenblick.reader.wire import ApiError, JsonValue

Parse = Callable[[JsonValue, str], JsonValue]

_SHOWN_CHARS = 40


def wrong_type(param: str, expected: str, value: object) -> ApiError:
    """The error for a value of another type."""
    return ApiError(
        f"Invalid type for '{param}': expected {expected}, but got {kind_of(value)} instead.",
        param=param,
        code="invalid_type",
    )


def invalid(param: str, reason: str, *, code: str = "invalid_value") -> ApiError:
    """The error for a value of the right type that can't be."""
    return ApiError(f"Invalid '{param}': {reason}", param=param, code=code)


def missing(param: str) -> ApiError:
    """The error for a required value that isn't there."""
    return ApiError(
        f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def kind_of(value: object) -> str:
    """The type of a JSON value, in words."""
    if value is None:
        return "null"
    kinds: dict[type, str] = {
        bool: "a boolean", int: "an integer", float: "a decimal", str: "a string",
        list: "an array", dict: "an object",
    }  # fmt: skip
    return kinds[type(value)]


def shown(value: str) -> str:
    """A short foreign word, fit to stand in a sentence."""
    return value if len(value) <= _SHOWN_CHARS else f"{value[:_SHOWN_CHARS]}..."


def number(low: float, high: float) -> Parse:
    """A number from `low` to `high`."""

    def parse(value: JsonValue, param: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(param, "a decimal", value)
        return _within(value, low, high, param=param, kind="decimal")

    return parse


def integer(low: int | None = None, high: int | None = None) -> Parse:
    """A whole number from `low` to `high`."""

    def parse(value: JsonValue, param: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(param, "an integer", value)
        _within(value, low, high, param=param, kind="integer")
        return value

    return parse


def _within(value: float, low: float | None, high: float | None, *, param: str, kind: str) -> float:
    for limit, is_over, sign, where in (
        (low, low is not None and value < low, ">=", "below minimum"),
        (high, high is not None and value > high, "<=", "above maximum"),
    ):
        if is_over:
            code = f"{kind}_{where.replace('minimum', 'min').replace('maximum', 'max')}_value"
            reason = f"{kind} {where} value. Expected a value {sign} {limit}."
            raise invalid(param, reason, code=code.replace(" ", "_"))
    return value


def boolean(value: JsonValue, param: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong_type(param, "a boolean", value)
    return value


def string(max_length: int | None = None, *, min_length: int = 0) -> Parse:
    """A string."""

    def parse(value: JsonValue, param: str) -> str:
        if not isinstance(value, str):
            raise wrong_type(param, "a string", value)
        if len(value) < min_length:
            raise invalid(param, "string too short.", code="string_below_min_length")
        if max_length is not None and len(value) > max_length:
            reason = f"string too long. Expected at most {max_length} characters."
            raise invalid(param, reason, code="string_above_max_length")
        return value

    return parse


def one_of(*allowed: str) -> Parse:
    """One of some words."""

    def parse(value: JsonValue, param: str) -> str:
        if not isinstance(value, str):
            raise wrong_type(param, f"one of {_listed(allowed)}", value)
        if value not in allowed:
            raise ApiError(
                f"Invalid value: '{shown(value)}'. Supported values are: {_listed(allowed)}.",
                param=param,
                code="invalid_value",
            )
        return value

    return parse


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def array(item: Parse, *, low: int = 0, high: int | None = None) -> Parse:
    """A list of `low` to `high` entries."""

    def parse(value: JsonValue, param: str) -> tuple[JsonValue, ...]:
        if not isinstance(value, list):
            raise wrong_type(param, "an array", value)
        if len(value) < low:
            reason = f"array too short. Expected an array with minimum length {low}."
            raise invalid(param, reason, code="array_below_min_length")
        if high is not None and len(value) > high:
            reason = f"array too long. Expected an array with maximum length {high}."
            raise invalid(param, reason, code="array_above_max_length")
        return tuple(item(entry, f"{param}[{index}]") for index, entry in enumerate(value))

    return parse


def mapping(value: JsonValue, param: str) -> dict[str, JsonValue]:
    """Any object."""
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    return value


def record(
    required: Mapping[str, Parse], optional: Mapping[str, Parse] | None = None
) -> Callable[[JsonValue, str], dict[str, JsonValue]]:
    """An object with known keys. An optional one may be null, which means not given."""
    known = {**(optional or {}), **required}

    def parse(value: JsonValue, param: str) -> dict[str, JsonValue]:
        entries = mapping(value, param)
        for key in entries:
            if key not in known:
                path = f"{param}.{shown(key)}"
                raise ApiError(
                    f"Unknown parameter: '{path}'.", param=path, code="unknown_parameter"
                )
        for key in required:
            if key not in entries:
                raise missing(f"{param}.{key}")
        return {
            key: known[key](entry, f"{param}.{key}")
            for key, entry in entries.items()
            if entry is not None or key in required
        }

    return parse


def refused(reason: str) -> Parse:
    """A field that the API has and this endpoint can't serve."""

    def parse(_value: JsonValue, param: str) -> JsonValue:
        raise ApiError(
            f"'{param}' is not supported by this endpoint: {reason}",
            param=param,
            code="unsupported_parameter",
        )

    return parse
