"""The tree of messages, compared with a plain model of it over generated histories."""

from __future__ import annotations

import tempfile
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from augenblick.core.conversations import Conversation
from augenblick.core.messages import ReplyEnd
from augenblick.store import Store
from augenblick.store.store_values import OpenedReply
from tests.raising import raises
from tests.store.values import a_question, a_record, words

TEXTS = st.text(max_size=30)
PICKS = st.integers(0, 10_000)


class Histories(RuleBasedStateMachine):
    """Asks, answers, asks again and goes back, on a real file and on a model beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(f"sqlite:///{self.folder.name}/store.db")
        self.submissions = count()
        self.parents: dict[str, str | None] = {}  # in order of creation
        self.texts: dict[str, str] = {}
        self.ends: dict[str, ReplyEnd | None] = {}
        self.leaf_id = ""
        first = self.store.save_question(a_question("first"))
        self.conversation_id = first.conversation_id
        self.note_question(first, None, "first")

    def teardown(self) -> None:
        """Close what was opened."""
        self.store.close()
        self.folder.cleanup()

    @property
    def live_id(self) -> str | None:
        """The reply that is open in the model."""
        return next((node_id for node_id, end in self.ends.items() if end is None), None)

    @property
    def questions(self) -> list[str]:
        """The nodes of the model that are questions."""
        return [node_id for node_id in self.parents if node_id not in self.ends]

    def note_question(self, opened: OpenedReply, parent_id: str | None, text: str) -> None:
        """A question and its answer enter the model."""
        self.parents[opened.question_id] = parent_id
        self.texts[opened.question_id] = text
        self.note_answer(opened)

    def note_answer(self, opened: OpenedReply) -> None:
        """An open answer enters the model."""
        assert opened.is_new
        self.parents[opened.reply_id] = opened.question_id
        self.texts[opened.reply_id] = ""
        self.ends[opened.reply_id] = None
        self.leaf_id = opened.reply_id

    @rule(pick=PICKS, text=TEXTS)
    def ask(self, pick: int, text: str) -> None:
        """Ask below any node or at the root; refused while an answer is open."""
        places = [None, *self.parents]
        parent_id = places[pick % len(places)]
        question = a_question(text, conversation_id=self.conversation_id, parent_id=parent_id)
        if self.live_id:
            with raises("reply_in_progress"):
                self.store.save_question(question)
            return
        opened = self.store.save_question(question)
        self.note_question(opened, parent_id, text.replace("\x00", "\ufffd"))

    @rule(pick=PICKS)
    def ask_again(self, pick: int) -> None:
        """Open another answer to any question; refused while one is open."""
        question_id = self.questions[pick % len(self.questions)]
        if self.live_id:
            with raises("reply_in_progress"):
                self.open_reply(question_id)
            return
        self.note_answer(self.open_reply(question_id))

    def open_reply(self, question_id: str) -> OpenedReply:
        """Another answer to a question."""
        return self.store.open_reply(
            owner="me",
            submission_id=f"{self.conversation_id} {next(self.submissions)}",
            conversation_id=self.conversation_id,
            question_id=question_id,
            provider="reader",
            model="look",
        )

    @rule(text=TEXTS)
    def say(self, text: str) -> None:
        """The open answer goes on; any other takes nothing."""
        node_id = self.live_id or self.leaf_id
        self.store.append([words(node_id, text)])
        if self.live_id:
            self.texts[node_id] += text

    @rule(text=TEXTS, end=st.sampled_from(ReplyEnd), pick=PICKS)
    def end_one(self, text: str, end: ReplyEnd, pick: int) -> None:
        """Any answer is ended; only the open one takes it."""
        node_id = list(self.ends)[pick % len(self.ends)]
        self.store.finish_reply(node_id, a_record(text, end))
        if node_id == self.live_id:
            self.texts[node_id], self.ends[node_id] = text, end

    @rule(pick=PICKS)
    def show(self, pick: int) -> None:
        """Any node can become the end of the shown path."""
        self.leaf_id = list(self.parents)[pick % len(self.parents)]
        self.store.show_leaf(self.conversation_id, self.leaf_id, owner="me")

    @invariant()
    def both_are_the_same(self) -> None:
        """The stored conversation is the model: order, parents, texts, ends and the shown path."""
        found = self.store.load_conversation(self.conversation_id)
        assert {node.id: node.parent_id for node in found.nodes} == self.parents
        assert [node.id for node in found.nodes] == list(self.parents)
        assert {node.id: node.message.text for node in found.nodes} == self.texts
        assert {node.id: node.reply.end for node in found.nodes if node.reply} == self.ends
        assert [node.id for node in found.path()] == self.path()
        self.siblings_are_alternatives(found)

    def path(self) -> list[str]:
        """The shown path of the model."""
        found: list[str] = []
        current: str | None = self.leaf_id
        while current is not None:
            found.append(current)
            current = self.parents[current]
        return found[::-1]

    def siblings_are_alternatives(self, found: Conversation) -> None:
        """Every answer of a question is an alternative to the others, in order."""
        for node in found.nodes:
            if node.reply:
                alike = [i for i, parent in self.parents.items() if parent == node.parent_id]
                answers = [node_id for node_id in alike if node_id in self.ends]
                assert [other.id for other in found.siblings(node)] == answers


def test_the_tree_is_what_was_done_to_it() -> None:
    """Whatever order people ask, ask again and go back in, the store shows exactly that."""
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=25, stateful_step_count=20, deadline=None)
    )
