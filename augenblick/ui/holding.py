"""What a tab keeps of the files that were given to it, and how it takes over more of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from augenblick.images import PictureSource
from augenblick.messages import PreparedPicture
from augenblick.ui.pdf_pages import OpenPdf
from augenblick.ui.submission import Submission
from augenblick.web.holdings import Holdings

if TYPE_CHECKING:
    from augenblick.ui.state import Tab

HOLDINGS = Holdings()  # of this process


def take_in(memory: Tab, sources: Sequence[PictureSource], keep: Callable[[], None]) -> None:
    """Call `keep`, which has the tab keep these files. Raises as `Holdings.take`."""
    HOLDINGS.take(memory, [source.content for source in sources], keep)


def files_of(memory: Tab) -> Iterator[bytes]:
    """Every file a tab keeps. Its lists are copied, for other threads may change them."""
    yield from _of_pictures(list(memory.drafts))
    yield from _of_sources(list(memory.to_prepare))
    yield from _of_pdfs(list(memory.pdfs))
    for question in list(memory.asked):
        yield from _of_sources(question.uploads)
    for waiting in list(memory.waiting):
        yield from _of_sources(waiting.question.uploads)
        yield from _of_pdfs(list(waiting.pdfs.values()))
    for submission in [memory.submission, *list(memory.left)]:
        if submission is not None:
            yield from _of_submission(submission)
    if memory.import_job is not None:
        yield memory.import_job.content


def _of_submission(submission: Submission) -> Iterator[bytes]:
    yield from _of_sources(submission.draft.uploads)
    yield from _of_pictures(submission.draft.pictures)
    yield from _of_pictures(submission.kept)


def _of_pdfs(pdfs: Iterable[OpenPdf]) -> Iterator[bytes]:
    for pdf in pdfs:
        yield pdf.source.content
        yield from (thumbnail.content for thumbnail in list(pdf.thumbnails.values()))


def _of_sources(sources: Iterable[PictureSource]) -> Iterator[bytes]:
    return (source.content for source in sources)


def _of_pictures(pictures: Iterable[PreparedPicture]) -> Iterator[bytes]:
    for picture in pictures:
        yield picture.content
        yield picture.thumbnail
