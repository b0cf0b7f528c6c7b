"""A broken file of the configuration refuses the start and says where; its content stays in it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from augenblick.core.config_files import check_secrets, read_toml
from augenblick.core.errors import ConfigurationError
from augenblick.core.paths import PROJECT_DIR
from tests.serving import clean_environment

_KEY = "sk-canary"
_BROKEN = f'[providers.work]\nbase_url = "https://x"\napi_key = {_KEY}\n'.encode()
_TYPO = f'[providers.work]\nbase-url = "https://x"\napi_key = "{_KEY}"\n'.encode()
_LATIN = '[providers.work]\nbase_url = "https://x"\nlabel = "Büro"\n'.encode("latin-1")


def _start(folder: Path, command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    """Run a server that is expected to refuse, in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=clean_environment(folder, env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


_LAUNCH = ["augenblick.launch", "--port", "0"]
_STREAMLIT = ["streamlit", "run", str(PROJECT_DIR / "app.py"), "--server.port=0"]


@pytest.mark.parametrize(
    ("command", "content", "said"),
    [
        (_LAUNCH, _BROKEN, "secrets.toml, line 3, column 11"),
        (_STREAMLIT, _BROKEN, "secrets.toml, line 3, column 11"),
        (_STREAMLIT, _TYPO, "[providers.work] base-url is unknown; base_url is meant"),
        (_LAUNCH, _LATIN, "secrets.toml, line 3, column 11: not UTF-8"),
        (_STREAMLIT, None, "secrets.toml is a folder"),
    ],
)
def test_broken_secrets_refuse_the_start(
    tmp_path: Path, command: list[str], content: bytes | None, said: str
) -> None:
    """Both ways to start end with one sentence that names the place, and show no key."""
    file = tmp_path / ".streamlit" / "secrets.toml"
    file.parent.mkdir()
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)

    done = _start(tmp_path, command)

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert _KEY not in done.stdout + done.stderr


def test_secrets_that_were_asked_for_and_are_missing_refuse_the_start(tmp_path: Path) -> None:
    """A path in Streamlit's variable is no guess."""
    file = str(tmp_path / "away" / "secrets.toml")
    done = _start(tmp_path, _STREAMLIT, STREAMLIT_SECRETS_FILES=file)

    assert done.returncode == 1
    assert f"{file} is not there" in done.stderr


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"[providers.work\n", "line 1, column 16"),
        (b'a = "1"\nb = "open\n', "line 2, column 10"),
        (b'a = "1"\na = "sk-canary"\n', "line 2, column"),
        (b"a = [1, 2\n", "line 2, column 1"),
        (b"api_key sk-canary\n", "line 1, column 9"),
        ("a = 'ü'\nb = 'ü\u0000'".encode(), "line 2, column 7"),
        ("a = 'ä'\n".encode("utf-16"), "line 1, column 1: not UTF-8"),
        (b"\xef\xbb\xbfa = 1\n", "UTF-8 without BOM"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_by_its_place(
    tmp_path: Path, content: bytes, place: str
) -> None:
    """Line and column as editors count them; nothing of the content."""
    file = tmp_path / "secrets.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError) as raised:
        read_toml(file)

    assert place in raised.value.detail
    assert str(file) in raised.value.detail
    assert "canary" not in raised.value.detail


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    """It is there, but for somebody else."""
    file = tmp_path / "secrets.toml"
    file.write_text("")
    file.chmod(0)
    with pytest.raises(ConfigurationError, match="may not be read"):
        read_toml(file)


def test_missing_file_is_empty(tmp_path: Path) -> None:
    """Nothing has to be configured."""
    assert read_toml(tmp_path / "none" / "secrets.toml") == {}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"base-url": "x"}, "base-url is unknown; base_url is meant"),
        ({"Base_URL": "x"}, "base_url is meant"),
        ({"apikey": _KEY}, "apikey is unknown; api_key is meant"),
        ({"model": "x"}, "models is meant"),
        ({"header": {}}, "headers is meant"),
        ({"timeout": 5}, "timeout is unknown; known are base_url"),
        ({"sk-canary-0123456789": "x"}, "an entry is unknown"),
        ({"base_url": 8000}, "base_url must be text"),
        ({"api_key": 123}, "api_key must be text"),
        ({"api_key": [_KEY]}, "api_key must be text"),
        ({"label": True}, "label must be text"),
        ({"proxy": {}}, "proxy must be text"),
        ({"models": 5}, "models must be a list"),
        ({"models": ["a", 5]}, "models must be a list"),
        ({"models": {"a": "b"}}, "models must be a list"),
        ({"headers": f"Authorization: {_KEY}"}, "headers must be a table"),
        ({"headers": {"X-Team": ["a"]}}, "headers: each value must be text"),
        ({"query": ["a"]}, "query must be a table"),
        ({"prices": 1}, "prices must be a table"),
    ],
)
def test_wrong_entry_of_a_provider_is_named(table: dict[str, Any], said: str) -> None:
    """Table and entry are named, and for a slip what is meant; values never."""
    with pytest.raises(ConfigurationError) as raised:
        check_secrets({"providers": {"work": {"base_url": "https://x", **table}}})

    assert "[providers.work]" in raised.value.detail
    assert said in raised.value.detail
    assert "canary" not in raised.value.detail


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ({"provider": {"work": {"base_url": "x"}}}, "provider is unknown"),
        ({"Providers": {"work": {"base_url": "x"}}}, "Providers is unknown"),
        ({"base_url": "https://x", "api_key": _KEY}, "stands outside of a table"),
        ({"providers": {"my": {"model": {"base_url": "x"}}}}, r"[providers.my] model is unknown"),
    ],
)
def test_entry_in_the_wrong_place_is_named(secrets: dict[str, Any], said: str) -> None:
    """Nobody would read it there."""
    with pytest.raises(ConfigurationError) as raised:
        check_secrets(secrets)

    assert said in raised.value.detail
    assert "canary" not in raised.value.detail


def test_what_is_right_or_meant_for_others_is_left_alone() -> None:
    """The delivered example, sign-in, connections and variables are no fault."""
    example = (PROJECT_DIR / ".streamlit" / "secrets.toml.example").read_text(encoding="utf-8")
    lines = [line.removeprefix("# ").removeprefix("#") for line in example.splitlines()]
    at = lines.index("[providers.work]")
    written = "\n".join(line for line in lines[at:] if line.startswith("[") or "=" in line)
    secrets = tomllib.loads(written)
    assert secrets["providers"]["work"]["models"] == ["vision-large"]
    check_secrets(secrets)
    check_secrets({"OPENAI_API_KEY": "k", "reader": True, "auth": {}, "connections": {"db": {}}})
