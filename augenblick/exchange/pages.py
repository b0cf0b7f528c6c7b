"""HTML pages that stand alone: no script, nothing from elsewhere, pictures inside.

One page is the export, the shared link and its preview. It shows questions, pictures and the
text of the answers; no reasoning, no instructions to the model, no names of files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from augenblick.core.conversations import Conversation, Node, ReplyRecord
from augenblick.core.language import Language
from augenblick.core.messages import Attachment, ReplyEnd, Role
from augenblick.endpoint.payload import DataUris
from augenblick.endpoint.reply import end_of_choice
from augenblick.exchange.answers import answer_html, plain_html
from augenblick.exchange.page_values import Outline, PageValues, ValuesOf
from augenblick.pictures import picture_format

LoadBytes = Callable[[str], bytes]

_PICTURE_BYTES = 48_000_000  # of full pictures in one page; the ones after that are small

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A picture on the page; without `uri` its `alt` is shown in its place."""

    uri: str
    alt: str
    width_px: int
    height_px: int
    outlines: Sequence[Outline] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A question or an answer as a page, and Markdown, shows it."""

    node_id: str
    heading: str
    text: str  # of an answer Markdown
    attachments: Sequence[Attachment]
    is_answer: bool = False
    note: str = ""
    origin: str = ""  # model and time of an answer


def entries(path: Iterable[Node], language: Language) -> Iterator[Entry]:
    """What is shown of a path: questions, and of answers what a model said or why it refused."""
    for node in path:
        record = node.reply
        if node.message.role is Role.USER:
            heading = language.text("document.question")
            yield Entry(node.id, heading, node.message.text, node.message.attachments)
        elif node.message.role is Role.ASSISTANT:
            yield Entry(
                node.id,
                language.text("document.answer"),
                text=node.message.text or (record.picked.refusal if record else ""),
                attachments=[part.attachment for part in record.pictures] if record else (),
                is_answer=True,
                note=_note(record, language) if record else "",
                origin=_origin(node, language),
            )


def share_page(
    conversation: Conversation,
    *,
    leaf_id: str | None,
    language: Language,
    load_content: LoadBytes,
    load_thumbnail: LoadBytes | None = None,
    max_picture_bytes: int = _PICTURE_BYTES,
    values_of: ValuesOf | None = None,
    is_framed: bool = False,
) -> str:
    """The HTML of the path that ends at a leaf (None: the shown path).

    Pictures beyond `max_picture_bytes` are taken from `load_thumbnail`, or left out without it.
    One whose bytes are gone (KeyError) leaves a note. With `values_of` the values of answers are
    marked, and outlined in the pictures; where the page `is_framed` by another, which its links
    would lead to, they are marked only.
    """
    path = conversation.path(leaf_id)
    values = PageValues(path, values_of, language, has_links=not is_framed)
    pictures = _Pictures(language, load_content, load_thumbnail, max_picture_bytes, values)
    drawn = (
        (
            entry,
            tuple(map(pictures.picture, entry.attachments)),
            answer_html(entry.text, values.marks(entry.node_id))
            if entry.is_answer
            else plain_html(entry.text),
            values.line(entry.node_id),
        )
        for entry in entries(path, language)
    )
    return _templates.get_template("conversation.html").render(
        language_code=language.code,
        title=title_of(conversation, language),
        summary=summary_of(path, language),
        drawn=drawn,
        made_with=language.text("document.made", when=moment(datetime.now(UTC), language)),
    )


def notice_page(
    title: str, *sentences: str, language: Language, button: str = "", home: str = ""
) -> str:
    """A page with a few sentences.

    With `button`, one that posts to its own address; with `home`, a link to the start page there.
    """
    return _templates.get_template("notice.html").render(
        language_code=language.code,
        title=title,
        sentences=sentences,
        button=button,
        home=home,
        home_words=language.text("document.home"),
    )


def camera_page(language: Language, *, ended: Iterable[str]) -> str:
    """The page with which a phone sends photos to where it was opened; it has a script of its own.

    `ended` are the keys of what it says once nobody takes them: a title and sentences.
    """
    title, *sentences = (language.text(key) for key in ended)
    return _templates.get_template("camera.html").render(
        language_code=language.code,
        title=language.text("phone.page.title"),
        explained=language.text("phone.page.explained"),
        take=language.text("phone.page.take"),
        choose=language.text("phone.page.choose"),
        photos=language.text("phone.page.photos"),
        again=language.text("phone.page.again"),
        said={
            "sending": language.text("phone.page.sending"),
            "arrived": language.text("phone.page.arrived"),
            "cut": language.text("phone.page.cut"),
        },
        ended_title=title,
        ended_sentences=sentences,
    )


def title_of(conversation: Conversation, language: Language) -> str:
    """The title, or a word for none."""
    return conversation.title.strip() or language.text("document.untitled")


def summary_of(path: tuple[Node, ...], language: Language) -> str:
    """When it was, and how many questions and pictures there are."""
    questions = sum(node.message.role is Role.USER for node in path)
    pictures = sum(len(node.message.attachments) for node in path)
    parts = [language.text("document.questions", count=questions)]
    if pictures:
        parts.append(language.text("document.pictures", count=pictures))
    if path:
        parts.insert(0, moment(path[0].created_at, language))
    return " · ".join(parts)


def moment(when: datetime, language: Language) -> str:
    """Date and time where the reader is, as far as that is known; else with the zone's name."""
    if language.zone is None:
        return f"{language.moment(when.astimezone(UTC))} UTC"
    return language.moment(when.astimezone(language.zone))


