"""The command: `python -m augenblick.doctor`. Exit code 0 usable, 1 with gaps, 2 not usable.

Without arguments the configured provider is examined: from the environment, then from
`.streamlit/secrets.toml`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from augenblick.doctor import sentences
from augenblick.doctor.examination import examine
from augenblick.doctor.findings import Grade
from augenblick.doctor.report import as_json, as_text
from augenblick.errors import ConfigurationError
from augenblick.providers import ApiKey, Provider, read_providers, repair_base_url

_SECRETS = Path(".streamlit") / "secrets.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine, print and grade."""
    options = _read_options(arguments)
    try:
        provider = _choose_provider(options, os.environ)
    except ConfigurationError as error:
        sys.stderr.write(f"{error.detail}\n")
        return Grade.UNUSABLE.exit_code
    report = examine(provider, model=options.model, within_seconds=options.seconds)
    sys.stdout.write((as_json(report) if options.json else as_text(report)) + "\n")
    return report.grade.exit_code


def _read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m augenblick.doctor",
        description="Grades an endpoint; exit code 0 usable, 1 usable with gaps, 2 not usable.",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--base-url", help="the endpoint, as https://host/v1")
    where.add_argument("--provider", help="a configured endpoint, by its name")
    parser.add_argument("--model", default="", help="default: the first configured or listed one")
    parser.add_argument(
        "--api-key-env", metavar="NAME", help="the environment variable that holds the key"
    )
    parser.add_argument("--secrets", type=Path, default=_SECRETS, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=55.0, help="the time, 55 by default")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def _choose_provider(options: argparse.Namespace, environ: Mapping[str, str]) -> Provider:
    """The endpoint meant. Keys of the configuration never go to an address from the arguments."""
    key = None if options.api_key_env is None else _key(environ, options.api_key_env)
    if options.base_url:
        base_url, query = repair_base_url(options.base_url)
        return Provider("given", "endpoint", base_url, key or ApiKey(), query=query)
    provider = _configured(options, environ)
    return provider if key is None else replace(provider, api_key=key)


def _configured(options: argparse.Namespace, environ: Mapping[str, str]) -> Provider:
    providers = read_providers(environ, _read_secrets(options.secrets), reader_url=None)
    if not providers:
        raise ConfigurationError(sentences.NOTHING_CONFIGURED)
    if options.provider is None:
        return providers[0]
    for provider in providers:
        if provider.name == options.provider:
            return provider
    names = ", ".join(provider.name for provider in providers)
    raise ConfigurationError(sentences.UNKNOWN_PROVIDER.format(name=options.provider, names=names))


def _key(environ: Mapping[str, str], name: str) -> ApiKey:
    if name not in environ:
        raise ConfigurationError(sentences.NO_KEY_IN_ENVIRONMENT.format(name=name))
    return ApiKey(environ[name])


def _read_secrets(path: Path) -> dict[str, Any]:
    """The table of secrets, empty where there is no file. Its content is never shown."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = type(error).__name__
        raise ConfigurationError(
            sentences.SECRETS_UNREADABLE.format(path=path, reason=reason)
        ) from None


if __name__ == "__main__":
    sys.exit(main())
