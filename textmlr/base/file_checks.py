"""Checks of the values and tensors of a model's file; ModelFileError says what is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from os import PathLike
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import ModelFileError

AGAIN = "copy the file again, or train the model again"

T = TypeVar("T")
Path = str | PathLike[str]


def expect(condition: bool, path: Path, problem: str) -> None:
    """Raise ModelFileError unless the condition holds."""
    if not condition:
        refuse_file(path, problem)


def take(values: Mapping[str, Any], key: str, kind: type[T], path: Path) -> T:
    """values[key], which must exist and be of this kind (bool is no int)."""
    value = values.get(key)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        refuse_file(path, f"{key!r} is missing or not of type {kind.__name__}")
    return value


def tensor(
    tensors: Mapping[str, NDArray[Any]],
    name: str,
    dtype: Any,
    shape: tuple[int | None, ...],
    path: Path,
) -> NDArray[Any]:
    """tensors[name], which must have this dtype and shape; None is any length."""
    array = tensors.get(name)
    if array is None:
        refuse_file(path, f"tensor {name!r} is missing")
    fits = len(array.shape) == len(shape) and all(
        wanted in (None, size) for wanted, size in zip(shape, array.shape, strict=True)
    )
    if array.dtype != dtype or not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        refuse_file(
            path,
            f"tensor {name!r} is {array.dtype} of shape {array.shape}, "
            f"not {np.dtype(dtype)} of ({wanted})",
        )
    return array


def check_blob(blob: NDArray[np.uint8], offsets: NDArray[np.int64], path: Path, what: str) -> None:
    """Check that offsets cut the whole blob into UTF-8 strings, one after the other."""
    ascending = len(offsets) > 0 and bool((offsets[1:] >= offsets[:-1]).all())
    expect(
        ascending and offsets[0] == 0 and offsets[-1] == len(blob),
        path,
        f"the offsets of the {what} are out of range",
    )
    try:
        str(blob.data, "utf-8")
    except UnicodeDecodeError:
        refuse_file(path, f"the {what} are not UTF-8")
    starts = offsets[:-1][offsets[:-1] < len(blob)]
    # No string begins in the middle of a character: the whole is UTF-8, so each part is.
    expect(bool(((blob[starts] & 0xC0) != 0x80).all()), path, f"the {what} are cut wrongly")


def refuse_file(path: Path, problem: str, mend: str = AGAIN) -> NoReturn:
    """Raise the ModelFileError of a problem."""
    raise ModelFileError(problem, place=os.fspath(path), mend=mend)
