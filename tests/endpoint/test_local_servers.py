"""Programs with models on this computer, each at a real port, answering as its makers document."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable, Mapping

import pytest

from augenblick.core.errors import ConfigurationError
from augenblick.core.providers import READER_MODEL
from augenblick.endpoint.local_servers import (
    USUAL_PORTS,
    LocalServer,
    find_local_servers,
    read_local_ports,
)
from tests.faults.server import (
    FaultServer,
    Framing,
    Received,
    Step,
    Trickle,
    answered_json,
    framed,
    head,
)

Answers = Mapping[str, object]


def _listed(*rows: Mapping[str, object]) -> Mapping[str, object]:
    return {"object": "list", "data": [{"object": "model", **row} for row in rows]}


class _Program:
    """Answers as told by path; everything else is unknown to it."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def __call__(self, received: Received) -> Iterable[Step]:
        answer = self._answers.get(received.path)
        if callable(answer):
            answer = answer(received)
        if answer is None:
            return answered_json({"error": "not found"}, status="404 Not Found")
        return answered_json(answer)


def _found(answers: Answers, *, is_jan: bool = False) -> LocalServer | None:
    with FaultServer(_Program(answers)) as server:
        found = find_local_servers([server.port], jan_port=server.port if is_jan else 1)
    return found[0] if found else None


def _show(received: Received) -> object:
    capabilities = {
        "qwen2.5vl:7b": ["completion", "vision"],
        "llama3.2:latest": ["completion", "tools"],
        "copied:latest": ["completion", "vision"],
    }[received.json()["model"]]
    is_remote = received.json()["model"] == "copied:latest"
    remote = {"remote_host": "https://ollama.com:443", "remote_model": "x"} if is_remote else {}
    return {"details": {"family": "qwen25vl"}, "capabilities": capabilities, **remote}


_OLLAMA = {
    "/v1/models": _listed(
        {"id": "qwen2.5vl:7b", "owned_by": "library"}, {"id": "llama3.2:latest", "owned_by": "x"}
    ),
    "/api/tags": {
        "models": [
            {"name": "qwen2.5vl:7b", "model": "qwen2.5vl:7b", "details": {"family": "qwen25vl"}},
            {"name": "llama3.2:latest", "model": "llama3.2:latest"},
            {
                "name": "qwen3-vl:235b-cloud",
                "remote_host": "https://ollama.com:443",
                "capabilities": ["completion", "vision"],
            },
            {"name": "copied:latest", "model": "copied:latest"},
        ]
    },
    "/api/show": _show,
}
_NEW_OLLAMA = {
    "/v1/models": _listed({"id": "gemma3:270m"}, {"id": "gemma3:4b"}),
    "/api/tags": {
        "models": [
            {"name": "gemma3:270m", "capabilities": ["completion"]},
            {"name": "gemma3:4b", "capabilities": ["completion", "vision"]},
        ]
    },
}
_LM_STUDIO = {
    "/v1/models": _listed({"id": "qwen2-vl-7b-instruct"}, {"id": "meta-llama-3.1-8b-instruct"}),
    "/api/v0/models": _listed(
        {"id": "qwen2-vl-7b-instruct", "type": "vlm", "state": "not-loaded"},
        {"id": "meta-llama-3.1-8b-instruct", "type": "llm", "state": "loaded"},
        {"id": "text-embedding-nomic-embed-text-v1.5", "type": "embeddings"},
    ),
    "/api/tags": {"error": "Unexpected endpoint"},
    "/api/extra/version": {"error": "Unexpected endpoint"},
}
_LLAMA_CPP = {
    "/v1/models": {
        "models": [{"name": "/models/gemma-3-4b-it-Q4_K_M.gguf", "capabilities": ["completion"]}],
        **_listed(
            {
                "id": "/models/gemma-3-4b-it-Q4_K_M.gguf",
                "owned_by": "llamacpp",
                "architecture": {"input_modalities": ["text", "image"]},
            }
        ),
    }
}
_OLD_LLAMA_CPP = {
    "/v1/models": _listed({"id": "smol", "owned_by": "llamacpp", "meta": {"n_ctx_train": 8192}}),
    "/props": {"model_alias": "smol", "modalities": {"vision": True, "audio": False}},
    "/api/tags": {"models": [{"name": "smol"}]},
}
_VLLM = {
    "/v1/models": _listed(
        {"id": "Qwen/Qwen2.5-VL-7B-Instruct", "owned_by": "vllm", "max_model_len": 32768},
        {"id": "Qwen/Qwen2.5-7B-Instruct", "owned_by": "vllm", "max_model_len": 32768},
    )
}
_SGLANG = {
    "/v1/models": _listed({"id": "some-model", "owned_by": "sglang", "max_model_len": 8192}),
    "/model_info": {"model_path": "some-model", "has_image_understanding": True},
}
_OLD_SGLANG = {
    "/v1/models": _listed({"id": "some-model", "owned_by": "sglang"}),
    "/get_model_info": {"model_path": "some-model", "has_image_understanding": False},
}
_KOBOLDCPP = {
    "/v1/models": _listed({"id": "koboldcpp/some-model", "owned_by": "koboldcpp"}),
    "/api/extra/version": {"result": "KoboldCpp", "version": "1.103", "vision": True},
    "/api/tags": {"models": [{"name": "koboldcpp"}]},
}
_LOCALAI = {
    "/v1/models": _listed({"id": "vlm"}, {"id": "words"}, {"id": "parakeet"}),
    "/v1/models/capabilities": _listed(
        {"id": "vlm", "capabilities": ["chat", "vision"], "input_modalities": ["text", "image"]},
        {"id": "words", "capabilities": ["chat"], "input_modalities": ["text"]},
        {"id": "parakeet", "capabilities": ["transcript"], "input_modalities": ["audio"]},
    ),
}


