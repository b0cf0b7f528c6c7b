"""The steps of the chat page: load, submit, settle, act."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from augenblick.chat.continuation import Continuation, settings_to_continue
from augenblick.chat.live import LiveReply, StoredReply
from augenblick.chat.sight import Sight
from augenblick.core.conversations import Conversation, Node, ReplyRecord
from augenblick.core.errors import ConversationNotFound, StoreError
from augenblick.core.handed_text import block_of
from augenblick.core.messages import Attachment, ImagePart
from augenblick.core.providers import Provider
from augenblick.core.settings import RequestSettings
from augenblick.lab.tools import without_retired
from augenblick.ui import i18n
from augenblick.ui.chat.composer import put_back
from augenblick.ui.chat.editing import begin_editing
from augenblick.ui.chat.model_choice import ModelChoice, all_choices
from augenblick.ui.chat.question_draft import Question, Revision
from augenblick.ui.chat.submit import Submission
from augenblick.ui.chat.versions import Actions, TextInstead
from augenblick.ui.experts.active_settings import sendable_settings
from augenblick.ui.experts.xray import ask_for_xray
from augenblick.ui.history.delete_with_undo import delete_message
from augenblick.ui.pictures.provenance import Sending
from augenblick.ui.pictures.sharper import find_sharper
from augenblick.ui.resources import Services
from augenblick.ui.tab_state import new_submission_id, said_on_the_page, show_in_address, tab


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

    What was not saved goes back to the person: the words to the composer, the pictures to its tray.
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
    memory.sent.stored.append(submission.draft.question.sent_id)
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
        else:
            memory.sent.stored.append(submission.draft.question.sent_id)


def _give_back(submission: Submission) -> None:
    memory = tab()
    memory.failure = submission.failure or memory.failure
    question = submission.draft.question
    put_back(submission.kept)
    memory.give_back(question.text, question.revision, question.sent_id)


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


def reload(parts: Services, choice: ModelChoice) -> tuple[Conversation | None, Actions]:
    """The open conversation as it is now, and what can be done with its messages."""
    conversation = load_open_conversation(parts)
    return conversation, actions(parts, conversation, choice)


def actions(parts: Services, conversation: Conversation | None, choice: ModelChoice) -> Actions:
    """Bind what the buttons below the messages do."""
    return Actions(
        conversation_id=conversation.id if conversation else "",
        ask_again=partial(_ask_again, parts, choice),
        others=partial(_others, parts),
        sharper=partial(_sharper, parts, conversation, choice),
        go_on=partial(_go_on, parts, choice),
        show=partial(_show, parts),
        edit=lambda question_id: begin_editing(load_open_conversation(parts), question_id),
        delete=partial(delete_message, parts),
        pick=partial(_pick, parts),
        send_results=partial(_send_results, parts, choice),
        pictures_for=partial(_pictures_for, conversation),
        is_checked=conversation is not None
        and parts.offers_evidence()
        and any(node.message.attachments for node in conversation.nodes),
        sight=partial(_sight, parts),
        look_again=partial(_look_again, parts),
        text_instead=partial(_text_instead, parts),
        sending=partial(_sending, parts, conversation, choice),
        xray=ask_for_xray if tab().is_expert else None,
    )


def _pictures_for(conversation: Conversation | None, question: Node) -> tuple[Attachment, ...]:
    """Those of the question itself, else of the last one before that had any."""
    path = conversation.path(question.id) if conversation is not None else ()
    found = (node.message.attachments for node in reversed(path) if node.message.attachments)
    return tuple(next(found, ()))


def _sight(parts: Services, record: ReplyRecord) -> Sight:
    with suppress(StoreError):
        for provider in _answered_by(parts, record):
            return parts.sight.of(provider, record.model)
    return Sight.UNKNOWN


def _look_again(parts: Services, record: ReplyRecord) -> None:
    for provider in _answered_by(parts, record):
        parts.sight.again(provider, record.model)


def _answered_by(parts: Services, record: ReplyRecord) -> Sequence[Provider]:
    """The endpoint that gave an answer; none where it is no longer there."""
    return [each for each in parts.providers() if each.name == record.provider]


def _text_instead(parts: Services, record: ReplyRecord) -> TextInstead | None:
    """Who reads pictures for the model that answered; None where nobody can."""
    if (named := parts.transcriptions) is not None:
        asked = named.transcriber
        if (asked.provider.name, asked.model) != (record.provider, record.model):
            return TextInstead(asked.party, partial(_send_text, named.read, asked.party))
    if parts.offers_evidence():
        return TextInstead("", partial(_send_text, partial(_read_here, parts), ""))
    return None


def _read_here(parts: Services, pictures: Sequence[Attachment]) -> list[str] | None:
    """What the built-in reader reads in each picture; None where one could not be read."""
    texts = parts.checking.read_now([picture.sha256 for picture in pictures])
    if any(picture.sha256 not in texts for picture in pictures):
        return None
    return [
        "\n".join(" ".join(cell.text for cell in row) for row in texts[picture.sha256].rows or ())
        for picture in pictures
    ]


def _send_text(
    read: Callable[[Sequence[Attachment]], list[str] | None], party: str, question: Node
) -> str:
    """Ask a question anew; the words that are handed over stand in it."""
    texts = read(question.message.attachments)
    if texts is None:
        return "sight.unread"
    found = [block_of(text, party=party) for text in texts if text]
    if not found:
        return "sight.no_text"
    key = "sight.text_by" if party else "sight.text_of"
    said = i18n.t(key, count=len(found), party=party)
    asked = "\n\n".join((question.message.text, said, *found))
    parts = enumerate(question.message.parts)
    pictures = frozenset(at for at, part in parts if isinstance(part, ImagePart))
    revision = Revision(question.id, question.parent_id, (), pictures)
    tab().asked.append(Question(new_submission_id(), asked, revision=revision))
    return ""


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


def _others(parts: Services, record: ReplyRecord) -> list[ModelChoice]:
    """Who could be asked instead of the model that gave an answer."""
    asked = record.provider, record.model
    return [
        each for each in all_choices(parts) if each.model and (each.provider, each.model) != asked
    ]


def _sharper(
    parts: Services, conversation: Conversation | None, choice: ModelChoice, question: Node
) -> Callable[[], None] | None:
    """Ask with more of the one picture that has more; of several each says so by itself."""
    if conversation is None:
        return None
    acts = [
        find_sharper(question, place, parts=parts, conversation=conversation, choice=choice).act
        for place in range(len(question.message.parts))
    ]
    found = [act for act in acts if act is not None]
    return found[0] if len(found) == 1 else None


def _ask_again(
    parts: Services, chosen: ModelChoice, answer_id: str, other: ModelChoice | None = None
) -> None:
    choice = other or chosen
    with said_on_the_page():
        if (answer := _load_answer(parts, answer_id)) is not None:
            settings = sendable_settings(choice.model)
            _answer_again(parts, answer, choice.provider, settings)


def _go_on(parts: Services, choice: ModelChoice, answer_id: str) -> None:
    with said_on_the_page():
        answer = _load_answer(parts, answer_id)
        if answer is not None and answer.reply is not None:
            settings = settings_to_continue(answer.reply, sendable_settings(choice.model))
            instruction = i18n.t("answer.go_on_instruction")
            continuation = Continuation.of_text(answer.reply, instruction)
            _answer_again(parts, answer, choice.provider, settings, continuation)


def _load_answer(parts: Services, answer_id: str) -> Node | None:
    """Read an answer as it is now; None where its conversation is gone."""
    conversation = load_open_conversation(parts)
    nodes = conversation.nodes if conversation is not None else ()
    return next((node for node in nodes if node.id == answer_id), None)


def _answer_again(
    parts: Services,
    answer: Node,
    provider: str,
    settings: RequestSettings,
    continuation: Continuation | None = None,
) -> None:
    parts.answering.ask_again(
        tab().conversation_id or "",
        answer.parent_id or "",
        owner=parts.owner(),
        submission_id=new_submission_id(),
        provider=parts.provider(provider),
        settings=settings,
        continuation=continuation,
    )


def _pick(parts: Services, answer_id: str, choice_index: int) -> None:
    with said_on_the_page():
        parts.store.pick_choice(answer_id, choice_index, owner=parts.owner())


def _send_results(
    parts: Services, choice: ModelChoice, answer_id: str, results: Mapping[str, str]
) -> None:
    """Have the model that called go on, with the tools it was given."""
    with said_on_the_page():
        answer = _load_answer(parts, answer_id)
        if answer is None or (record := answer.reply) is None:
            return
        continuation = Continuation.of_calls(record, results)
        if record.settings is not None:
            provider, settings = record.provider, without_retired(record.settings)
        else:
            provider, settings = choice.provider, sendable_settings(choice.model)
        _answer_again(parts, answer, provider, settings, continuation)


def _show(parts: Services, answer_id: str) -> None:
    with said_on_the_page():
        conversation = load_open_conversation(parts)
        if conversation is None:
            return
        leaf_id = conversation.newest_below(answer_id)
        parts.store.show_leaf(conversation.id, leaf_id, owner=parts.owner())
