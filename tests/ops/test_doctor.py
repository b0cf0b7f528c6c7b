"""The doctor against endpoints with and without gaps."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from augenblick.core.providers import ApiKey, Provider
from augenblick.ops.doctor import Finding, Grade, Mark, Report, examine
from augenblick.ops.doctor.field_checks import FIELD_PROBES
from augenblick.ops.doctor.probe_pictures import COLOURS, DIRECTIONS, draw_test_picture
from augenblick.ops.doctor.report import SENTENCES, as_json, as_text, sentence_of
from tests.faults.endpoint import Endpoint, Gaps
from tests.faults.server import (
    FaultServer,
    Framing,
    Pause,
    Received,
    Step,
    Trickle,
    answered_json,
    framed,
    refusing_port,
)

KEY = "sk-canary-0d51b2f4a9"
ROOT = Path(__file__).resolve().parents[2]


def _examine(gaps: Gaps, *, key: str = "", model: str = "") -> Report:
    with FaultServer(Endpoint(gaps)) as server:
        provider = Provider("test", "Test", server.base_url, ApiKey(key))
        return examine(provider, model=model, chance=random.Random(1))


def _marks(report: Report) -> dict[str, str]:
    return {finding.name: finding.mark for finding in report.findings if finding.mark != Mark.OK}


def test_a_complete_endpoint_is_usable() -> None:
    """An endpoint without gaps gets the best grade and every field is tried."""
    report = _examine(Gaps(key=KEY), key=KEY)
    assert _marks(report) == {}
    assert report.grade is Grade.USABLE
    assert report.model == "m"
    tried = {finding.name for finding in report.findings if finding.name.startswith("field.")}
    assert tried == {f"field.{probe.name}" for probe in FIELD_PROBES}


@pytest.mark.parametrize(
    ("gaps", "name", "code"),
    [
        (Gaps(lists_models=False), "models", "error"),
        (Gaps(streams=False), "stream", "at_once"),
        (Gaps(buffers=True), "stream", "buffered"),
        (Gaps(tells_usage=False), "usage", "missing"),
        (Gaps(tells_usage=False), "picture_tokens", "untold"),
        (Gaps(sees=False), "picture", "not_seen"),
        (Gaps(takes_pictures=False), "picture", "error"),
        (Gaps(refused_fields=frozenset({"seed"})), "field.seed", "refused"),
        (Gaps(refused_fields=frozenset({"stream_options"})), "usage", "missing"),
        (
            Gaps(refused_fields=frozenset({"response_format.json_schema"})),
            "field.response_format.json_schema",
            "refused",
        ),
        (Gaps(ignored_fields=frozenset({"n"})), "field.n", "no_effect_seen"),
        (Gaps(ignored_fields=frozenset({"stop"})), "field.stop", "no_effect_seen"),
        (Gaps(ignored_fields=frozenset({"tools"})), "field.tools", "no_effect_seen"),
        (Gaps(ignored_fields=frozenset({"max_tokens"})), "field.max_tokens", "no_effect_seen"),
    ],
)
def test_a_gap_is_found(gaps: Gaps, name: str, code: str) -> None:
    """Each gap is named, the endpoint stays usable, and the report can say it in words."""
    report = _examine(gaps, model="m")
    finding = report.finding(name)
    assert (finding.code, report.grade.exit_code <= 1) == (code, True)
    assert finding.mark in {Mark.GAP, Mark.NOTE}
    assert sentence_of(finding) in " ".join(as_text(report, width=400).split())


VISIBLE = {probe.name: probe for probe in FIELD_PROBES if probe.shows is not None}


def _verdicts(report: Report) -> dict[str, str]:
    return {
        finding.name.removeprefix("field."): finding.code
        for finding in report.findings
        if finding.name.startswith("field.")
    }


def test_every_effect_of_a_complete_endpoint_is_seen() -> None:
    """What can be seen is seen; of the others no effect is claimed."""
    verdicts = _verdicts(_examine(Gaps()))
    assert {name for name, code in verdicts.items() if code == "effect_seen"} == set(VISIBLE)
    others = {code for name, code in verdicts.items() if name not in VISIBLE}
    assert others == {"no_effect_seen"}


@pytest.mark.parametrize("name", sorted(VISIBLE))
def test_a_field_without_effect_is_not_said_to_have_one(name: str) -> None:
    """An endpoint that ignores one field takes it, and all others are judged as before."""
    verdicts = _verdicts(_examine(Gaps(ignored_fields=frozenset({name}))))
    wrong = {each: code for each, code in verdicts.items() if code != "effect_seen"}
    assert wrong.pop(name) == "no_effect_seen"
    if name == "tools":  # what is left of the other is a choice among nothing
        wrong.pop("tool_choice", None)
    assert set(wrong) == {probe.name for probe in FIELD_PROBES} - set(VISIBLE)


@pytest.mark.parametrize("name", sorted(probe.name for probe in FIELD_PROBES))
def test_a_refused_field_is_told_with_the_endpoints_words(name: str) -> None:
    """Each field, and nothing else for its sake but what can't stand without it."""
    report = _examine(Gaps(refused_fields=frozenset({name})))
    assert report.finding(f"field.{name}").code == "refused"
    refused = {each for each, code in _verdicts(report).items() if code == "refused"}
    assert refused == {name}
    assert name.partition(".")[0] in str(report.finding(f"field.{name}").params["detail"])


