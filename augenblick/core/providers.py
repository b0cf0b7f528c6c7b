"""Which endpoints there are: `Provider` values from the environment and `secrets.toml`.

Order: environment, then secrets, then the built-in reader. Keys live in `ApiKey`, which never shows
itself; nothing here opens a connection. What can't be used is refused with a sentence that names
the entry and what is wrong with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from augenblick.core.errors import ConfigurationError
from augenblick.core.pasted import addresses_in, character_name, clean, repair_base_url, visible
from augenblick.core.proxies import way_to
from augenblick.core.switches import is_yes

READER_NAME = "reader"
READER_MODEL = "augenblick-reader"  # what the reader calls itself

# The official clients read the first; the others are what older ones, Open WebUI and LiteLLM read.
_ADDRESS_VARIABLES: Final = (
    "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_BASE_URL", "OPENAI_API_BASE_URLS",
)  # fmt: skip
_TRANSCRIBER_VARIABLE: Final = "AUGENBLICK_TRANSCRIBER"
_KEY_VARIABLES: Final = ("OPENAI_API_KEY", "OPENAI_API_KEYS")
_BEFORE_KEY: Final = re.compile(
    r"^(?:(?:authorization|(?:x-)?api-key)\s*:\s*|bearer(?:[\s:]+|$))+", re.IGNORECASE
)
_AZURE_DEPLOYMENT: Final = re.compile(r"/openai/deployments/([^/]+)$")
_MAY_BE_ADDRESS: Final = re.compile(r"OPENAI_(?:\w+_)?(?:URLS?|URI|BASE|HOST|ENDPOINT|PROXY)")


class ApiKey:
    """A Bearer key that shows itself only through `reveal`; repr, str, pickle and == never do.

    Quotes, a pasted `Bearer ` and the like around it are taken off.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = clean(value)
        while (shorter := clean(_BEFORE_KEY.sub("", self._value))) != self._value:
            self._value = shorter

    def reveal(self) -> str:
        """The key, for the Authorization header and for nothing else."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "ApiKey(****)" if self._value else "ApiKey()"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("an ApiKey is not written anywhere")


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs for a million tokens."""

    input: float
    output: float
    currency: str = "USD"  # by ISO 4217

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float:
        """The price of a request, in the currency."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / 1_000_000


@dataclass(frozen=True, slots=True)
class Provider:
    """One endpoint that speaks the Chat Completions API.

    `base_url` has no trailing slash and ends before `/chat/completions`. `query` is added to every
    request (Azure's api-version). Empty `models` means: ask `GET {base_url}/models`. `ca_bundle` is
    the file or folder of the certificates to trust, empty for the usual ones.
    """

    name: str
    label: str
    base_url: str
    api_key: ApiKey = field(default_factory=ApiKey)
    models: tuple[str, ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxy: str = field(default="", repr=False)
    ca_bundle: str = ""
    prices: tuple[tuple[str, Price], ...] = ()  # by model, where somebody wrote them down

    def price_of(self, model: str) -> Price | None:
        """What a model costs; None where nobody said."""
        return dict(self.prices).get(model)

    @property
    def is_reader(self) -> bool:
        """Whether this is the built-in endpoint."""
        return self.name == READER_NAME


@dataclass(frozen=True, slots=True)
class Transcriber:
    """The model that writes down the text of pictures for models that see none."""

    provider: Provider
    model: str

    @property
    def party(self) -> str:
        """Who gets the picture, in the words of the page."""
        return f"{self.provider.label} · {self.model}"


def read_providers(
    environ: Mapping[str, str], secrets: Mapping[str, Any], *, reader_url: str | None
) -> tuple[Provider, ...]:
    """All providers, the default first; the reader last, or alone where nothing is configured.

    `reader_url` is where the built-in reader listens, None when it does not run.
    """
    tables = secrets.get("providers", {})
    if not isinstance(tables, Mapping):
        raise ConfigurationError("[providers] must hold tables, one per endpoint")
    named = [_from_table(str(name), table, environ) for name, table in tables.items()]
    found = [*_from_environment(environ), *named]
    if reader_url is not None:
        found.append(Provider(READER_NAME, "Augenblick", reader_url, models=(READER_MODEL,)))
    names = [provider.name for provider in found]
    if len(set(names)) < len(names):
        raise ConfigurationError("two providers have the same name")
    return tuple(found)


def provider_at(
    base_url: str, environ: Mapping[str, str], *, name: str, label: str, api_key: ApiKey
) -> Provider:
    """A provider at an address as somebody typed it, which is configured nowhere.

    Proxy and certificates are those of the environment. Raises ConfigurationError.
    """
    address, query = repair_base_url(base_url)
    proxy, ca_bundle = way_to(environ, address)
    return Provider(name, label, address, api_key, query=query, proxy=proxy, ca_bundle=ca_bundle)


def wants_reader(environ: Mapping[str, str], secrets: Mapping[str, Any]) -> bool:
    """Whether the reader shall run: nothing else is configured, or AUGENBLICK_READER says so.

    Raises ConfigurationError as `read_providers`.
    """
    is_alone = not read_providers(environ, secrets, reader_url=None)
    return is_alone or is_yes(environ.get("AUGENBLICK_READER", str(secrets.get("reader", ""))))


def read_transcriber(environ: Mapping[str, str], secrets: Mapping[str, Any]) -> Transcriber | None:
    """The model that reads pictures for those that see none; None where the reader does.

    Named as `PROVIDER/MODEL`; without a model it is the first that the provider has. Raises
    ConfigurationError, also as `read_providers`.
    """
    said = clean(environ.get(_TRANSCRIBER_VARIABLE, str(secrets.get("transcriber", ""))))
    if not said:
        return None
    name, _, model = said.partition("/")
    providers = {each.name: each for each in read_providers(environ, secrets, reader_url=None)}
    if (provider := providers.get(name.strip())) is None:
        known = ", ".join(providers) or "none"
        raise ConfigurationError(
            f"{_TRANSCRIBER_VARIABLE} must be PROVIDER/MODEL; providers: {known}"
        )
    if not (chosen := model.strip() or next(iter(provider.models), "")):
        raise ConfigurationError(f"{_TRANSCRIBER_VARIABLE} needs a model: PROVIDER/MODEL")
    return Transcriber(provider, chosen)


def left_out(environ: Mapping[str, str]) -> str:
    """What to say at the start about addresses that are not used; empty where all are."""
    name, addresses = _addresses(environ)
    if len(addresses) <= 1:
        return ""
    host = urlsplit(repair_base_url(addresses[0], name=name)[0]).hostname
    return (
        f"{name} holds {len(addresses)} addresses: only the first is used ({host}). "
        "Others can stand as tables in secrets.toml."
    )


def _from_environment(environ: Mapping[str, str]) -> list[Provider]:
    name, addresses = _addresses(environ)
    key_name, key = _first_key(environ)
    if not addresses and not key:
        return []
    if not addresses:
        _refuse_unread_address(environ)
    base_url, query = repair_base_url(
        addresses[0] if addresses else "https://api.openai.com/v1", name=name
    )
    proxy, ca_bundle = way_to(environ, base_url)
    return [
        Provider(
            "openai",
            urlsplit(base_url).hostname or base_url,
            base_url,
            _key(key, key_name),
            _models(environ.get("OPENAI_MODEL", ""), base_url),
            query,
            proxy=proxy,
            ca_bundle=ca_bundle,
        )
    ]


def _addresses(environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """The variable that holds an address, and all that stand in it."""
    for name in _ADDRESS_VARIABLES:
        if found := addresses_in(environ.get(name, "")):
            return name, found
    return _ADDRESS_VARIABLES[0], []


def _first_key(environ: Mapping[str, str]) -> tuple[str, str]:
    one, several = _KEY_VARIABLES
    if ApiKey(environ.get(one, "")):
        return one, environ[one]
    return several, re.split("[;,]", environ.get(several, ""))[0]


def _refuse_unread_address(environ: Mapping[str, str]) -> None:
    """A key must not go to the vendor's own server when another address seems to be meant."""
    for name in sorted(environ):
        is_blank = name in _ADDRESS_VARIABLES and not clean(environ[name])
        if environ[name] and (is_blank or _MAY_BE_ADDRESS.fullmatch(name)):
            why = "holds no address" if is_blank else "is not read"
            raise ConfigurationError(f"{name} {why}: say in OPENAI_BASE_URL where the key belongs")


def _key(value: str, name: str) -> ApiKey:
    """A key that can be sent. Raises ConfigurationError, which names the character in the way."""
    key = ApiKey(value)
    if wrong := re.search(r"[^\x21-\x7e]", key.reveal()):
        raise ConfigurationError(f"{name} holds {character_name(wrong[0])}, which no key has")
    return key


def _models(value: object, base_url: str) -> tuple[str, ...]:
    """The names written down; a deployment at Azure has its own in its address."""
    deployment = _AZURE_DEPLOYMENT.search(base_url)
    return _names(value) or ((deployment[1],) if deployment else ())


def _from_table(name: str, table: object, environ: Mapping[str, str]) -> Provider:
    if not isinstance(table, Mapping) or not table.get("base_url"):
        raise ConfigurationError(f"[providers.{name}] needs a base_url")
    if name == READER_NAME:
        raise ConfigurationError(f"the name {READER_NAME} belongs to the built-in reader")
    where = f"[providers.{name}]"
    base_url, query = repair_base_url(str(table["base_url"]), name=f"{where} base_url")
    extra_query = table.get("query", {})
    extra_headers = table.get("headers", {})
    if not isinstance(extra_query, Mapping) or not isinstance(extra_headers, Mapping):
        raise ConfigurationError(f"{where} query and headers must be tables")
    proxy, ca_bundle = way_to(environ, base_url, table, where)
    return Provider(
        name=name,
        label=str(table.get("label", name)),
        base_url=base_url,
        api_key=_key(str(table.get("api_key", "")), f"{where} api_key"),
        models=_models(table.get("models", ()), base_url),
        query=(*query, *((str(k), str(v)) for k, v in extra_query.items())),
        headers=tuple((visible(str(k)), visible(str(v))) for k, v in extra_headers.items()),
        proxy=proxy,
        ca_bundle=ca_bundle,
        prices=_prices(name, table.get("prices", {})),
    )


def _prices(name: str, table: object) -> tuple[tuple[str, Price], ...]:
    """The prices of a provider: tables by model; `currency` beside them holds for all."""
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"[providers.{name}.prices] must hold tables, one per model")
    usual = table.get("currency", "USD")
    return tuple(
        (str(model), _price(name, str(model), each, usual))
        for model, each in table.items()
        if model != "currency" or isinstance(each, Mapping)
    )


def _price(name: str, model: str, table: object, usual: object) -> Price:
    where = f'[providers.{name}.prices."{model}"]'
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{where} must be a table with input and output")
    numbers: list[Any] = [table.get("input"), table.get("output")]
    if not all(type(number) in {int, float} and 0 <= number < math.inf for number in numbers):
        raise ConfigurationError(f"{where} needs input and output: a price for a million tokens")
    currency = table.get("currency", usual)
    if not isinstance(currency, str) or not re.fullmatch("[A-Za-z]{3}", currency):
        raise ConfigurationError(f"{where} currency must be three letters, such as EUR")
    return Price(float(numbers[0]), float(numbers[1]), currency.upper())


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple):
        raise ConfigurationError("models must be a list of names")
    return tuple(dict.fromkeys(name for item in value if (name := clean(str(item)))))
