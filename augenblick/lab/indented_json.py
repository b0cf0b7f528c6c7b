"""JSON set in lines while it is still coming, so that a growing answer can be read."""

from __future__ import annotations

_STEP = "  "
_FREE_SPACES = 10_000
_SPACES = " \t\r\n"
_OPENING, _CLOSING = "{[", "}]"


class IndentedJson:
    """Takes JSON in pieces of any size and gives it back with a line for each entry.

    The pieces given back are as `json.dumps(indent=2)` sets them. What follows the value is given
    back as it came, and so is text that is no JSON, as far as it can be. Indentation ends where it
    would be more than three times the text, so that a thousand brackets are no million spaces.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._is_string = False
        self._is_escaped = False
        self._is_line_due = False  # before the next sign
        self._is_over = False
        self._spaces_left = _FREE_SPACES

    def feed(self, text: str) -> str:
        """Give back the text so far, set in lines."""
        self._spaces_left += 3 * len(text)
        return "".join(map(self._set, text))

    def _set(self, sign: str) -> str:
        if self._is_over:
            return sign
        if self._is_string:
            self._is_string = self._is_escaped or sign != '"'
            self._is_escaped = sign == "\\" and not self._is_escaped
            return sign
        if sign in _SPACES:
            return ""
        return self._sign(sign)

    def _sign(self, sign: str) -> str:
        """Set a sign outside of any string."""
        if sign in _CLOSING:
            self._depth -= 1
            line = "" if self._is_line_due else self._line()
            self._is_line_due = False
            self._is_over = self._depth <= 0
            return line + sign
        line = self._line() if self._is_line_due else ""
        self._is_line_due = sign in _OPENING or sign == ","
        self._depth += sign in _OPENING
        self._is_string = sign == '"'
        return line + (": " if sign == ":" else sign)

    def _line(self) -> str:
        spaces = len(_STEP) * max(0, self._depth)
        if spaces > self._spaces_left:
            return "\n"
        self._spaces_left -= spaces
        return "\n" + " " * spaces
