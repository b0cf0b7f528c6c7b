"""A question on its way from the page to the store, carried by a thread of its own.

Streamlit ends a script run at any moment (a touched widget, a closed tab) and by then has
already forgotten the uploads. So the page hands over bytes at once, and pictures are prepared, the
question saved and the reply started here, whatever becomes of the run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from augenblick.core.errors import AugenblickError, Failure, ImageError, StoreUnavailable
from augenblick.core.messages import Detail, ImagePart, Message, PreparedPicture, Role, TextPart
from augenblick.core.settings import RequestSettings
from augenblick.pictures import PictureSource
from augenblick.store.store_values import NewQuestion, OpenedReply

_TRY_AGAIN_SECONDS = 0.5

Likeness = tuple[str, tuple[tuple[str, int], ...]]


@dataclass(frozen=True, slots=True)
class Revision:
    """What makes a question another version of an earlier one: same place, pictures that stay."""

    question_id: str
    parent_id: str | None
    pictures: tuple[ImagePart, ...]
    left_out: frozenset[int]  # positions of those that do not stay, among the parts


@dataclass(frozen=True, slots=True)
class Question:
    """What a person submitted, as it came from the page. The id makes it be saved once."""

    submission_id: str
    text: str
    uploads: tuple[PictureSource, ...] = ()
    pictures: tuple[PreparedPicture, ...] = ()  # out of the tray
    sent_id: str = ""  # by which the page knows it
    revision: Revision | None = None

    @property
    def likeness(self) -> Likeness:
        """What a second click has in common with the first: text, and names and sizes of files."""
        files = [(upload.name, len(upload.content)) for upload in self.uploads]
        ready = [(each.attachment.sha256, len(each.content)) for each in self.pictures]
        return self.text, (*files, *ready)


@dataclass(frozen=True, slots=True)
class Draft:
    """A question with everything that is needed to save and send it."""

    submission_id: str
    owner: str
    conversation_id: str | None
    parent_id: str | None
    text: str
    text_if_empty: str  # asked when there are pictures but no words
    uploads: tuple[PictureSource, ...]
    pictures: tuple[PreparedPicture, ...]  # already prepared, out of the tray
    provider: str
    settings: RequestSettings
    detail: Detail = Detail.AUTO  # how closely the model shall look at the new pictures
    revision: Revision | None = None
    is_temporary: bool = False  # for a new conversation: kept in memory only
    sent_id: str = ""  # by which the page knows it

    @property
    def has_pictures(self) -> bool:
        """Whether there is anything to look at, should all uploads turn out to be pictures."""
        return bool(self.uploads or self.pictures or self.known_pictures)

    @property
    def known_pictures(self) -> tuple[ImagePart, ...]:
        """Pictures that the store has already, from the question that this one changes."""
        return self.revision.pictures if self.revision else ()


class Prepare(Protocol):
    """`Services.prepare`."""

    def __call__(
        self,
        uploads: Sequence[PictureSource],
        /,
        *,
        person: str,
        already: int,
        on_done: Callable[[], None],
    ) -> Sequence[PreparedPicture | ImageError]:
        """Each picture or the reason why there is none; `on_done` after each, from any thread.

        `already` is how many pictures the question has besides.
        """
        ...


Ask = Callable[[NewQuestion, RequestSettings], OpenedReply]


class Submission:
    """Prepares and saves one draft; its fields are final once `done` is set.

    `ready` counts the uploads that are through; `refused` names those that could not be used.
    `opened` is None when nothing was saved, and then `failure` or `refused` says why and the text
    is to go back to the person.
    """

    def __init__(self, draft: Draft, *, prepare: Prepare, ask: Ask) -> None:
        self.draft = draft
        self.refused: tuple[Failure, ...] = ()
        self.ready = 0
        self.kept: tuple[PreparedPicture, ...] = ()
        self.message: Message | None = None
        self.opened: OpenedReply | None = None
        self.failure: Failure | None = None
        self.done = threading.Event()
        self._prepare = prepare
        self._ask = ask
        self._thread = threading.Thread(target=self._run, name="submission", daemon=True)

    def start(self) -> Submission:
        """Begin; returns itself."""
        self._thread.start()
        return self

    def _run(self) -> None:
        try:
            self._save()
        except AugenblickError as error:
            self.failure = error.failure
        except Exception as error:  # noqa: BLE001 - the page waits for us
            self.failure = Failure("unexpected", {}, type(error).__name__)
        finally:
            self.done.set()

    def _save(self) -> None:
        draft = self.draft
        results = self._prepared(draft) if draft.uploads else ()
        self.refused = tuple(result.failure for result in results if isinstance(result, ImageError))
        prepared = tuple(result for result in results if isinstance(result, PreparedPicture))
        self.kept = (*draft.pictures, *prepared)
        new = (ImagePart(picture.attachment, draft.detail) for picture in self.kept)
        pictures = (*draft.known_pictures, *new)
        if self.refused and not pictures:
            return
        text = draft.text.strip() or (draft.text_if_empty if pictures else "")
        self.message = Message(Role.USER, (*pictures, TextPart(text)))
        question = NewQuestion(
            submission_id=draft.submission_id,
            owner=draft.owner,
            conversation_id=draft.conversation_id,
            parent_id=draft.parent_id,
            message=self.message,
            pictures=self.kept,
            provider=draft.provider,
            model=draft.settings.model,
            is_temporary=draft.is_temporary and draft.conversation_id is None,
        )
        self.opened = self._asked(question)

    def _prepared(self, draft: Draft) -> Sequence[PreparedPicture | ImageError]:
        lock = threading.Lock()

        def count() -> None:
            with lock:
                self.ready += 1

        already = len(draft.known_pictures) + len(draft.pictures)
        return self._prepare(draft.uploads, person=draft.owner, already=already, on_done=count)

    def _asked(self, question: NewQuestion) -> OpenedReply:
        """Ask; and again after a fault of the store, which writes the same submission once."""
        try:
            return self._ask(question, self.draft.settings)
        except StoreUnavailable:
            time.sleep(_TRY_AGAIN_SECONDS)
            return self._ask(question, self.draft.settings)
