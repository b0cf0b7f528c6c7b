"""Models on the computer of the page: found, offered, used, and gone again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from augenblick.core.language import language
from augenblick.core.providers import READER_MODEL, READER_NAME, Provider
from augenblick.endpoint.local_servers import LocalServer
from augenblick.ops.reader_process import SharedReader, publish_reader
from augenblick.ui.admin.local_models import LocalModels
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.resources import close_services, services
from tests.browser.playing import Ollama, Script
from tests.faults.server import FaultServer, Received, Step, answered_json
from tests.pages.asking import ask

MAIN = Path(__file__).resolve().parent.parent.parent / "augenblick" / "ui" / "main.py"
_OLLAMA = LocalServer("Ollama", "http://127.0.0.1:11434/v1", ("qwen2.5vl:7b",), ("llama3.2",))
_READER = Provider(READER_NAME, "Augenblick", "http://127.0.0.1:9/v1", models=(READER_MODEL,))
_CLOUD = Provider("openai", "api.openai.com", "https://api.openai.com/v1")


def _reader(received: Received) -> Iterable[Step]:
    """As far as the page needs one."""
    if received.path == "/health":
        return answered_json({})
    return Script(words=("Gelesen.",))(received)


def _look(models: LocalModels, configured: Provider, *, until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not until():
        models.joined([configured])
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_found_comes_after_the_reader_until_it_is_used() -> None:
    """Nobody is answered by another model without a click; then it stands first."""
    models = LocalModels(lambda: [_OLLAMA])

    _look(models, _READER, until=lambda: bool(models.found))

    assert [each.name for each in models.joined([_READER])] == ["reader", "ollama-11434"]
    models.use("ollama-11434")
    assert [each.name for each in models.joined([_READER])] == ["ollama-11434", "reader"]
    assert models.joined([_READER])[0].models == ("qwen2.5vl:7b",)


def test_beside_a_configured_endpoint_it_is_looked_for_on_wish_and_stands_behind_it() -> None:
    """The person who runs the server has chosen what comes first."""
    looks: list[int] = []

    def find() -> list[LocalServer]:
        looks.append(1)
        return [_OLLAMA]

    models = LocalModels(find)
    assert models.joined([_CLOUD, _READER]) == (_CLOUD, _READER)
    assert not looks

    models.look_again()
    models.use("ollama-11434")

    names = [each.name for each in models.joined([_CLOUD, _READER])]
    assert names == ["openai", "ollama-11434", "reader"]


def test_many_pages_share_one_look_and_none_waits_for_it() -> None:
    """While it is under way and for a while after."""
    may_end = threading.Event()
    looks: list[int] = []

    def find() -> list[LocalServer]:
        looks.append(1)
        may_end.wait(30)
        return [_OLLAMA]

    models = LocalModels(find)

    assert [models.joined([_READER]) for _ in range(50)] == [(_READER,)] * 50
    may_end.set()
    _look(models, _READER, until=lambda: bool(models.found))
    for _ in range(50):
        models.joined([_READER])
    assert len(looks) == 1


def test_one_that_is_configured_already_does_not_stand_there_twice() -> None:
    """By its address or by a name."""
    models = LocalModels(lambda: [_OLLAMA])
    models.look_again()

    for own in (
        Provider("mine", "Mine", _OLLAMA.base_url),
        Provider("ollama-11434", "Mine", "http://gpu-box:11434/v1"),
    ):
        assert models.joined([own]) == (own,)


@pytest.fixture
def ollama(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Ollama, FaultServer]]:
    """A page with nothing but a reader, on a computer where something like Ollama runs."""
    played = Ollama()
    with FaultServer(_reader) as reader, FaultServer(played) as server:
        monkeypatch.setenv("AUGENBLICK_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("AUGENBLICK_LOCAL_PORTS", str(server.port))
        publish_reader(SharedReader(reader.base_url))
        yield played, server
        publish_reader(None)
        close_services()


def _open(url: str = "http://localhost:8501/") -> AppTest:
    page = AppTest.from_file(str(MAIN), default_timeout=120)
    page.context = {"locale": "de-DE", "url": url}
    page.run()
    assert not page.exception
    return page


def _said(page: AppTest) -> list[str]:
    return [each.value for each in [*page.markdown, *page.caption]]


@pytest.mark.parametrize(
    ("url", "key"),
    [("http://127.0.0.1:8501/", "local.here"), ("https://photos.example/", "local.elsewhere")],
)
def test_the_offer_is_true_wherever_the_person_sits(
    ollama: tuple[Ollama, FaultServer], url: str, key: str
) -> None:
    """Another computer is not called this one."""
    text = language("de").text(key, server="Ollama", model=literal("qwen2.5vl:7b"))

    assert text in _said(_open(url))


def test_one_click_and_it_answers_everybody(ollama: tuple[Ollama, FaultServer]) -> None:
    """The picker shows it, the offer goes, another tab begins with it, too."""
    played, server = ollama
    page = _open()

    page.button(key="use_local").click().run()

    name = f"ollama-{server.port}/qwen2.5vl:7b"
    assert page.selectbox(key="model").value == name
    assert "use_local" not in [button.key for button in page.button]
    ask(page, "Was ist das?")
    assert played.script.asked[0].json()["model"] == "qwen2.5vl:7b"
    assert played.script.text in [shown.value for shown in page.chat_message[1].markdown]
    assert _open().selectbox(key="model").value == name


def test_one_that_is_gone_is_said_and_the_reader_answers_again(
    ollama: tuple[Ollama, FaultServer],
) -> None:
    """At the next look; what is asked before gets a sentence, and nothing is lost."""
    _, server = ollama
    page = _open()
    page.button(key="use_local").click().run()
    server.__exit__(None, None, None)

    ask(page, "Was ist das?")
    failed = [error.proto.title for error in page.error]
    services().local.look_again()
    other = _open()

    assert failed == [language("de").text("error.connection_refused.title")]
    assert language("de").text("model.gone", server="Ollama") in _said(other)
    ask(other, "Und das?")
    assert "Gelesen." in [shown.value for shown in other.chat_message[1].markdown]


def test_a_chosen_model_that_is_gone_leaves_the_others_to_choose_from(
    ollama: tuple[Ollama, FaultServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page that had it goes on with the reader, as long as another one is not chosen."""
    page = _open()
    page.button(key="use_local").click().run()
    local = services().local
    gone = [LocalServer("vLLM", "http://127.0.0.1:8000/v1", ("llava",))]
    monkeypatch.setattr(local, "_find", lambda: gone)
    local.look_again()

    page.run()

    assert not page.exception
    assert page.selectbox(key="model").value == f"{READER_NAME}/{READER_MODEL}"
    assert language("de").text("model.gone", server="Ollama") in _said(page)


def test_the_models_page_shows_them_and_looks_again(ollama: tuple[Ollama, FaultServer]) -> None:
    """With those that can't look at pictures, until nothing runs any longer."""
    _, server = ollama
    page = _open()
    page.switch_page(str(MAIN.parents[2] / "pages" / "endpoints.py")).run()
    spoken = language("de")

    assert f"**Ollama** {literal('qwen2.5vl:7b')}" in _said(page)
    assert spoken.text("endpoints.local_blind", models=literal("llama3.2")) in _said(page)
    server.__exit__(None, None, None)
    page.button(key="look_for_local").click().run()
    assert spoken.text("endpoints.local_none") in _said(page)