@pytest.mark.parametrize(
    ("always", "names"),
    [
        ("n", {"n"}),
        ("stop", {"stop"}),
        ("max_tokens", {"max_tokens", "max_completion_tokens"}),
        ("response_format", {"response_format.json_object", "response_format.json_schema"}),
        ("stream_options", {"stream_options"}),
    ],
)
def test_what_comes_without_a_field_is_no_effect_of_it(always: str, names: set[str]) -> None:
    """An endpoint that is always brief, always writes JSON, always tells its usage."""
    report = _examine(Gaps(always=frozenset({always})))
    verdicts = _verdicts(report)
    assert {verdicts[name] for name in names} == {"untold"}
    told = sentence_of(report.finding(f"field.{min(names)}"))
    assert told.startswith("could not be told: ")
    assert (report.grade is Grade.USABLE) == (always == "stream_options")


def test_an_answer_that_breaks_off_tells_nothing_about_a_field() -> None:
    """A short text that has no end may be cut by anything."""
    report = _examine(Gaps(cuts=True))
    verdicts = _verdicts(report)
    assert {verdicts[name] for name in VISIBLE} == {"untold"}
    assert report.finding("answer").code == "ended"
    assert report.finding("usage").code == "untold"


def test_a_refusal_that_comes_without_the_field_too_is_not_its_own() -> None:
    """An endpoint that fails every question of a kind refuses no field."""
    endpoint = Endpoint(Gaps())

    def fails_later(received: Received) -> list[Step]:
        if received.path.endswith("completions") and b"ready" in received.body:
            return answered_json({"error": {"message": "boom"}}, status="500 Oops")
        return endpoint(received)

    with FaultServer(fails_later) as server:
        report = examine(Provider("test", "Test", server.base_url), chance=random.Random(1))
    assert "refused" not in _verdicts(report).values()
    assert report.finding("field.seed").params["reason"] == "control"


def test_a_stream_that_is_not_over_in_time_is_not_called_something_else() -> None:
    """It streams; what comes at the end can't be told, and nothing is said to be missing."""
    report = _examine_within(Gaps(pause_seconds=0.6), seconds=20)
    assert report.finding("answer").code == "unfinished"
    assert report.finding("stream").code == "streams"
    assert report.finding("usage").code == "untold"
    assert not {"refused", "no_effect_seen"} & {_verdicts(report)[name] for name in VISIBLE}
    assert report.grade is Grade.GAPS


