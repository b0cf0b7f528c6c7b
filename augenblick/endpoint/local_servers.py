"""Programs with models on this computer: which run, and which models can look at pictures.

Nothing but loopback is asked, at known ports, and each program is known by what it answers there:

- llama.cpp (tools/server/README.md): `owned_by` "llamacpp", `architecture.input_modalities` in
  `/v1/models`; older ones `modalities.vision` in `/props`
- SGLang: `owned_by` "sglang", `has_image_understanding` in `/model_info`, once `/get_model_info`
- vLLM: `owned_by` "vllm"; it does not say what its model takes
- KoboldCpp: `result` and `vision` in `/api/extra/version`
- Ollama (docs/api.md): `/api/tags`; `capabilities` there or in `/api/show`. A model with a
  `remote_host` runs in Ollama's cloud
- LM Studio (1_developer/2_rest): `type` "vlm" in `/api/v0/models`
- LocalAI: `capabilities` in `/v1/models/capabilities`
- Jan: by its port; it does not say what its models take

Where a program does not say it, the name of the model does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from augenblick.core.errors import AugenblickError, ConfigurationError
from augenblick.core.model_names import can_chat, seems_to_see
from augenblick.core.providers import READER_MODEL, Provider
from augenblick.core.switches import is_switched_off
from augenblick.endpoint.client import ChatClient, Deadlines, RetryPolicy

JAN_PORT: Final = 1337
USUAL_PORTS: Final = (
    11434,  # Ollama
    1234,  # LM Studio
    8000,  # vLLM
    30000,  # SGLang
    8080,  # llama.cpp, LocalAI
    JAN_PORT,
    5001,  # KoboldCpp
)
_VARIABLE: Final = "AUGENBLICK_LOCAL_PORTS"
_SECONDS: Final = 3.0  # for one request, whatever trickles in; a server that starts is slow itself
_MOST_SHOWN: Final = 50  # models of which Ollama is asked one by one
_HIGHEST_PORT: Final = 65535

_Ask = Callable[..., object]
_Row = Mapping[str, Any]
_Sees = Mapping[str, bool | None]  # by model; None where the program does not say


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A program with models on this computer; the models as it names them."""

    label: str
    base_url: str
    seeing: tuple[str, ...]
    blind: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called as a provider."""
        kind = re.sub(r"[^a-z]+", "-", self.label.lower())
        return f"{kind}-{urlsplit(self.base_url).port}"

    @property
    def provider(self) -> Provider:
        """As an endpoint, with the models that can look at pictures."""
        return Provider(self.name, self.label, self.base_url, models=self.seeing)


def read_local_ports(environ: Mapping[str, str]) -> tuple[int, ...]:
    """The ports to look at, none where that is switched off. Raises ConfigurationError."""
    if is_switched_off(environ, _VARIABLE):
        return ()
    value = environ.get(_VARIABLE, "").strip().lower()
    words = re.split(r"[\s,;]+", value) if value else []
    if not all(re.fullmatch("[0-9]{1,5}", word) for word in words):
        raise ConfigurationError(f"{_VARIABLE} must be ports with commas between them, or off")
    ports = tuple(map(int, words))
    if not all(1 <= port <= _HIGHEST_PORT for port in ports):
        raise ConfigurationError(f"{_VARIABLE} holds a number that is no port")
    return ports or USUAL_PORTS


def find_local_servers(
    ports: Collection[int], *, jan_port: int = JAN_PORT
) -> tuple[LocalServer, ...]:
    """What runs at these ports of this computer, in their order. Takes no longer than seconds."""
    roots = [f"http://{host}:{port}" for port in ports for host in ("127.0.0.1", "[::1]")]
    if not roots:
        return ()
    found: dict[int | None, LocalServer] = {}
    with ThreadPoolExecutor(len(roots), thread_name_prefix="local-servers") as pool:
        for server in pool.map(lambda root: _look_at(root, jan_port), roots):
            if server is not None:  # many listen at both addresses
                found.setdefault(urlsplit(server.base_url).port, server)
    return tuple(found.values())


def _look_at(root: str, jan_port: int) -> LocalServer | None:
    deadlines = Deadlines(connect_seconds=_SECONDS, total_seconds=_SECONDS)
    with ChatClient(
        Provider("", "", root), deadlines=deadlines, retry=RetryPolicy(attempts=1)
    ) as client:

        def ask(path: str, question: Mapping[str, Any] | None = None) -> object:
            try:
                return client.ask_beside(path, question)
            except AugenblickError:
                return None

        rows = _rows(ask("/v1/models"), "data")
        if not rows or READER_MODEL in _names(rows):
            return None
        is_jan = urlsplit(root).port == jan_port
        programs = {"Jan": _jan} if is_jan else _PROGRAMS
        found = ((label, read(ask, rows)) for label, read in programs.items())
        label, sees = next((each for each in found if each[1]), ("", {}))
    if not sees:
        return None
    models = [
        (name, seems_to_see(name) if answer is None else answer)
        for name, answer in sees.items()
        if can_chat(name)
    ]
    return LocalServer(
        label,
        f"{root}/v1",
        seeing=tuple(name for name, can_see in models if can_see),
        blind=tuple(name for name, can_see in models if not can_see),
    )


def _llama_cpp(ask: _Ask, rows: list[_Row]) -> _Sees:
    if rows[0].get("owned_by") != "llamacpp":
        return {}
    said = [_holds(_at(row, "architecture", "input_modalities"), "image") for row in rows]
    if None in said:
        loaded = _flag(_at(ask("/props"), "modalities", "vision"))
        said = [loaded if each is None else each for each in said]
    # Its usual name is a path of this computer; it answers to any.
    files = [re.split(r"[/\\]", name)[-1] for name in _names(rows)]
    return dict(zip(files, said, strict=True))


def _sglang(ask: _Ask, rows: list[_Row]) -> _Sees:
    if rows[0].get("owned_by") != "sglang":
        return {}
    info = ask("/model_info") or ask("/get_model_info")
    return dict.fromkeys(_names(rows), _flag(_at(info, "has_image_understanding")))


def _jan(_ask: _Ask, rows: list[_Row]) -> _Sees:
    return dict.fromkeys(_names(rows))


def _vllm(_ask: _Ask, rows: list[_Row]) -> _Sees:
    return dict.fromkeys(_names(rows)) if rows[0].get("owned_by") == "vllm" else {}


def _koboldcpp(ask: _Ask, rows: list[_Row]) -> _Sees:
    version = ask("/api/extra/version")
    is_it = _at(version, "result") == "KoboldCpp"
    return dict.fromkeys(_names(rows), _flag(_at(version, "vision"))) if is_it else {}


def _ollama(ask: _Ask, _: list[_Row]) -> _Sees:
    found: dict[str, bool | None] = {}
    for row in _rows(ask("/api/tags"), "models")[:_MOST_SHOWN]:
        name = _name(row)
        more = row if "capabilities" in row else ask("/api/show", {"model": name})
        if not (row.get("remote_host") or _at(more, "remote_host")):
            found[name] = _holds(_at(more, "capabilities"), "vision")
    return found


def _lm_studio(ask: _Ask, _: list[_Row]) -> _Sees:
    rows = _rows(ask("/api/v0/models"), "data")
    return {_name(row): row["type"] == "vlm" for row in rows if row.get("type") in {"llm", "vlm"}}


def _localai(ask: _Ask, _: list[_Row]) -> _Sees:
    return {
        _name(row): _holds(row.get("capabilities"), "vision")
        for row in _rows(ask("/v1/models/capabilities"), "data")
        if _holds(row.get("capabilities"), "chat") is not False
    }


# In this order: llama.cpp and KoboldCpp speak Ollama's language, too.
_PROGRAMS: Final[Mapping[str, Callable[[_Ask, list[_Row]], _Sees]]] = {
    "llama.cpp": _llama_cpp,
    "SGLang": _sglang,
    "vLLM": _vllm,
    "KoboldCpp": _koboldcpp,
    "Ollama": _ollama,
    "LM Studio": _lm_studio,
    "LocalAI": _localai,
}


def _rows(answer: object, key: str) -> list[_Row]:
    """The entries of a list of models that have a name."""
    rows = _at(answer, key)
    return [row for row in rows if _name(row)] if isinstance(rows, list) else []


def _names(rows: Iterable[_Row]) -> list[str]:
    return [_name(row) for row in rows]


def _name(row: object) -> str:
    found = _at(row, "id") or _at(row, "model") or _at(row, "name")
    return found if isinstance(found, str) else ""


def _at(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _holds(words: object, word: str) -> bool | None:
    return word in words if isinstance(words, list) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
