"""Endpoints, read from environment and secrets."""

import logging
import pickle

import pytest

from augenblick.core.errors import ConfigurationError
from augenblick.core.pasted import clean, repair_base_url
from augenblick.core.providers import (
    ApiKey,
    Price,
    Provider,
    read_providers,
    read_transcriber,
    wants_reader,
)
from augenblick.ops.reader_process import reader_is_wanted
from tests.growth import assert_linear


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


@pytest.mark.parametrize(
    ("said", "model"),
    [("azure/gpt-4o-mini", "gpt-4o-mini"), (" azure ", "gpt-4o"), ("azure/a/b:7b", "a/b:7b")],
)
def test_who_reads_pictures_for_others_is_named_with_its_provider(said: str, model: str) -> None:
    """In the environment or in secrets.toml; without it the reader does."""
    secrets = {"providers": {"azure": {"base_url": "https://x/v1", "models": ["gpt-4o"]}}}

    for found in (
        read_transcriber({"AUGENBLICK_TRANSCRIBER": said}, secrets),
        read_transcriber({}, {**secrets, "transcriber": said}),
    ):
        assert found is not None
        assert found.party == f"azure · {model}"
    assert read_transcriber({}, secrets) is None


@pytest.mark.parametrize("said", ["gpt-4o", "openai/gpt-4o", "azure", "azure/", "reader"])
def test_who_reads_pictures_must_be_configured(said: str) -> None:
    """With a model, where the provider names none; the value itself is not shown."""
    secrets = {"providers": {"azure": {"base_url": "https://x/v1"}}}

    with pytest.raises(ConfigurationError, match=r"AUGENBLICK_TRANSCRIBER .*PROVIDER/MODEL") as it:
        read_transcriber({"AUGENBLICK_TRANSCRIBER": said}, secrets)

    assert "gpt" not in it.value.detail


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


# --- what people paste

ZERO_WIDTH, ORDER_MARK, NO_BREAK = "\u200b", "\ufeff", "\u00a0"
WRAPPINGS = [
    "{}",
    " {}\n",
    '"{}"',
    "'{}'",
    "`{}`",
    "“{}”",
    "„{}“",
    "«{}»",
    "<{}>",
    "{}" + ZERO_WIDTH,
    ORDER_MARK + "{}",
    NO_BREAK + "{}" + NO_BREAK,
    "{}\r\n",
    "\t{}\x00",
    "\u2060{}\u200e",
    '"{}',
    " '\"{}\"' ",
    "OPENAI_X={}",
    'export OPENAI_X="{}"',
]
LEGITIMATE = [
    "https://openrouter.ai/api/v1",
    "http://localhost:3000/api",
    "https://chat.example.org/api",
    "https://api.groq.com/openai/v1",
    "https://generativelanguage.googleapis.com/v1beta/openai",
    "https://x.openai.azure.com/openai/deployments/d",
    "https://x.openai.azure.com/openai/v1",
    "http://localhost:11434/v1",
    "https://api.deepinfra.com/v1/openai",
    "https://gateway.ai.cloudflare.com/v1/account/gateway/openai",
    "https://api.fireworks.ai/inference/v1",
    "https://api.perplexity.ai",
    "https://models.github.ai/inference",
    "https://dashscope.aliyuncs.com/compatible-mode/v1",
    "https://open.bigmodel.cn/api/paas/v4",
    "https://llm.example.org/team-7/v1",
    "http://my_host:8000/v1",
    "https://münchen.example/v1",
    "http://[fd00::7]:8000/v1",
]


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_what_stands_around_a_value_is_taken_off(wrapping: str) -> None:
    """Quotes, blanks, unseen marks and a variable's name; in the environment and in tables."""
    address, key, model = "https://llm.example.org/v1", "sk-Ab_1=", "google/gemma-3:free"
    environ = {
        "OPENAI_BASE_URL": wrapping.format(address),
        "OPENAI_API_KEY": wrapping.format(key),
        "OPENAI_MODEL": wrapping.format(model),
    }
    table = {
        "base_url": wrapping.format(address),
        "api_key": wrapping.format(key),
        "models": [wrapping.format(model)],
    }

    found = read_providers(environ, {"providers": {"work": table}}, reader_url=None)

    for provider in found:
        assert provider.base_url == address
        assert provider.api_key.reveal() == key
        assert provider.models == (model,)
    assert clean(wrapping.format(model)) == model  # as the page does


