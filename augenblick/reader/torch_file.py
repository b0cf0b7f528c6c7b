"""Tensors of a file that torch wrote before version 1.6, without torch.

Such a file is a magic number, a version and a description of the machine; the tensors, each as a
view of a storage with offset, shape and strides; the names of the storages; then for each of them
the count of its numbers and the numbers, little-endian.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Tensor = NDArray[Any]

_PREFACES = 3


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor by its name; nothing but arrays is ever made. Raises `UnpicklingError`."""
    with path.open("rb") as file:
        for _ in range(_PREFACES):
            _Tensors(file).load()
        pickled = _Tensors(file)
        tensors: dict[str, Tensor] = pickled.load()
        for key in _Tensors(file).load():
            storage = pickled.storages[key]
            file.seek(8, 1)  # the count, which the description has said
            file.readinto(storage.data)
    return tensors


class _Tensors(pickle.Unpickler):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, Tensor] = {}

    def find_class(self, _module: str, name: str) -> Any:  # noqa: ANN401 - as its base has it
        if name not in _ALLOWED:
            raise pickle.UnpicklingError(f"{name} has no place in a file of tensors")
        return _ALLOWED[name]

    def persistent_load(self, pid: Sequence[Any]) -> Tensor:
        """A storage, to be filled once all tensors are there."""
        _kind, dtype, key, _device, count, _view = pid
        return self.storages.setdefault(key, np.empty(count, dtype))


def _view(
    storage: Tensor, offset: int, shape: Sequence[int], strides: Sequence[int], *_: object
) -> Tensor:
    return as_strided(storage[offset:], shape, [step * storage.itemsize for step in strides])


_ALLOWED = {
    "OrderedDict": OrderedDict,
    "_rebuild_tensor_v2": _view,
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}
