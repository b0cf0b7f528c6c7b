"""The command: `python -m augenblick.doctor`. Exit code 0 usable, 1 with gaps, 2 not usable.

Without arguments the configured provider is examined: from the environment, then from
`.streamlit/secrets.toml`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from augenblick.core.config_files import check_secrets, read_toml
from augenblick.core.errors import ConfigurationError
from augenblick.core.pasted import clean
from augenblick.core.providers import ApiKey, Provider, provider_at, read_providers
from augenblick.ops.doctor.examination import examine
from augenblick.ops.doctor.findings import Grade
from augenblick.ops.doctor.report import as_json, as_text

_SECRETS = Path(".streamlit") / "secrets.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine, print and grade."""
    options = _read_options(arguments)
    try:
        provider = _choose_provider(options, os.environ)
    except ConfigurationError as error:
        sys.stderr.write(f"{error.detail}\n")
        return Grade.UNUSABLE.exit_code
    report = examine(provider, model=clean(options.model), within_seconds=options.seconds)
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
    name = options.api_key_env
    if name is not None and name not in environ:
        raise ConfigurationError(f"The environment variable {name} is not set.")
    key = None if name is None else ApiKey(environ[name])
    if options.base_url:
        return provider_at(
            options.base_url, environ, name="given", label="endpoint", api_key=key or ApiKey()
        )
    provider = _configured(options, environ)
    return provider if key is None else replace(provider, api_key=key)


def _configured(options: argparse.Namespace, environ: Mapping[str, str]) -> Provider:
    secrets = read_toml(options.secrets)  # empty where there is no file
    check_secrets(secrets)
    providers = read_providers(environ, secrets, reader_url=None)
    if not providers:
        raise ConfigurationError(
            "No endpoint is configured. Give --base-url, or set OPENAI_BASE_URL. The built-in "
            "reader can be examined too: start it and give its address."
        )
    if options.provider is None:
        return providers[0]
    by_name = {provider.name: provider for provider in providers}
    if options.provider not in by_name:
        names = ", ".join(by_name)
        raise ConfigurationError(
            f"There is no provider named {options.provider}. There are: {names}."
        )
    return by_name[options.provider]