@pytest.mark.parametrize("piece", [" ", '"', "'\u200b", "A_B=", " x "])
def test_a_long_paste_is_cleaned_in_linear_time(piece: str) -> None:
    """A visitor types a model's name, so anything may stand there."""
    assert_linear(clean, lambda size: "x" + piece * size + "x")
    assert_linear(clean, lambda size: piece * size)


@pytest.mark.parametrize(
    "pasted",
    [
        "Bearer sk-1",
        "bearer  sk-1",
        "Bearer: sk-1",
        '"Bearer sk-1"',
        'Bearer "sk-1"',
        "Bearer Bearer sk-1",
        "Authorization: Bearer sk-1",
        "api-key: sk-1",
        "X-Api-Key:sk-1",
        "OPENAI_API_KEY=Bearer sk-1",
        "sk" + ZERO_WIDTH + "-1",
    ],
)
def test_a_pasted_header_becomes_its_key(pasted: str) -> None:
    """What stands before a key on the pages it is copied from."""
    assert ApiKey(pasted).reveal() == "sk-1"


@pytest.mark.parametrize("key", ["bearer-token", "QUJD==", "AB_CD==", "a:b", "x-api-key"])
def test_a_key_that_only_resembles_that_is_kept(key: str) -> None:
    """Nothing of a key is lost."""
    assert ApiKey(key).reveal() == key


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("sk-cana ry", "a blank"),
        ("sk-cana\nry", r"a control character \(U\+000A\)"),
        ("sk-…ry", r"HORIZONTAL ELLIPSIS \(U\+2026\)"),
        ("sk-umläut", r"LATIN SMALL LETTER A WITH DIAERESIS"),
    ],
)
def test_a_key_that_can_not_be_sent_is_named_without_being_shown(key: str, says: str) -> None:
    """The entry and the character in the way, in the environment and in a table."""
    url = "https://h/v1"
    table = {"providers": {"work": {"base_url": url, "api_key": key}}}
    with pytest.raises(ConfigurationError, match=f"OPENAI_API_KEY holds {says}") as first:
        read_providers({"OPENAI_BASE_URL": url, "OPENAI_API_KEY": key}, {}, reader_url=None)
    with pytest.raises(ConfigurationError, match=rf"\[providers\.work\] api_key holds {says}"):
        read_providers({}, table, reader_url=None)
    assert "sk-" not in first.value.detail


@pytest.mark.parametrize("address", LEGITIMATE)
def test_a_right_address_is_left_as_it_is(address: str) -> None:
    """And what people add to it comes off: the path of a call, a slash, a second scheme."""
    scheme, rest = address.split("://")
    for pasted in (
        address,
        f"{address}/",
        f"{address}/chat/completions",
        f"{address}/models",
        f"{address}/embeddings",
        f"https://{address}",
        f"{scheme}:/{rest}",
        f"{scheme}//{rest}",
        f" {address},",
    ):
        assert repair_base_url(pasted) == (address, ()), pasted


