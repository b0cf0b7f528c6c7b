"""The names in an answer to `GET /models`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from augenblick.core.errors import ProviderError
from augenblick.endpoint.error_body import ErrorBody, error_in_chunk


def read_model_list(
    wire: object, *, refuse: Callable[[ErrorBody], ProviderError]
) -> tuple[str, ...]:
    """The names in any of the shapes seen, each once, in the order of the endpoint.

    Raises ProviderError for anything else; `refuse` makes one of an error that stands there.
    """
    if (refused := error_in_chunk(wire)) is not None:
        raise refuse(refused)
    if isinstance(wire, Mapping):
        wire = next((wire[key] for key in ("data", "models") if key in wire), None)
    if not isinstance(wire, list):
        raise ProviderError(code="foreign_json")
    return tuple(dict.fromkeys(name for item in wire if (name := _name(item))))


def _name(item: object) -> str:
    if isinstance(item, str):
        return item
    found = (item.get(key) for key in ("id", "name", "model")) if isinstance(item, Mapping) else ()
    return next((name for name in found if isinstance(name, str)), "")
