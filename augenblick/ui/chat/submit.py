"""A question on its way from the page to the store, carried by a thread of its own.

Streamlit ends a script run at any moment (a touched widget, a closed tab). So the question is saved
and the reply started here, whatever becomes of the run. The composer's pictures come prepared, out
of the tray; only samples and new files of an edited question are prepared here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from augenblick.core.errors import AugenblickError, Failure, ImageError, StoreUnavailable
from augenblick.core.messages import ImagePart, Message, PreparedPicture, Role, TextPart
from augenblick.core.settings import RequestSettings
from augenblick.pictures import PictureSource
from augenblick.store.store_values import NewQuestion, OpenedReply
from augenblick.ui.chat.question_draft import Draft

_TRY_AGAIN_SECONDS = 0.5

Ask = Callable[[NewQuestion, RequestSettings], OpenedReply]


class PrepareUploads(Protocol):
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


class Submission:
    """Prepares and saves one draft; its fields are final once `done` is set.

    `ready` counts the uploads that are through; `refused` names those that could not be used.
    `opened` is None when nothing was saved, and then `failure` or `refused` says why and the text
    is to go back to the person.
    """

    def __init__(self, draft: Draft, *, prepare: PrepareUploads, ask: Ask) -> None:
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
            self.message = self._prepared_message()
            if self.message is not None:
                self._save(self.message)
        except AugenblickError as error:
            self.failure = error.failure
        except Exception as error:  # noqa: BLE001 - the page waits for us
            self.failure = Failure("unexpected", {}, type(error).__name__)
        finally:
            self.done.set()

    def _prepared_message(self) -> Message | None:
        """The question with its pictures; None where all of them were refused."""
        question = self.draft.question
        results = self._prepared_uploads() if question.uploads else ()
        self.refused = tuple(result.failure for result in results if isinstance(result, ImageError))
        prepared = tuple(result for result in results if isinstance(result, PreparedPicture))
        self.kept = (*question.pictures, *prepared)
        new = (ImagePart(picture.attachment, self.draft.detail) for picture in self.kept)
        pictures = (*question.known_pictures, *new)
        if self.refused and not pictures:
            return None
        text = question.text.strip() or (self.draft.text_if_empty if pictures else "")
        return Message(Role.USER, (*pictures, TextPart(text)))

    def _prepared_uploads(self) -> Sequence[PreparedPicture | ImageError]:
        question, lock = self.draft.question, threading.Lock()

        def count() -> None:
            with lock:
                self.ready += 1

        return self._prepare(
            question.uploads,
            person=self.draft.owner,
            already=len(question.known_pictures) + len(question.pictures),
            on_done=count,
        )

    def _save(self, message: Message) -> None:
        """Ask; and again after a fault of the store, which writes the same submission once."""
        draft = self.draft
        question = NewQuestion(
            submission_id=draft.question.submission_id,
            owner=draft.owner,
            conversation_id=draft.conversation_id,
            parent_id=draft.parent_id,
            message=message,
            pictures=self.kept,
            provider=draft.provider,
            model=draft.settings.model,
            is_temporary=draft.is_temporary and draft.conversation_id is None,
        )
        try:
            self.opened = self._ask(question, draft.settings)
        except StoreUnavailable:
            time.sleep(_TRY_AGAIN_SECONDS)
            self.opened = self._ask(question, draft.settings)
