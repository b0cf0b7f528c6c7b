"""What a model did wrong in a call, in words for the model."""

from __future__ import annotations


class CallMistake(Exception):
    """A call that can't be run; the text goes back to the model as the result of the call."""
