"""`python -m bench.reading`: what reading a page costs beside one pass of the engine's own.

CPU time of all threads as a ratio in one run, for pages of 6 and 12 lines, upright and lying on
their side; the median of five. The goal is at most 1.1.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from rapidocr import RapidOCR

from augenblick.reader.ocr import Pixels, TextReader

_ROUNDS = 5
_SETTINGS = {
    "Global.log_level": "critical",
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "Rec.rec_batch_num": 1,
}


def main() -> None:
    """Print a table."""
    engine, reader = RapidOCR(params=_SETTINGS), TextReader()
    reader.warm_up()
    print("| lines | lies at | engine CPU s | ours CPU s | ours : engine |")
    print("| --- | --- | --- | --- | --- |")
    for count in (6, 12):
        for degrees in (0, 90):
            pixels = _page(count, degrees)
            engine(pixels)
            both = [
                (_cost(engine, pixels), _cost(_reading(reader), pixels)) for _ in range(_ROUNDS)
            ]
            ratio = median(ours / theirs for theirs, ours in both)
            theirs, ours = (median(each) for each in zip(*both, strict=True))
            print(f"| {count} | {degrees} | {theirs:.2f} | {ours:.2f} | {ratio:.2f} |")
    reader.close()


def _reading(reader: TextReader) -> Callable[[Pixels], object]:
    return lambda pixels: list(reader.read(reader.find(pixels)))


def _cost(read: Callable[[Pixels], object], pixels: Pixels) -> float:
    began = time.process_time()
    read(pixels)
    return time.process_time() - began


def _page(count: int, degrees: int) -> Pixels:
    """Lines on paper, a little tilted and blurred."""
    image = Image.new("RGB", (1900, 60 * count + 80), "white")
    draw, face = ImageDraw.Draw(image), ImageFont.truetype("LiberationSans-Regular.ttf", 30)
    for number in range(count):
        line = f"{number + 11} Brote und die Ware in {number + 3} Tagen an die angegebene Anschrift"
        draw.text((60, 40 + 60 * number), line, "black", face)
    image = image.rotate(0.7, resample=Image.Resampling.BICUBIC, fillcolor="white")
    image = image.filter(ImageFilter.GaussianBlur(0.6)).rotate(degrees, expand=True)
    return np.asarray(image)


if __name__ == "__main__":
    main()
