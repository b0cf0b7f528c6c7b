"""The steps of the chat page: load, submit, settle, act."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from augenblick.conversations import Conversation
from augenblick.errors import AugenblickError, ConversationNotFound
from augenblick.following import LiveReply, StoredReply
from augenblick.payload import RequestSettings
from augenblick.ui import words
from augenblick.ui.answer import Actions
from augenblick.ui.choice import ModelChoice
from augenblick.ui.resources import Services
from augenblick.ui.state import new_submission_id, show_in_address, tab
from augenblick.ui.submission import Submission


def load_open_conversation(parts: Services) -> Conversation | None:
    """Load what this tab has open. One that is gone closes, with a notice. Raises StoreError."""
    memory = tab()
    if memory.conversation_id is None:
        return None
    try:
        return parts.store.load_conversation(memory.conversation_id)
    except ConversationNotFound as error:
        memory.failure = error.failure
        memory.conversation_id = None
        show_in_address(None)
        return None


def settle_submission(submission: Submission) -> bool:
    """Take over how a submission ended; returns whether a reply was opened.

    What was not saved goes back to the person: the words to the input, the pictures beside it.
    """
    memory = tab()
    with memory.lock:
        if memory.submission is not submission:
            return submission.opened is not None  # another run of this tab was here first
        memory.submission = None
    memory.refused = submission.refused
    if submission.opened is None:
        _give_back(submission)
        return False
    memory.failure = submission.failure or memory.failure
    memory.conversation_id = submission.opened.conversation_id
    show_in_address(memory.conversation_id)
    return True


def settle_left() -> None:
    """Give back what could not be saved after the person had gone to another conversation."""
    memory = tab()
    for submission in [left for left in memory.left if left.done.is_set()]:
        memory.left.remove(submission)
        if submission.opened is None:
            memory.refused = submission.refused
            _give_back(submission)


def _give_back(submission: Submission) -> None:
    memory = tab()
    memory.failure = submission.failure or memory.failure
    memory.give_back(submission.draft.text)
    memory.drafts += submission.kept


def find_live(parts: Services, conversation: Conversation | None) -> LiveReply | StoredReply | None:
    """Return the reply that is being written in this conversation."""
    if conversation is None or conversation.live_node is None:
        return None
    return parts.answering.find(conversation.id, conversation.live_node.id)


def actions(parts: Services, conversation: Conversation | None, choice: ModelChoice) -> Actions:
    """Bind what the buttons below an answer do."""
    return Actions(
        ask_again=partial(_ask_again, parts, conversation, choice),
        go_on=partial(_go_on, parts, conversation, choice),
        show=partial(_show, parts, conversation),
    )


def _ask_again(
    parts: Services, conversation: Conversation | None, choice: ModelChoice, answer_id: str
) -> None:
    if conversation is None:
        return
    answer = next(node for node in conversation.nodes if node.id == answer_id)
    with _said_on_the_page():
        parts.answering.ask_again(
            conversation.id,
            answer.parent_id or "",
            submission_id=new_submission_id(),
            provider=parts.provider(choice.provider),
            settings=RequestSettings(model=choice.model),
        )


def _go_on(
    parts: Services, conversation: Conversation | None, choice: ModelChoice, answer_id: str
) -> None:
    if conversation is None:
        return
    with _said_on_the_page():
        parts.answering.continue_answer(
            conversation.id,
            answer_id,
            submission_id=new_submission_id(),
            provider=parts.provider(choice.provider),
            settings=RequestSettings(model=choice.model),
            instruction=words.say("answer.go_on_instruction"),
        )


@contextmanager
def _said_on_the_page() -> Iterator[None]:
    """Turn an error of a button's act into a notice on the page."""
    memory = tab()
    memory.failure = None
    try:
        yield
    except AugenblickError as error:
        memory.failure = error.failure


def _show(parts: Services, conversation: Conversation | None, answer_id: str) -> None:
    if conversation is None:
        return
    with _said_on_the_page():
        parts.store.show_leaf(conversation.id, _newest_below(conversation, answer_id))


def _newest_below(conversation: Conversation, node_id: str) -> str:
    """Return the end of the newest path that goes through a node."""
    current = node_id
    while children := [node.id for node in conversation.nodes if node.parent_id == current]:
        current = children[-1]
    return current
