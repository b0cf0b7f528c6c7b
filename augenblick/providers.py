"""Which endpoints there are: `Provider` values from the environment and `secrets.toml`.

Order: environment, then secrets, then the built-in reader. Keys live in `ApiKey`, which never shows
itself; nothing here opens a connection.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from augenblick.errors import ConfigurationError

READER_NAME = "reader"
READER_MODEL = "augenblick-reader"  # what the reader calls itself
_PATHS_TO_CUT = ("/chat/completions", "/completions", "/responses", "/models", "/chat")


class ApiKey:
    """A Bearer key that shows itself only through `reveal`; repr, str, pickle and == never do."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value.strip()

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
    request (Azure's api-version). Empty `models` means: ask `GET {base_url}/models`.
    """

    name: str
    label: str
    base_url: str
    api_key: ApiKey = field(default_factory=ApiKey)
    models: tuple[str, ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxy: str = field(default="", repr=False)
    prices: tuple[tuple[str, Price], ...] = ()  # by model, where somebody wrote them down

    def price_of(self, model: str) -> Price | None:
        """What a model costs; None where nobody said."""
        return dict(self.prices).get(model)

    @property
    def is_reader(self) -> bool:
        """Whether this is the built-in endpoint."""
        return self.name == READER_NAME


def repair_base_url(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Make a base URL of what people paste; returns it and the query it carried.

    A missing scheme becomes http for private addresses and names without a dot, else https; a path
    that goes on to `/chat/completions` or `/models` is cut there; an empty path becomes `/v1`.

    Raises ConfigurationError for what is no http(s) address.
    """
    url = text.strip().strip("\"'<>")
    if "://" not in url:
        url = ("http://" if _looks_local(url) else "https://") + url
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError("base_url is not an http(s) address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError("base_url is not an http(s) address")
    if parts.username or parts.password:
        raise ConfigurationError("base_url holds a user name or password; use api_key instead")
    path = parts.path.rstrip("/")
    for ending in _PATHS_TO_CUT:
        path = path.removesuffix(ending).rstrip("/")
    base = urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))
    return base, tuple(parse_qsl(parts.query))


def read_providers(
    environ: Mapping[str, str], secrets: Mapping[str, Any], *, reader_url: str | None
) -> tuple[Provider, ...]:
    """All providers, the default first; the reader last, or alone where nothing is configured.

    `reader_url` is where the built-in reader listens, None when it does not run.
    """
    found = [*_from_environment(environ), *_from_secrets(secrets)]
    if reader_url is not None:
        found.append(Provider(READER_NAME, "Augenblick", reader_url, models=(READER_MODEL,)))
    names = [provider.name for provider in found]
    if len(set(names)) < len(names):
        raise ConfigurationError("two providers have the same name")
    return tuple(found)


def wants_reader(environ: Mapping[str, str], secrets: Mapping[str, Any]) -> bool:
    """Whether the reader shall run: nothing else is configured, or AUGENBLICK_READER says so."""
    asked = environ.get("AUGENBLICK_READER", str(secrets.get("reader", ""))).strip().lower()
    if asked in {"1", "true", "on", "yes"}:
        return True
    return not [*_from_environment(environ), *_from_secrets(secrets)]


def _from_environment(environ: Mapping[str, str]) -> list[Provider]:
    url = environ.get("OPENAI_BASE_URL") or environ.get("OPENAI_API_BASE_URL") or ""
    key = environ.get("OPENAI_API_KEY", "")
    if not url.strip() and not key.strip():
        return []
    base_url, query = repair_base_url(url or "https://api.openai.com/v1")
    models = _names(environ.get("OPENAI_MODEL", ""))
    label = urlsplit(base_url).hostname or base_url
    return [Provider("openai", label, base_url, ApiKey(key), models, query)]


def _from_secrets(secrets: Mapping[str, Any]) -> list[Provider]:
    tables = secrets.get("providers", {})
    if not isinstance(tables, Mapping):
        raise ConfigurationError("[providers] must hold tables, one per endpoint")
    return [_from_table(str(name), table) for name, table in tables.items()]


def _from_table(name: str, table: object) -> Provider:
    if not isinstance(table, Mapping) or not table.get("base_url"):
        raise ConfigurationError(f"[providers.{name}] needs a base_url")
    if name == READER_NAME:
        raise ConfigurationError(f"the name {READER_NAME} belongs to the built-in reader")
    base_url, query = repair_base_url(str(table["base_url"]))
    extra_query = table.get("query", {})
    extra_headers = table.get("headers", {})
    if not isinstance(extra_query, Mapping) or not isinstance(extra_headers, Mapping):
        raise ConfigurationError(f"[providers.{name}] query and headers must be tables")
    return Provider(
        name=name,
        label=str(table.get("label", name)),
        base_url=base_url,
        api_key=ApiKey(str(table.get("api_key", ""))),
        models=_names(table.get("models", ())),
        query=(*query, *((str(k), str(v)) for k, v in extra_query.items())),
        headers=tuple((str(k), str(v)) for k, v in extra_headers.items()),
        proxy=str(table.get("proxy", "")),
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
    numbers = (table.get("input"), table.get("output"))
    if not all(_is_amount(number) for number in numbers):
        raise ConfigurationError(f"{where} needs input and output: a price for a million tokens")
    currency = table.get("currency", usual)
    if not isinstance(currency, str) or not re.fullmatch("[A-Za-z]{3}", currency):
        raise ConfigurationError(f"{where} currency must be three letters, such as EUR")
    price_in, price_out = (float(number or 0) for number in numbers)
    return Price(price_in, price_out, currency.upper())


def _is_amount(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= float(str(value)) < math.inf


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple):
        raise ConfigurationError("models must be a list of names")
    return tuple(dict.fromkeys(name for item in value if (name := str(item).strip())))


def _looks_local(url: str) -> bool:
    """Whether it names a machine of one's own: a private address, or a name without a dot."""
    host = url.split("/", 1)[0].rpartition("@")[2]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host