def test_a_body_that_is_not_over_in_time_is_not_called_a_stream() -> None:
    """One word, then silence: whether it streams is an open question."""
    first = b'data: {"choices": [{"index": 0, "delta": {"content": "one, "}}]}\n\n'
    with FaultServer(lambda _: framed([first, Pause(60)], Framing.CHUNKED)) as server:
        report = examine(Provider("test", "Test", server.base_url), model="m", within_seconds=3)
    assert report.finding("stream").code == "untold"
    assert report.finding("answer").code == "unfinished"


def test_quick_words_after_a_long_thought_are_not_held_back() -> None:
    """A longer answer takes longer where nothing holds it back."""
    report = _examine(Gaps(thinks_seconds=0.3, pause_seconds=0.0004))
    assert report.finding("stream").code in {"streams", "too_quick"}


def _examine_within(gaps: Gaps, *, seconds: float) -> Report:
    with FaultServer(Endpoint(gaps)) as server:
        provider = Provider("test", "Test", server.base_url)
        return examine(provider, model="m", within_seconds=seconds, chance=random.Random(1))


def test_one_name_for_the_length_limit_is_enough() -> None:
    """An endpoint that knows max_completion_tokens only has no gap there."""
    report = _examine(Gaps(refused_fields=frozenset({"max_tokens"})))
    assert report.finding("field.max_tokens").mark is Mark.NOTE
    assert report.grade is Grade.USABLE


def test_a_wrong_key_makes_it_unusable_and_is_not_shown() -> None:
    """The refusal is told without the key, even when the endpoint repeats it."""
    report = _examine(Gaps(key="another"), key=KEY)
    assert report.grade is Grade.UNUSABLE
    assert report.finding("models").params["error"] == "authentication_failed"
    assert KEY not in as_text(report) + as_json(report)


@pytest.mark.parametrize(
    "error", [("500 Oops", "boom"), ("404 Not Found", "The model `m` does not exist")]
)
def test_an_endpoint_that_never_answers_is_unusable(error: tuple[str, str]) -> None:
    """One failed question is enough; the other probes are not sent."""
    report = _examine(Gaps(error=error), model="m")
    assert report.grade is Grade.UNUSABLE
    assert [finding.name for finding in report.findings] == ["models", "answer", "spent"]
    assert report.finding("spent").params["requests"] in {1, 2}
    assert report.is_failed


def test_nobody_there() -> None:
    """An address where nobody listens is unusable, and the examination comes back."""
    with refusing_port() as base_url:
        report = examine(Provider("test", "Test", base_url), model="m")
    assert report.grade is Grade.UNUSABLE
    assert report.failure is not None
    assert report.failure.code == "connection_refused"


@pytest.mark.parametrize("is_trickling", [False, True])
def test_the_time_is_kept(is_trickling: bool) -> None:  # noqa: FBT001 - pytest passes by name
    """An endpoint that is silent or trickles for ever is given up on in time."""
    steps = [Trickle(b": wait\n\n", 0.05) if is_trickling else Pause(60)]
    with FaultServer(lambda _: framed(steps, Framing.CLOSE)) as server:
        report = examine(Provider("test", "Test", server.base_url), model="m", within_seconds=2)
    assert report.grade is Grade.UNUSABLE
    assert report.seconds < 20


def test_what_is_left_undone_is_said() -> None:
    """A slow endpoint leaves fields untried; they are marked as not known, not as good."""
    with FaultServer(Endpoint(Gaps(pause_seconds=0.1))) as server:
        report = examine(Provider("test", "Test", server.base_url), model="m", within_seconds=5)
    assert Mark.UNKNOWN in {finding.mark for finding in report.findings}
    assert report.grade is not Grade.USABLE
    assert report.seconds < 30


def test_test_pictures_differ_and_are_small() -> None:
    """Chance decides what is shown; every digit, colour and arrow comes up."""
    pictures = [draw_test_picture(random.Random(seed)) for seed in range(200)]
    assert {picture.colour for picture in pictures} == set(COLOURS)
    assert {picture.direction for picture in pictures} == set(DIRECTIONS)
    assert len({picture.digit for picture in pictures}) == 7
    assert max(len(picture.content) for picture in pictures) < 20_000


