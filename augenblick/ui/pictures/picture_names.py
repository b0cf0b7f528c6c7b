"""What a stored picture is called on the page."""

from __future__ import annotations

from augenblick.core.messages import Attachment, Provenance
from augenblick.ui import i18n


def picture_name(attachment: Attachment) -> str:
    """The name of the file; of one page or part of it, with that."""
    receipt = attachment.receipt
    said = [receipt.source_name]
    if receipt.source_page is not None and (receipt.source_page_count or 1) > 1:
        said.append(i18n.t("pdf.page", number=str(receipt.source_page)))
    if receipt.tile is not None:
        said.append(tile_name(receipt))
    return " · ".join(said)


def tile_name(receipt: Provenance) -> str:
    """Name a part of a large picture, or a region that was marked on one."""
    tile = receipt.tile
    if tile is not None and tile.is_region:
        key = "pictures.region" if tile.index else "pictures.regions"
        return i18n.t(key, number=str(tile.index), count=tile.count)
    if tile is None or not tile.index:
        return i18n.t("pictures.overview")
    return i18n.t("pictures.part", number=str(tile.index), count=str(tile.count))