@pytest.mark.parametrize(
    ("answers", "label", "seeing", "blind"),
    [
        pytest.param(_OLLAMA, "Ollama", ["qwen2.5vl:7b"], ["llama3.2:latest"], id="ollama"),
        pytest.param(_NEW_OLLAMA, "Ollama", ["gemma3:4b"], ["gemma3:270m"], id="newer ollama"),
        pytest.param(
            _LM_STUDIO,
            "LM Studio",
            ["qwen2-vl-7b-instruct"],
            ["meta-llama-3.1-8b-instruct"],
            id="lm studio",
        ),
        pytest.param(_LLAMA_CPP, "llama.cpp", ["gemma-3-4b-it-Q4_K_M.gguf"], [], id="llama.cpp"),
        pytest.param(_OLD_LLAMA_CPP, "llama.cpp", ["smol"], [], id="older llama.cpp"),
        pytest.param(
            _VLLM,
            "vLLM",
            ["Qwen/Qwen2.5-VL-7B-Instruct"],
            ["Qwen/Qwen2.5-7B-Instruct"],
            id="vllm",
        ),
        pytest.param(_SGLANG, "SGLang", ["some-model"], [], id="sglang"),
        pytest.param(_OLD_SGLANG, "SGLang", [], ["some-model"], id="older sglang"),
        pytest.param(_KOBOLDCPP, "KoboldCpp", ["koboldcpp/some-model"], [], id="koboldcpp"),
        pytest.param(_LOCALAI, "LocalAI", ["vlm"], ["words"], id="localai"),
    ],
)
def test_each_program_is_known_by_what_it_answers(
    answers: Answers, label: str, seeing: list[str], blind: list[str]
) -> None:
    """So are the models that can look at pictures; those of a cloud are left out."""
    found = _found(answers)

    assert found is not None
    assert (found.label, [*found.seeing], [*found.blind]) == (label, seeing, blind)


