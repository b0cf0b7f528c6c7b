"""The pictures that an answer holds, taken in like those of a question."""

from __future__ import annotations

import base64
import contextlib

from augenblick.chat.answer_draft import AnswerDraft
from augenblick.chat.saver import outlast_outage
from augenblick.core.errors import AugenblickError
from augenblick.core.messages import Adjustment, ImagePart
from augenblick.pictures import PictureOptions
from augenblick.pictures.variants import Prepare
from augenblick.store import Store

_MOST_PICTURES = 16  # of one answer


def keep_pictures(draft: AnswerDraft, *, store: Store, prepare: Prepare) -> None:
    """Take in the pictures of an answer, and say where one can't be shown. Never raises.

    An address is not followed: who runs the endpoint would learn who reads, and when.
    """
    addresses = list(dict.fromkeys(each for reply in draft.replies for each in reply.pictures))
    for address in addresses[:_MOST_PICTURES]:
        if not address.startswith("data:"):
            continue
        with contextlib.suppress(AugenblickError, ValueError):
            content = base64.b64decode(address.partition(",")[2])
            picture = prepare(content, name="answer", options=PictureOptions())
            part, live = ImagePart(picture.attachment), draft.live
            outlast_outage(live.cancellation, store.add_reply_picture, live.reply_id, part, picture)
            draft.pictures += (part,)
    if (unshown := len(addresses) - len(draft.pictures)) > 0:
        draft.adjustments.append(Adjustment("unshown_pictures", {"count": unshown}))
