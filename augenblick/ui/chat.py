"""The steps of the chat page: load, submit, settle, act."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from augenblick.conversations import Conversation, Node
from augenblick.errors import ConversationNotFound
from augenblick.following import LiveReply, StoredReply
from augenblick.ui import words
from augenblick.ui.alternatives import Actions
from augenblick.ui.choice import ModelChoice
from augenblick.ui.deleting import ask_whether_to_delete
from augenblick.ui.editing import begin_editing
from augenblick.ui.experts.chosen import sendable_settings
from augenblick.ui.experts.xray import ask_for_xray
from augenblick.ui.receipt import Sending
from augenblick.ui.resources import Services
from augenblick.ui.sharper import find_sharper
from augenblick.ui.state import new_submission_id, said_on_the_page, show_in_address, tab
from augenblick.ui.submission import Submission


def load_open_conversation(parts: Services) -> Conversation | None:
    """Load what this tab has open. One that is gone closes, with a notice. Raises StoreError."""
    memory = tab()
    if memory.conversation_id is None:
        return None
    try:
        return parts.store.load_conversation(memory.conversation_id, owner=parts.owner())
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
    if memory.conversation_id is None:
        memory.begun_id = submission.opened.conversation_id
    memory.conversation_id = submission.opened.conversation_id
    memory.is_temporary = False
    memory.deleted = None
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
    memory.give_back_asked(submission.draft.text, submission.draft.revision)
    memory.drafts += submission.kept


def path_to_draw(conversation: Conversation, submission: Submission | None) -> tuple[Node, ...]:
    """Return the shown path; where a question is on its way, the path down to its place.

    That question is drawn beside it, whether or not it had been saved when the conversation was
    read.
    """
    if submission is None:
        return conversation.path()
    parent_id = submission.draft.parent_id
    return conversation.path(parent_id) if parent_id else ()


def find_live(parts: Services, conversation: Conversation | None) -> LiveReply | StoredReply | None:
    """Return the reply that is being written in this conversation."""
    if conversation is None or conversation.live_node is None:
        return None
    live = conversation.live_node
    choice_count = len(live.reply.choices) if live.reply is not None else 1
    return parts.answering.find(
        conversation.id, live.id, owner=parts.owner(), choice_count=choice_count
    )


def actions(parts: Services, conversation: Conversation | None, choice: ModelChoice) -> Actions:
    """Bind what the buttons below the messages do."""
    return Actions(
        ask_again=partial(_ask_again, parts, conversation, choice),
        go_on=partial(_go_on, parts, conversation, choice),
        show=partial(_show, parts, conversation),
        edit=partial(begin_editing, conversation),
        delete=ask_whether_to_delete,
        pick=partial(_pick, parts),
        send_results=partial(_send_results, parts, conversation, choice),
        sending=partial(_sending, parts, conversation, choice),
        xray=ask_for_xray if tab().is_expert else None,
    )


def _sending(
    parts: Services, conversation: Conversation | None, choice: ModelChoice, question: Node
) -> Sending:
    """What the receipts of a question's pictures say about its request."""
    if conversation is None:
        return Sending(choice.model)
    answers = [node.reply for node in conversation.path() if node.parent_id == question.id]
    reply = answers[0] if answers else None
    see_more = partial(
        find_sharper, question, parts=parts, conversation=conversation, choice=choice
    )
    return Sending(reply.model if reply else choice.model, reply, see_more)


def _ask_again(
    parts: Services, conversation: Conversation | None, choice: ModelChoice, answer_id: str
) -> None:
    if conversation is None:
        return
    answer = next(node for node in conversation.nodes if node.id == answer_id)
    with said_on_the_page():
        parts.answering.ask_again(
            conversation.id,
            answer.parent_id or "",
            owner=parts.owner(),
            submission_id=new_submission_id(),
            provider=parts.provider(choice.provider),
            settings=sendable_settings(choice.model),
        )


def _go_on(
    parts: Services, conversation: Conversation | None, choice: ModelChoice, answer_id: str
) -> None:
    if conversation is None:
        return
    with said_on_the_page():
        parts.answering.continue_answer(
            conversation.id,
            answer_id,
            owner=parts.owner(),
            submission_id=new_submission_id(),
            provider=parts.provider(choice.provider),
            settings=sendable_settings(choice.model),
            instruction=words.say("answer.go_on_instruction"),
        )


def _pick(parts: Services, answer_id: str, choice_index: int) -> None:
    with said_on_the_page():
        parts.store.pick_choice(answer_id, choice_index, owner=parts.owner())


def _send_results(
    parts: Services,
    conversation: Conversation | None,
    choice: ModelChoice,
    answer_id: str,
    results: Mapping[str, str],
) -> None:
    """Have the model that called go on, with the tools it was given."""
    if conversation is None:
        return
    record = next(node.reply for node in conversation.nodes if node.id == answer_id)
    settings = record.settings if record is not None else None
    with said_on_the_page():
        parts.answering.send_results(
            conversation.id,
            answer_id,
            owner=parts.owner(),
            submission_id=new_submission_id(),
            provider=parts.provider(record.provider if record and settings else choice.provider),
            settings=settings or sendable_settings(choice.model),
            results=results,
        )


def _show(parts: Services, conversation: Conversation | None, answer_id: str) -> None:
    if conversation is None:
        return
    with said_on_the_page():
        leaf_id = conversation.newest_below(answer_id)
        parts.store.show_leaf(conversation.id, leaf_id, owner=parts.owner())
