"""What one question passes on its way: files, functions and calls of ours.

`python -m bench.question [--list]`

A question that is saved, and its streamed answer of three deltas, from `Answering.ask` to the end
that a follower reads; the second in one process, so that nothing of the start counts. The core
alone: without Streamlit, over real HTTP, in a real SQLite file. Calls vary by a few hundredths from
run to run, with the moments at which saver and follower wake.
"""

from __future__ import annotations

import argparse
import ast
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

import augenblick
from augenblick.chat.ask import Answering
from augenblick.chat.saver import Saver
from augenblick.core.messages import Message, Role, TextPart
from augenblick.core.providers import ApiKey, Provider
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.client import ChatClient
from augenblick.pictures import prepare_image
from augenblick.pictures.variants import PictureVariants
from augenblick.store import Store
from augenblick.store.store_values import NewQuestion
from tests.browser.playing import Script
from tests.faults.server import FaultServer

_ROOT: Final = Path(augenblick.__file__).parent
_WAIT_SECONDS: Final = 60.0

Function = tuple[str, str, int]  # file, name, first line


class Profile:
    """Counts the calls of functions of ours in all threads, while it is on."""

    def __init__(self) -> None:
        self.is_on = False
        self.calls: Counter[Function] = Counter()
        threading.setprofile(self._count)
        sys.setprofile(self._count)

    def _count(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if self.is_on and event == "call" and code.co_filename.startswith(str(_ROOT)):
            file = str(Path(code.co_filename).relative_to(_ROOT))
            self.calls[file, code.co_qualname, code.co_firstlineno] += 1

    def named(self) -> Counter[Function]:
        """The calls without those of comprehensions, generator expressions and lambdas."""
        return Counter({it: n for it, n in self.calls.items() if not it[1].endswith(">")})


def _lines(functions: Counter[Function]) -> int:
    """How many lines these functions have."""
    total = 0
    for file in {file for file, _, _ in functions}:
        firsts = {first for other, _, first in functions if other == file}
        for node in ast.walk(ast.parse((_ROOT / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                starts = {node.lineno, *(each.lineno for each in node.decorator_list)}
                if starts & firsts and node.end_lineno is not None:
                    total += node.end_lineno - node.lineno + 1
    return total


def _ask(answering: Answering, provider: Provider, number: int) -> None:
    """Ask, and read the answer to its end."""
    question = NewQuestion(
        submission_id=f"bench-{number}",
        owner="somebody",
        conversation_id=None,
        parent_id=None,
        message=Message(Role.USER, (TextPart("hi"),)),
        pictures=(),
        provider=provider.name,
        model="m",
    )
    opened = answering.ask(question, provider=provider, settings=RequestSettings("m"))
    live = answering.find(opened.conversation_id, opened.reply_id, owner="somebody")
    position = 0
    while (progress := live.follow(position, timeout_seconds=_WAIT_SECONDS)).record is None:
        position = progress.position


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.question", description=__doc__)
    parser.add_argument("--list", action="store_true", help="the functions with their calls")
    options = parser.parse_args()
    profile = Profile()
    script = Script(words=("one ", "two ", "three"), pause_seconds=0)
    with tempfile.TemporaryDirectory() as folder, FaultServer(script) as server:
        store = Store(f"sqlite:///{folder}/a.db")
        saver = Saver(store)
        answering = Answering(
            store=store,
            saver=saver,
            open_client=ChatClient,
            variants=PictureVariants(load_content=store.load_content, prepare=prepare_image),
            prepare=prepare_image,
        )
        provider = Provider("bench", "Bench", server.base_url, ApiKey("k"))
        _ask(answering, provider, 1)
        profile.is_on = True
        _ask(answering, provider, 2)
        profile.is_on = False
        answering.close()
        saver.close()
        store.close()
    named = profile.named()
    files = {file for file, _, _ in profile.calls}
    print(
        f"{len(files)} files, {len(named)} functions, {_lines(named)} lines in them, "
        f"{profile.calls.total()} calls"
    )
    if options.list:
        for (file, name, _), count in sorted(profile.calls.items()):
            print(f"{count:5} {file} {name}")


if __name__ == "__main__":
    main()
