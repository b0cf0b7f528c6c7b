"""`python -m bench.pictures [--check]`: photographs, ours beside plain Pillow and libvips.

Bytes in, a JPEG of at most 2048 px out. Every method runs in a process of its own, the best of
several runs counts, and peak memory is what that process grew by (Linux). Ratios are of processor
time, which a busy machine changes little; only the ten photographs in two workers are compared by
the clock. "cores" is processor time by the clock: on an idle machine how many were busy, more than
one only where a decoder has threads, as for the tiles of a HEIC. `--check` ends with 1 when a ratio
falls below 80 % of its goal.

"ours" is all of `prepare_image`: receipt, hash and thumbnail included, which the others don't make.
SSIM is on the luminance of 8 x 8 fields against plain Pillow's LANCZOS at the very same size.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from augenblick.pictures import (
    PictureLimits,
    PictureOptions,
    PicturePool,
    PictureSource,
    prepare_image,
)

RUNS = 5  # enough for the best one; each method warms up before
LONGEST_PX = 2048
LIMITS = PictureLimits(max_bytes=200 * 1024 * 1024)
PICTURES = {
    "12 MP JPEG": (4032, 3024, "JPEG"),
    "48 MP JPEG": (8064, 6048, "JPEG"),
    "24 MP PNG": (6000, 4000, "PNG"),
    "12 MP HEIC in tiles": (4032, 3024, "HEIF"),
}
GOALS = {"12 MP JPEG": 4.3, "48 MP JPEG": 5.8}
GOAL_PEAK_MB = 24.0
GOAL_TEN = 7.5
TOLERANCE = 0.8  # cores are shared


def photograph(width: int, height: int) -> Image.Image:
    """A picture with the spectrum of a photograph (every octave of detail) and a sensor's grain."""
    dice = np.random.default_rng(1)
    total = np.zeros((height, width, 3), dtype=np.float32)
    cells, weight = 4, 60.0
    while cells < width // 2:
        grid = dice.normal(0, 1, (cells * 3 // 4 + 1, cells + 1, 3)).astype(np.float32)
        for channel in range(3):
            layer = Image.fromarray(grid[..., channel])
            fitted = layer.resize((width, height), Image.Resampling.BICUBIC)
            total[..., channel] += weight * np.asarray(fitted)
        cells, weight = cells * 2, weight * 0.6
    total += dice.normal(0, 4, (height, width, 1)).astype(np.float32)
    return Image.fromarray(np.clip(total + 128, 0, 255).astype(np.uint8))


def encode(width: int, height: int, kind: str) -> bytes:
    """The file, EXIF orientation 6 where a camera would write it, a HEIC in tiles as iPhones do."""
    if kind == "HEIF":
        import pillow_heif  # noqa: PLC0415 - only this picture needs it

        pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[274] = 6
    options = {"quality": 90, "exif": exif.tobytes()} if kind != "PNG" else {"compress_level": 3}
    if kind == "HEIF":
        options["tile_size"] = 512
    buffer = io.BytesIO()
    photograph(width, height).save(buffer, kind, **options)
    return buffer.getvalue()


def naive(content: bytes, longest_px: int = LONGEST_PX) -> bytes:
    """Plain Pillow, as every tutorial has it."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    image.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def naive_like_ours(content: bytes) -> bytes:
    """Plain Pillow at the size that ours comes out at, which suits it too."""
    return naive(content, 2016)


def ours(content: bytes) -> bytes:
    """Everything that `prepare_image` does."""
    return prepare_image(content, name="x", limits=LIMITS).content


def ours_alone(content: bytes) -> bytes:
    """The same without a thumbnail."""
    options = PictureOptions(thumbnail_side_px=LONGEST_PX)
    return prepare_image(content, name="x", options=options, limits=LIMITS).content


def vips(content: bytes) -> bytes:
    """Libvips' own thumbnailer, which shrinks while loading."""
    import pyvips  # noqa: PLC0415 - not imported into the other methods' processes

    image = pyvips.Image.thumbnail_buffer(content, LONGEST_PX, height=LONGEST_PX, size="down")
    return bytes(image.jpegsave_buffer(Q=85, keep="none"))


def floor(content: bytes) -> bytes:
    """Only decoding, at half or a quarter of the size."""
    image = Image.open(io.BytesIO(content))
    image.draft(
        "RGB", (image.width * 2000 // max(image.size), image.height * 2000 // max(image.size))
    )
    image.load()
    return b""


METHODS: dict[str, Callable[[bytes], bytes]] = {
    "naive": naive,
    "naive to 2016 px": naive_like_ours,
    "ours": ours,
    "ours, no thumbnail": ours_alone,
    "pyvips": vips,
    "decoding only": floor,
}


@dataclass(frozen=True)
class Measured:
    """One method on one picture."""

    milliseconds: float
    cpu_milliseconds: float
    peak_megabytes: float
    output: bytes


def measure_here(method: str, source: Path, output: Path) -> None:
    """In a process of its own: warm up, measure, print JSON."""
    if source.suffix == ".HEIF":
        import pillow_heif  # noqa: PLC0415 - as a program that reads HEIC has to

        pillow_heif.register_heif_opener()
    content = source.read_bytes()
    prepare = METHODS[method]
    Image.preinit()
    small = io.BytesIO()
    Image.new("RGB", (64, 64)).save(small, "JPEG")
    prepare(small.getvalue())
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    output.write_bytes(prepare(content))
    peak = _status("VmHWM") - before
    times, cpu_times = [], []
    for _ in range(RUNS):
        started, cpu_started = time.perf_counter(), time.process_time()
        prepare(content)
        times.append((time.perf_counter() - started) * 1000)
        cpu_times.append((time.process_time() - cpu_started) * 1000)
    best = {"milliseconds": min(times), "cpu_milliseconds": min(cpu_times)}
    print(json.dumps({**best, "peak_megabytes": peak}))


def _status(name: str) -> float:
    line = Path("/proc/self/status").read_text().split(f"{name}:")[1]
    return int(line.split()[0]) / 1024


def measure(method: str, source: Path) -> Measured | None:
    """The method in a fresh process; None when it can't read the picture."""
    with tempfile.NamedTemporaryFile() as output:
        command = [
            sys.executable,
            "-m",
            "bench.pictures",
            "--one",
            method,
            str(source),
            output.name,
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            return None
        return Measured(**json.loads(ended.stdout), output=Path(output.name).read_bytes())


def ssim(first: bytes, second: bytes) -> float:
    """Structural similarity (Wang et al. 2004, 8 x 8 windows) of two pictures of one size."""
    x, y = (_fields(content) for content in (first, second))
    mean_x, mean_y = x.mean(axis=1), y.mean(axis=1)
    covariance = (x * y).mean(axis=1) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    bottom = (mean_x**2 + mean_y**2 + c1) * (x.var(axis=1) + y.var(axis=1) + c2)
    return float((top / bottom).mean())


def _fields(content: bytes) -> np.ndarray:
    grey = np.asarray(Image.open(io.BytesIO(content)).convert("L"), dtype=np.float64)
    rows, columns = grey.shape[0] // 8, grey.shape[1] // 8
    cut = grey[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)
    return np.asarray(cut.swapaxes(1, 2).reshape(-1, 64))


def compare(title: str, source: Path) -> list[str]:
    """Print one picture's table; the goals that were missed."""
    measured = {method: measure(method, source) for method in METHODS}
    base, mine = measured["naive"], measured["ours"]
    assert base is not None
    assert mine is not None
    print(f"\n{title}, {source.stat().st_size / 2**20:.1f} MiB")
    for method, result in measured.items():
        if result is None:
            print(f"  {method:20} cannot read it")
            continue
        likeness = f"{_likeness(source, result.output):.3f}" if result.output else "-"
        cores = result.cpu_milliseconds / result.milliseconds
        print(
            f"  {method:20}{result.milliseconds:8.1f} ms {result.cpu_milliseconds:8.1f} CPU ms"
            f" {cores:4.1f} cores {_ratio(base, result):6.2f}x {result.peak_megabytes:6.0f} MB"
            f" {len(result.output) // 1000:5d} KB  SSIM {likeness}"
        )
    return _missed(title, base, mine)


def _ratio(base: Measured, other: Measured) -> float:
    return base.cpu_milliseconds / other.cpu_milliseconds


def _likeness(source: Path, output: bytes) -> float:
    longest_px = max(Image.open(io.BytesIO(output)).size)
    return ssim(naive(source.read_bytes(), longest_px), output)


def _missed(title: str, base: Measured, mine: Measured) -> list[str]:
    if title not in GOALS:
        return []
    missed = []
    ratio = _ratio(base, mine)
    if ratio < GOALS[title] * TOLERANCE:
        missed.append(f"{title}: {ratio:.2f}x instead of {GOALS[title]}x")
    if mine.peak_megabytes > GOAL_PEAK_MB / TOLERANCE:
        missed.append(f"{title}: {mine.peak_megabytes:.0f} MB instead of {GOAL_PEAK_MB:.0f}")
    return missed


def compare_ten(source: Path) -> list[str]:
    """Ten different photographs in one question, two workers against one loop of plain Pillow."""
    content = source.read_bytes()
    files = [content + bytes([number]) for number in range(10)]  # other hashes, same pictures
    plain, threaded, mine = [], [], []
    for _ in range(3):  # in turns, so that all see the machine equally busy
        plain.append(_seconds(lambda: [naive(file) for file in files]))
        with ThreadPoolExecutor(2) as threads:
            threaded.append(_seconds(lambda: list(threads.map(naive, files))))
        mine.append(_pooled_seconds(content, files))
    ratio = min(plain) / min(mine)
    print(
        f"\nTen 12 MP JPEGs, by the clock: naive {min(plain):.2f} s, in two threads"
        f" {min(threaded):.2f} s, ours in two workers {min(mine):.2f} s: {ratio:.2f}x"
    )
    return [] if ratio >= GOAL_TEN * TOLERANCE else [f"ten: {ratio:.2f}x instead of {GOAL_TEN}x"]


def _pooled_seconds(warm: bytes, files: list[bytes]) -> float:
    with PicturePool() as pool:
        pool.start()
        pool.prepare_many([PictureSource("", warm), PictureSource("", warm + b"again")])
        sources = [PictureSource(str(number), file) for number, file in enumerate(files)]
        return _seconds(lambda: pool.prepare_many(sources))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main(*, check: bool) -> int:
    """The exit status."""
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for title, (width, height, kind) in PICTURES.items():
            source = Path(folder, f"{title}.{kind}")
            source.write_bytes(encode(width, height, kind))
            missed += compare(title, source)
            if title == "12 MP JPEG":
                missed += compare_ten(source)
    print("\n" + ("\n".join(missed) or "all goals met (80 % of each is asked for)"))
    return 1 if check and missed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure_here(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        sys.exit(main(check="--check" in sys.argv))