@pytest.mark.parametrize(
    ("pasted", "expected"),
    [
        ("https://openrouter.ai", "https://openrouter.ai/api/v1"),
        ("https://openrouter.ai/api", "https://openrouter.ai/api/v1"),
        ("https://api.groq.com/openai", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com", "https://api.groq.com/openai/v1"),
        (
            "https://generativelanguage.googleapis.com/v1beta",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        ),
        ("https://x.openai.azure.com", "https://x.openai.azure.com/openai/v1"),
        ("https://x.openai.azure.com/openai/", "https://x.openai.azure.com/openai/v1"),
        ("http://localhost:11434/api", "http://localhost:11434/v1"),
        ("http://localhost:11434/api/chat", "http://localhost:11434/v1"),
        ("http://nas/api/generate", "http://nas/v1"),
        ("http://localhost:3000/api/chat/completions", "http://localhost:3000/api"),
        ("http://https://api.openai.com", "https://api.openai.com/v1"),
        ("//api.openai.com", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/v1", "https://api.openai.com/v1"),
        ("https:\\\\api.openai.com\\v1", "https://api.openai.com/v1"),
        ("HTTPS://api.openai.com/v1/Chat/Completions", "https://api.openai.com/v1"),
    ],
)
def test_half_an_address_is_completed(pasted: str, expected: str) -> None:
    """By what the vendor documents, and Ollama's own calls lead to its `/v1`."""
    assert repair_base_url(pasted) == (expected, ())


@pytest.mark.parametrize(
    ("pasted", "says"),
    [
        ("https://h.exam ple/v1", "holds a blank"),
        ("https://<name>.openai.azure.com/v1", r"LESS-THAN SIGN \(U\+003C\)"),
        ("https://h/v1\nhttps", r"U\+000A"),
        ("https://a.example/v1;https://b.example/v1", "several addresses"),
        ("https://a.example/v1 https://b.example/v1", "a blank|several addresses"),
        ("https://:8000/v1", "no host"),
        ("OPENAI_BASE_URL=", "no host|not an http"),
    ],
)
def test_an_address_beyond_repair_is_refused_with_what_is_wrong(pasted: str, says: str) -> None:
    """The sentence names the entry."""
    with pytest.raises(ConfigurationError, match=rf"\[providers\.work\] base_url .*(?:{says})"):
        read_providers({}, {"providers": {"work": {"base_url": pasted}}}, reader_url=None)


def test_a_deployment_at_azure_has_its_model_in_the_address() -> None:
    """Its list of models can't be asked, and a name beside it changes nothing."""
    url = "https://x.openai.azure.com/openai/deployments/vision-4o?api-version=2024-10-21"
    (provider,) = read_providers({"OPENAI_BASE_URL": url}, {}, reader_url=None)

    assert provider.models == ("vision-4o",)


# --- the variables of other programs


@pytest.mark.parametrize("name", ["OPENAI_API_BASE", "OPENAI_API_BASE_URL", "OPENAI_API_BASE_URLS"])
def test_the_address_beside_a_key_is_taken(name: str) -> None:
    """Whatever the variable is called; OPENAI_BASE_URL comes first."""
    environ = {"OPENAI_API_KEY": "k", name: "https://llm.example.org"}

    (own,) = read_providers(environ, {}, reader_url=None)
    (usual,) = read_providers({**environ, "OPENAI_BASE_URL": "https://b"}, {}, reader_url=None)

    assert own.base_url == "https://llm.example.org/v1"
    assert usual.base_url == "https://b/v1"


@pytest.mark.parametrize(
    "listed",
    [
        "https://a.example/v1;https://b.example/v1",
        "https://a.example/v1, https://b.example/v1",
        "a.example,b.example:8000,localhost:1",
        ";https://a.example;;http://b.example;",
        "'https://a.example';'https://b.example'",
        "https://a.example https://b.example",
    ],
)
def test_of_a_list_the_first_is_taken_and_that_is_said(
    listed: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the variable and the host, once, at the start."""
    environ = {"OPENAI_API_BASE_URLS": listed, "OPENAI_API_KEYS": "one;two"}

    (provider,) = read_providers(environ, {}, reader_url=None)
    with caplog.at_level(logging.WARNING):
        reader_is_wanted(environ, {})

    assert provider.base_url == "https://a.example/v1"
    assert provider.api_key.reveal() == "one"
    assert "OPENAI_API_BASE_URLS" in caplog.text
    assert "(a.example)" in caplog.text


def test_a_comma_in_a_query_parts_no_address() -> None:
    """One address stays one."""
    (provider,) = read_providers({"OPENAI_BASE_URL": "https://a/v1?x=1,2.5"}, {}, reader_url=None)

    assert provider.query == (("x", "1,2.5"),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_BASE_URL", '""'),
        ("OPENAI_API_BASE", " "),
        ("OPENAI_PROXY_URL", "https://llm.example.org"),
        ("OPENAI_API_HOST", "llm.example.org"),
        ("OPENAI_ENDPOINT", "https://llm.example.org"),
        ("OPENAI_REVERSE_PROXY", "https://llm.example.org"),
    ],
)
def test_a_key_never_goes_to_the_vendor_where_another_address_is_meant(
    name: str, value: str
) -> None:
    """A variable nobody reads, or one that holds nothing, is named at the start."""
    environ = {"OPENAI_API_KEY": "k", name: value}

    with pytest.raises(ConfigurationError, match=f"^{name} "):
        read_providers(environ, {}, reader_url=None)
    (clear,) = read_providers({**environ, "OPENAI_BASE_URL": "https://b"}, {}, reader_url=None)
    assert clear.base_url == "https://b/v1"


@pytest.mark.parametrize("name", ["OPENAI_ORG_ID", "OPENAI_PROJECT", "OPENAI_LOG"])
def test_other_variables_of_the_official_client_are_in_nobodys_way(name: str) -> None:
    """They name no address."""
    (provider,) = read_providers({"OPENAI_API_KEY": "k", name: "x"}, {}, reader_url=None)

    assert provider.base_url == "https://api.openai.com/v1"
