"""What a browser does in front of a page that is run as a script: it asks, and fills the tray."""

from __future__ import annotations

import secrets
from functools import partial
from itertools import count
from typing import Literal

from streamlit.testing.v1 import AppTest

from augenblick.core.errors import AugenblickError
from augenblick.pictures import PictureSource
from augenblick.pictures.samples import SAMPLES
from augenblick.pictures.tray import prepare_file
from augenblick.ui.chat.question_draft import Question
from augenblick.ui.resources import services
from augenblick.ui.tab_state import Tab
from augenblick.ui.upload_accounting import UPLOAD_MEMORY

_NUMBERS = count(1)


def tab_of(page: AppTest) -> Tab:
    """The memory of the page."""
    memory = page.session_state["tab"]
    assert isinstance(memory, Tab)
    return memory


def put(page: AppTest, *files: tuple[str, bytes]) -> None:
    """Choose files, as `web/tray_routes` takes them."""
    memory = tab_of(page)
    take = partial(UPLOAD_MEMORY.take, memory)
    for name, content in files:
        number = next(_NUMBERS)
        source = PictureSource(name, content)
        try:
            memory.tray.begin(number, name)
            pool = services().pictures
            prepare_file(memory.tray, pool, source, file=number, person=memory.person, take=take)
        except AugenblickError as error:
            memory.tray.refuse(number, name, error.failure)


def ask(page: AppTest, text: str, *files: tuple[str, bytes]) -> str:
    """Ask with all that is ready in the tray; returns the id the question was sent under."""
    put(page, *files)
    memory = tab_of(page)
    ready = [item.id for item in memory.tray.items if item.picture is not None]
    pictures = memory.tray.take(ready)
    assert pictures is not None
    question = Question(secrets.token_hex(8), text, pictures=pictures, sent_id=secrets.token_hex(8))
    memory.asked.append(question)
    page.run()
    assert not page.exception
    return question.sent_id


def given_back(page: AppTest) -> list[str]:
    """The words that went back to the composer."""
    return [each.text for each in tab_of(page).sent.given_back]


def open_dialog(page: AppTest, dialog: Literal["camera", "options"]) -> None:
    """Open one of the dialogs of the composer."""
    tab_of(page).dialog = dialog
    page.run()
    assert not page.exception


def ask_sample(page: AppTest, name: str) -> None:
    """Tap one of the samples of the empty page."""
    memory = tab_of(page)
    sample = next(each for each in SAMPLES if each.name == name)
    upload = PictureSource(sample.path.name, sample.path.read_bytes())
    question = memory.language.text(sample.question_key)
    memory.asked.append(Question(secrets.token_hex(8), question, (upload,)))
    page.run()
    assert not page.exception
