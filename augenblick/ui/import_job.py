"""A file with conversations on its way into the store, carried by a thread of its own.

As with a question, nothing the person touches meanwhile may end it half-way or begin it anew.
"""

from __future__ import annotations

import threading

from augenblick.errors import AugenblickError, Failure, ImportRefused
from augenblick.exchange import ReadConversation, read_conversations
from augenblick.exchange.pictures import Prepare
from augenblick.language import Language
from augenblick.store import ConversationStore

_ONE_AT_A_TIME = threading.Lock()  # a large file costs several times its size


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
        prepare: Prepare,
        store: ConversationStore,
    ) -> None:
        self.titles: list[str] = []  # of what has been saved
        self.refused: list[Failure] = []  # conversations that were no good
        self.missing_pictures = 0
        self.failure: Failure | None = None
        self.done = threading.Event()
        self._content = content
        self._owner = owner
        self._language = language
        self._prepare = prepare
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
                self._take_all()
        except AugenblickError as error:
            self.failure = error.failure
        except Exception as error:  # noqa: BLE001 - the page waits for us
            self.failure = Failure("unexpected", {}, type(error).__name__)
        finally:
            self._content = b""
            self.done.set()

    def _take_all(self) -> None:
        found = read_conversations(self._content, prepare=self._prepare, language=self._language)
        for outcome in found:
            with self._saving:
                if self._stopped:
                    return
                if isinstance(outcome, ImportRefused):
                    self.refused.append(outcome.failure)
                else:
                    self._save(outcome)

    def _save(self, read: ReadConversation) -> None:
        self._store.import_conversation(
            owner=self._owner,
            title=read.title,
            nodes=read.nodes,
            pictures=read.pictures,
            leaf_id=read.leaf_id,
        )
        self.titles.append(read.title)
        self.missing_pictures += read.missing_pictures
