"""The bytes in what a tab keeps of the files that were given to it, and how it takes over more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from augenblick.core.messages import PreparedPicture
from augenblick.pictures import PictureSource
from augenblick.ui.chat.submit import Submission
from augenblick.web.tray_tabs import TrayTab
from augenblick.web.upload_memory import UploadMemory, UploadTab

UPLOAD_MEMORY = UploadMemory[TrayTab]()  # of this process


def take_in(tab: UploadTab, sources: Sequence[PictureSource], keep: Callable[[], None]) -> None:
    """Call `keep`, which has a tab keep these files. Raises as `UploadMemory.take`."""
    UPLOAD_MEMORY.take(tab, [source.content for source in sources], keep)


def of_submission(submission: Submission) -> Iterator[bytes]:
    """What a question on its way keeps."""
    yield from of_sources(submission.draft.question.uploads)
    yield from of_pictures(submission.draft.question.pictures)
    yield from of_pictures(submission.kept)


def of_sources(sources: Iterable[PictureSource]) -> Iterator[bytes]:
    """Files as they were given."""
    return (source.content for source in sources)


def of_pictures(pictures: Iterable[PreparedPicture]) -> Iterator[bytes]:
    """Prepared pictures."""
    for picture in pictures:
        yield picture.content
        yield picture.thumbnail
