"""`python -m augenblick.pictures.face_process`: finds faces in pictures from stdin until it ends.

Like `worker_process`, with the same arguments and limits. A process of its own, for the network and
what runs it take 120 MB, which only those need who look for faces.
"""

from __future__ import annotations

import sys

from augenblick.core.errors import ImageError
from augenblick.pictures import worker_protocol
from augenblick.pictures.faces import FaceFinder
from augenblick.pictures.worker_process import serve


def main() -> None:
    """Serve until the pool closes its end."""
    finder = FaceFinder()

    def answer(
        _header: worker_protocol.Header, content: bytes
    ) -> tuple[worker_protocol.Header, list[bytes]]:
        try:
            return worker_protocol.faces_answer(finder.find(content))
        except ImageError as error:
            return worker_protocol.refusal(error)

    serve(answer, memory_limit_bytes=int(sys.argv[1]), alarm_seconds=int(sys.argv[2]))


if __name__ == "__main__":
    main()