def test_every_finding_has_a_sentence() -> None:
    """No code is left without words: each sentence of the table can be filled."""
    report = _examine(Gaps())
    for finding in report.findings:
        assert sentence_of(finding)
    for key in SENTENCES:
        name, _, code = key.rpartition(".")
        params = _Anything()
        assert SENTENCES[key].format_map(params), (name, code)


class _Anything(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "x"


def _run(*arguments: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "augenblick.doctor", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_examines_the_configured_endpoint() -> None:
    """Without arguments: the endpoint of the environment, a readable table, exit code 0."""
    with FaultServer(Endpoint(Gaps(key=KEY))) as server:
        environ = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": KEY}
        done = _run("--secrets", "/nonexistent", environ=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Usable." in done.stdout
    assert "sees pictures" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_the_command_speaks_json() -> None:
    """`--json` prints one object whose grade and exit code agree with the process's own."""
    gaps = Gaps(key=KEY, sees=False)
    with FaultServer(Endpoint(gaps)) as server:
        arguments = ("--base-url", server.base_url, "--api-key-env", "MY_KEY", "--json")
        done = _run(*arguments, environ={"MY_KEY": KEY})
    report: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == report["exit_code"] == 1
    assert report["grade"] == "usable with gaps"
    assert KEY not in done.stdout + done.stderr


def test_the_command_reads_the_secrets_file(tmp_path: Path) -> None:
    """`--provider NAME` takes that table of the secrets file, key and models included."""
    with FaultServer(Endpoint(Gaps(key=KEY, lists_models=False))) as server:
        secrets = tmp_path / "secrets.toml"
        secrets.write_text(
            f'[providers.first]\nbase_url = "http://127.0.0.1:9"\n[providers.house]\n'
            f'base_url = "{server.base_url}"\napi_key = "{KEY}"\nmodels = ["m"]\n',
            encoding="utf-8",
        )
        done = _run("--provider", "house", "--secrets", str(secrets), environ={})
    assert done.returncode == 1
    assert "Usable with gaps." in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_a_configured_key_goes_to_no_other_address() -> None:
    """`--base-url` alone sends no key, whatever the environment holds."""
    with FaultServer(Endpoint(Gaps(error=("500 Oops", "boom")))) as server:
        environ = {"OPENAI_BASE_URL": "http://127.0.0.1:9", "OPENAI_API_KEY": KEY}
        done = _run("--base-url", server.base_url, "--model", "m", environ=environ)
        assert server.received
        assert all("authorization" not in received.headers for received in server.received)
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "No endpoint is configured"),
        (("--base-url", "ftp://x"), "not an http(s) address"),
        (("--base-url", "http://x", "--api-key-env", "NO_SUCH"), "NO_SUCH"),
        (("--secrets", str(ROOT / "pyproject.toml"), "--provider", "x"), "No endpoint"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(arguments: tuple[str, ...], words: str) -> None:
    """What the person running it has to mend is said plainly, with exit code 2."""
    done = _run(*(arguments or ("--secrets", "/nonexistent")), environ={})
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_secrets_file_is_not_quoted(tmp_path: Path) -> None:
    """The complaint names the file and never a line of it."""
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(f"[providers.x\nkey = {KEY}", encoding="utf-8")
    done = _run("--secrets", str(secrets), environ={})
    assert done.returncode == 2
    assert KEY not in done.stderr


def test_the_exit_codes() -> None:
    """0, 1 and 2 stand for usable, usable with gaps and not usable; an open question is a gap."""
    assert [grade.exit_code for grade in Grade] == [0, 1, 2]
    unknown = Finding("answer", Mark.UNKNOWN, "no_time")
    assert Report("p", "u", "m", (unknown,), 1.0).grade is Grade.GAPS
