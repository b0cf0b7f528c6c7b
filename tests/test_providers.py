"""Endpoints, read from environment and secrets."""

import pickle

import pytest

from augenblick.errors import ConfigurationError
from augenblick.providers import (
    ApiKey,
    Price,
    Provider,
    read_providers,
    repair_base_url,
    wants_reader,
)


@pytest.mark.parametrize(
    ("pasted", "expected"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"),
        ("https://api.openai.com", "https://api.openai.com/v1"),
        ("api.openai.com/v1", "https://api.openai.com/v1"),
        ("localhost:11434", "http://localhost:11434/v1"),
        ("http://127.0.0.1:8080/v1/models", "http://127.0.0.1:8080/v1"),
        ("192.168.1.20:1234/v1", "http://192.168.1.20:1234/v1"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        (' "https://example.org/llm/v1/chat/completions/" ', "https://example.org/llm/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
        ("[::1]:8000", "http://[::1]:8000/v1"),
        ("172.20.0.5:8000", "http://172.20.0.5:8000/v1"),
        ("ollama:11434", "http://ollama:11434/v1"),
        ("8.8.8.8:8000", "https://8.8.8.8:8000/v1"),
    ],
)
def test_what_people_paste_becomes_a_base_url(pasted: str, expected: str) -> None:
    """With or without scheme, /v1 or /chat/completions: it is repaired."""
    assert repair_base_url(pasted) == (expected, ())


def test_azures_api_version_is_kept() -> None:
    """A query in the pasted address goes with every request."""
    pasted = (
        "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"
    )

    assert repair_base_url(pasted) == (
        "https://x.openai.azure.com/openai/deployments/d",
        (("api-version", "2024-10-21"),),
    )


@pytest.mark.parametrize(
    "pasted",
    ["ftp://x", "https://", "https://user:secret@x/v1", "   ", "http://[::1", "http://x:secret"],
)
def test_what_is_no_address_is_refused_without_repeating_it(pasted: str) -> None:
    """The error names the entry, not its value, which may hold a password."""
    with pytest.raises(ConfigurationError) as caught:
        repair_base_url(pasted)

    assert "secret" not in str(caught.value)


def test_nothing_configured_means_the_reader_alone() -> None:
    """The first start needs no key."""
    (only,) = read_providers({}, {}, reader_url="http://127.0.0.1:9/v1")

    assert only.is_reader
    assert wants_reader({}, {})


def test_the_environment_comes_first_then_secrets_then_the_reader() -> None:
    """The order of the list is the order of preference."""
    environ = {"OPENAI_BASE_URL": "localhost:1", "OPENAI_MODEL": "a, b", "AUGENBLICK_READER": "on"}
    secrets = {"providers": {"azure": {"base_url": "https://x/v1", "models": ["gpt-4o"]}}}

    found = read_providers(environ, secrets, reader_url="http://127.0.0.1:9/v1")

    assert [provider.name for provider in found] == ["openai", "azure", "reader"]
    assert found[0].models == ("a", "b")
    assert wants_reader(environ, secrets)
    assert not wants_reader({"OPENAI_API_KEY": "k"}, {})


def test_a_key_alone_means_openai() -> None:
    """As the official clients do it."""
    (only,) = read_providers({"OPENAI_API_KEY": "k"}, {}, reader_url=None)

    assert only.base_url == "https://api.openai.com/v1"
    assert only.api_key.reveal() == "k"


def test_an_empty_key_is_allowed() -> None:
    """Servers on the own machine have none."""
    (only,) = read_providers({"OPENAI_BASE_URL": "localhost:1"}, {}, reader_url=None)

    assert not only.api_key


@pytest.mark.parametrize(
    "secrets",
    [
        {"providers": []},
        {"providers": {"x": "y"}},
        {"providers": {"x": {"label": "no address"}}},
        {"providers": {"reader": {"base_url": "https://x"}}},
        {"providers": {"x": {"base_url": "https://x", "models": 5}}},
        {"providers": {"x": {"base_url": "https://x", "headers": ["a"]}}},
        {"providers": {"openai": {"base_url": "https://x"}}},
    ],
)
def test_wrong_configuration_is_named(secrets: dict[str, object]) -> None:
    """The person who runs it reads which entry to mend."""
    with pytest.raises(ConfigurationError):
        read_providers({"OPENAI_API_KEY": "k"}, secrets, reader_url=None)


def test_a_key_never_shows_itself() -> None:
    """Not in repr, str, format, nor pickled."""
    key = ApiKey("sk-canary")
    provider = Provider("p", "P", "https://x/v1", key, headers=(("api-key", "sk-canary"),))

    for shown in (repr(key), str(key), f"{key}", repr(provider), str([provider])):
        assert "canary" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(key)


def _with_prices(prices: object) -> dict[str, object]:
    return {"providers": {"work": {"base_url": "http://h/v1", "prices": prices}}}


def test_prices_are_read_by_model() -> None:
    """For a million tokens each way; a currency beside the models holds for all of them."""
    prices = {
        "currency": "eur",
        "large": {"input": 2.5, "output": 10},
        "odd/name:7b": {"input": 0, "output": 0.1, "currency": "CHF"},
    }

    (provider,) = read_providers({}, _with_prices(prices), reader_url=None)

    assert provider.price_of("large") == Price(2.5, 10.0, "EUR")
    assert provider.price_of("odd/name:7b") == Price(0.0, 0.1, "CHF")
    assert provider.price_of("other") is None
    assert Price(2.5, 10.0).cost(1_000_000, 500_000) == 7.5


@pytest.mark.parametrize(
    "prices",
    [
        7,
        {"m": 2.5},
        {"m": {"input": 1}},
        {"m": {"input": 1, "output": -1}},
        {"m": {"input": "1", "output": 1}},
        {"m": {"input": True, "output": 1}},
        {"m": {"input": float("nan"), "output": 1}},
        {"m": {"input": 1, "output": 1, "currency": "euro"}},
        {"currency": 3, "m": {"input": 1, "output": 1}},
    ],
)
def test_prices_that_make_no_sense_are_said(prices: object) -> None:
    """The sentence names the table."""
    with pytest.raises(ConfigurationError, match=r"providers\.work\.prices"):
        read_providers({}, _with_prices(prices), reader_url=None)
