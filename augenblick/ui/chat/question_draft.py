"""The values of a question on its way: as a person asked it, and with all that sending it needs."""

from __future__ import annotations

from dataclasses import dataclass

from augenblick.core.messages import Detail, ImagePart, PreparedPicture
from augenblick.core.settings import RequestSettings
from augenblick.pictures import PictureSource

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
    def known_pictures(self) -> tuple[ImagePart, ...]:
        """Pictures that the store has already, from the question that this one changes."""
        return self.revision.pictures if self.revision else ()

    @property
    def picture_count(self) -> int:
        """How many there are to look at, should all uploads turn out to be pictures."""
        return len(self.uploads) + len(self.pictures) + len(self.known_pictures)

    @property
    def likeness(self) -> Likeness:
        """What a second click has in common with the first: text, and names and sizes of files."""
        files = [(upload.name, len(upload.content)) for upload in self.uploads]
        ready = [(each.attachment.sha256, len(each.content)) for each in self.pictures]
        return self.text, (*files, *ready)


@dataclass(frozen=True, slots=True)
class Draft:
    """A question with everything that is needed to save and send it."""

    question: Question
    owner: str
    conversation_id: str | None
    parent_id: str | None
    text_if_empty: str  # asked when there are pictures but no words
    provider: str
    settings: RequestSettings
    detail: Detail = Detail.AUTO  # how closely the model shall look at the new pictures
    is_temporary: bool = False  # for a new conversation: kept in memory only