def test_jan_is_known_by_its_port() -> None:
    """It says nothing of its models, so their names count."""
    rows = _listed({"id": "Qwen2_5-VL-7B"}, {"id": "Qwen3-4B"})

    found = _found({"/v1/models": rows}, is_jan=True)

    assert found is not None
    assert (found.label, found.seeing, found.blind) == ("Jan", ("Qwen2_5-VL-7B",), ("Qwen3-4B",))


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"/v1/models": {"data": "none"}},
        {"/v1/models": ["a"]},
        {"/v1/models": _listed({"id": 7}, {"object": "model"})},
        {"/v1/models": _listed({"id": "gpt-4o", "owned_by": "openai"})},  # a way to some cloud
        {"/v1/models": _listed({"id": READER_MODEL})},
        {"/v1/models": _listed({"id": "a"}), "/api/tags": {"models": [{"name": 1}, None, "x"]}},
    ],
)
def test_nothing_is_made_of_other_servers(answers: Answers) -> None:
    """A development server on a known port, a proxy to a cloud, our own reader, nonsense."""
    assert _found(answers) is None


def test_a_model_that_only_says_nonsense_of_itself_is_judged_by_its_name() -> None:
    """Whatever stands where a list or a yes is meant."""
    rows = _listed({"id": "llava", "owned_by": "llamacpp", "architecture": [1]})

    found = _found({"/v1/models": rows, "/props": {"modalities": {"vision": "perhaps"}}})

    assert found is not None
    assert found.seeing == ("llava",)


def test_a_server_that_trickles_or_sends_elsewhere_is_left_alone() -> None:
    """No redirect is followed, for it could lead anywhere; no look takes for ever."""
    asked: list[Received] = []

    def elsewhere(received: Received) -> Iterable[Step]:
        asked.append(received)
        return answered_json(_listed({"id": "llava", "owned_by": "vllm"}))

    def trickle(_received: Received) -> Iterable[Step]:
        return [head(content_type="application/json"), Trickle(b" ", 0.1)]

    with FaultServer(elsewhere) as aim, FaultServer(trickle) as slow:

        def away(received: Received) -> Iterable[Step]:
            to = ("Location", f"http://localhost:{aim.port}{received.path}")
            return framed([b""], Framing.LENGTH, status="302 Found", headers=[to])

        with FaultServer(away) as moved:
            assert find_local_servers([moved.port, slow.port]) == ()
    assert asked == []


def test_all_ports_are_looked_at_and_keep_their_names() -> None:
    """A second server of a kind is another endpoint; an unused port is none."""
    with FaultServer(_Program(_VLLM)) as one, FaultServer(_Program(_VLLM)) as two:
        found = find_local_servers([two.port, 9, one.port])

        assert [server.name for server in found] == [f"vllm-{two.port}", f"vllm-{one.port}"]
        assert [server.provider.base_url for server in found] == [two.base_url, one.base_url]


def test_a_server_at_the_other_loopback_address_is_found() -> None:
    """Some listen at ::1 alone, where "localhost" leads on many computers."""
    listed = json.dumps(_VLLM["/v1/models"]).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(listed), listed)
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        listener.settimeout(30)
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        (found,) = find_local_servers([port])
        thread.join()

    assert found.base_url == f"http://[::1]:{port}/v1"


@pytest.mark.parametrize(
    ("value", "ports"),
    [("", USUAL_PORTS), ("off", ()), ("0", ()), ("11434", (11434,)), ("1, 2;3", (1, 2, 3))],
)
def test_the_ports_can_be_configured(value: str, ports: tuple[int, ...]) -> None:
    """Other ones instead of the usual ones, or none."""
    assert read_local_ports({"AUGENBLICK_LOCAL_PORTS": value}) == ports


@pytest.mark.parametrize("value", ["gpu-box:8000", "http://10.0.0.1:80", "70000", "-1", "1,,x"])
def test_another_host_is_no_port(value: str) -> None:
    """Nobody can have other computers asked in this way."""
    with pytest.raises(ConfigurationError, match="AUGENBLICK_LOCAL_PORTS"):
        read_local_ports({"AUGENBLICK_LOCAL_PORTS": value})
