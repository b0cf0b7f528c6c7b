"""The bytes in what a tab keeps of the files that were given to it, and how it takes over more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from augenblick.images import PictureSource
from augenblick.messages import PreparedPicture
from augenblick.ui.pdf_pages import OpenPdf
from augenblick.ui.submission import Submission
from augenblick.web.holdings import Holder, Holdings

HOLDINGS = Holdings()  # of this process


def take_in(holder: Holder, sources: Sequence[PictureSource], keep: Callable[[], None]) -> None:
    """Call `keep`, which has a tab keep these files. Raises as `Holdings.take`."""
    HOLDINGS.take(holder, [source.content for source in sources], keep)


def of_submission(submission: Submission) -> Iterator[bytes]:
    """What a question on its way keeps."""
    yield from of_sources(submission.draft.uploads)
    yield from of_pictures(submission.draft.pictures)
    yield from of_pictures(submission.kept)


def of_pdfs(pdfs: Iterable[OpenPdf]) -> Iterator[bytes]:
    """Open PDFs, with the small pictures of their pages."""
    for pdf in pdfs:
        yield pdf.source.content
        yield from (thumbnail.content for thumbnail in list(pdf.thumbnails.values()))


def of_sources(sources: Iterable[PictureSource]) -> Iterator[bytes]:
    """Files as they were given."""
    return (source.content for source in sources)


def of_pictures(pictures: Iterable[PreparedPicture]) -> Iterator[bytes]:
    """Prepared pictures."""
    for picture in pictures:
        yield picture.content
        yield picture.thumbnail
