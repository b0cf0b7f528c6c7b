"""A file with conversations on its way into the store, carried by a thread of its own.

As with a question, nothing the person touches meanwhile may end it half-way or begin it anew.
"""

from __future__ import annotations

import threading

from augenblick.core.errors import AugenblickError, Failure, ImportRefused
from augenblick.core.language import Language
from augenblick.core.messages import PreparedPicture
from augenblick.exchange.importing import ImportPiece, ReadConversation, read_conversations
from augenblick.pictures import PicturePool
from augenblick.store import Store
from augenblick.store.imports import ConversationImport

_ONE_AT_A_TIME = threading.Lock()  # each has a process of a gigabyte


class ImportJob:
    """Reads and saves the conversations of one file; its fields are final once `done` is set.

    `failure` says why the file could not be read (any further); what had been saved before stays.
    """

    def __init__(
        self,
        content: bytes,
        *,
        owner: str,
        language: Language,
        pool: PicturePool,
        store: Store,
    ) -> None:
        self.titles: list[str] = []  # of what has been saved
        self.refused: list[Failure] = []  # conversations that were no good
        self.missing_pictures = 0
        self.left_out = 0  # messages, and parts of messages
        self.failure: Failure | None = None
        self.is_waiting = True  # for the file of somebody else
        self.done = threading.Event()
        self._content = content
        self._owner = owner
        self._language = language
        self._pool = pool
        self._store = store
        self._stopped = False
        self._saving = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="import", daemon=True)

    def start(self) -> ImportJob:
        """Begin; returns itself."""
        self._thread.start()
        return self

    @property
    def content(self) -> bytes:
        """The file, until it is read."""
        return self._content

    def refuse(self, failure: Failure) -> None:
        """Let it be instead of beginning, for this reason."""
        self.failure = failure
        self._content = b""
        self.done.set()

    def stop(self) -> None:
        """Have nothing more saved once this has returned."""
        with self._saving:
            self._stopped = True

    def _run(self) -> None:
        try:
            with _ONE_AT_A_TIME:
                self.is_waiting = False
                self._take_all()
        except AugenblickError as error:
            self.failure = error.failure
        except Exception as error:  # noqa: BLE001 - the page waits for us
            self.failure = Failure("unexpected", {}, type(error).__name__)
        finally:
            self._content = b""
            self.done.set()

    def _take_all(self) -> None:
        pieces = read_conversations(
            self._content, pool=self._pool, person=self._owner, language=self._language
        )
        self._content = b""  # the worker has it from here on
        saved = self._store.begin_import(owner=self._owner)
        try:
            for piece in pieces:
                with self._saving:
                    if self._stopped:
                        return
                    self._save(piece, saved)
                if isinstance(piece, ReadConversation | ImportRefused):
                    saved = self._store.begin_import(owner=self._owner)
        finally:
            saved.discard()

    def _save(self, piece: ImportPiece, saved: ConversationImport) -> None:
        match piece:
            case PreparedPicture():
                saved.add_picture(piece)
            case ReadConversation():
                saved.finish(title=piece.title, leaf_id=piece.leaf_id)
                self.titles.append(piece.title)
                self.missing_pictures += piece.missing_pictures
                self.left_out += piece.left_out
            case ImportRefused():
                saved.discard()
                self.refused.append(piece.failure)
            case messages:
                saved.add(messages)