def _note(record: ReplyRecord, language: Language) -> str:
    """What was called on the way, and how an answer ended, unless it is complete."""
    return " ".join(filter(None, (_called(record, language), _ending(record, language))))


def _called(record: ReplyRecord, language: Language) -> str:
    counts = Counter(call.name for done in record.rounds for call in done.calls)
    names = (f"{name} ({count})" if count > 1 else name for name, count in counts.items())
    return language.text("document.called", names=", ".join(names)) + "." if counts else ""


def _ending(record: ReplyRecord, language: Language) -> str:
    failure = record.failure
    if failure is not None and language.has(f"error.{failure.code}.title"):
        return language.text(f"error.{failure.code}.title", **failure.params)
    if record.end is None:
        return language.text("document.being_written")
    end = end_of_choice(record.picked, record.end) if record.is_several else record.end
    key = f"end.{end}"
    return language.text(key) if end is not ReplyEnd.COMPLETE and language.has(key) else ""


def _origin(node: Node, language: Language) -> str:
    """Model and time of an answer, and of how many it is the picked one."""
    model = node.reply.model if node.reply else ""
    one_of = ""
    if node.reply is not None and node.reply.is_several:
        one_of = language.text("document.one_of", count=len(node.reply.choices))
    return " · ".join(filter(None, (model, moment(node.created_at, language), one_of)))


class _Pictures:
    """The pictures of one page, full ones while there is room."""

    def __init__(
        self,
        language: Language,
        load_content: LoadBytes,
        load_thumbnail: LoadBytes | None,
        max_bytes: int,
        values: PageValues,
    ) -> None:
        self._language = language
        self._load_content = load_content
        self._load_thumbnail = load_thumbnail
        self._bytes_left = max_bytes
        self._uris = DataUris(load_content, max_bytes=0)
        self._count = 0
        self._values = values

    def picture(self, attachment: Attachment) -> PagePicture:
        """The picture, in its place among those of the page."""
        self._count += 1
        try:
            uri = self._uri(attachment)
        except KeyError:
            uri = ""
        key = "document.picture" if uri else "document.picture_missing"
        alt = self._language.text(key, number=self._count)
        outlines = self._values.outlines(attachment.sha256) if uri else ()
        return PagePicture(uri, alt, attachment.width_px, attachment.height_px, outlines)

    def _uri(self, attachment: Attachment) -> str:
        if attachment.byte_count <= self._bytes_left:
            self._bytes_left -= attachment.byte_count
            return self._uris.add(attachment, self._load_content(attachment.sha256))
        if self._load_thumbnail is None:
            raise KeyError(attachment.sha256)
        small = self._load_thumbnail(attachment.sha256)
        kind = "image/png" if picture_format(small) == "PNG" else "image/jpeg"
        return self._uris.add(replace(attachment, media_type=kind), small)
