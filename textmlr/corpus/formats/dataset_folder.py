"""Folders of data sets of Hugging Face's: those that save_to_disk writes, and those of the hub.

    save_to_disk     state.json, which names data-*.arrow, and dataset_info.json
    of several parts dataset_dict.json, which names the splits, each a folder as above
    of the hub       data/train-00000-of-00002.parquet, or such files in the folder itself

Of several splits train is read; FOLDER/test names another.  The library is not needed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from textmlr.base.errors import FormatError
from textmlr.corpus.chunks import Chunk, ScanRequest
from textmlr.corpus.formats.detection import reader_of
from textmlr.corpus.refusals import refusals
from textmlr.corpus.sources import opened
from textmlr.corpus.taken_columns import Taken

SHAPE = "a Hugging Face data set"
_STATE, _INFO, _DICT = "state.json", "dataset_info.json", "dataset_dict.json"
_TRAIN = "train"
_SPLIT = re.compile(
    r"([A-Za-z][A-Za-z0-9_.]*?)(?:-\d{5}-of-\d{5}(?:-[0-9a-f]+)?)?\.(?:parquet|arrow)"
)
_USUAL = {"train", "test", "validation", "valid", "dev", "eval", "unsupervised"}
_MOST_FORMS = 100
_MOST_INFO = 1 << 26  # bytes of a file that describes a data set


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    """The files of a data set, or of one of its splits.

    split     that they are, None if there are no splits
    others    splits that are left
    features  the types of its columns as datasets writes them, None if only the files say them
    """

    files: list[str]
    split: str | None = None
    others: tuple[str, ...] = ()
    features: dict[str, Any] | None = None

    @property
    def shape(self) -> str:
        """What it is, in words."""
        if self.split is None:
            return SHAPE
        left = f"; {', '.join(self.others)} left" if self.others else ""
        return f"{SHAPE} (split {self.split}{left})"


def dataset_in(path: str) -> DatasetFolder | None:
    """The data set in a folder; None for another folder.

    path  FOLDER/SPLIT may name a split of the files in FOLDER
    Raises InputError for one that is not whole, or whose split is not plain.
    """
    if not os.path.isdir(path):
        parent, name = os.path.split(path)
        splits = _splits_in(parent) if parent and os.path.isdir(parent) else {}
        return DatasetFolder(splits[name], name) if name in splits else None
    if os.path.isfile(os.path.join(path, _DICT)):
        return _of_dict(path)
    if os.path.isfile(os.path.join(path, _STATE)):
        return _saved(path)
    splits = _splits_in(path)
    forms = [] if splits else _configurations(path)
    if len(forms) > 1:
        raise FormatError(
            f"{SHAPE} of several configurations: {', '.join(forms)}",
            place=path,
            mend=f"name one of them, as {os.path.join(path, forms[0])}",
        )
    if forms:
        return dataset_in(os.path.join(path, forms[0]))
    if not splits:
        return None
    split = _chosen(path, list(splits))
    return DatasetFolder(splits[split], split, tuple(one for one in splits if one != split))


def chunks(found: DatasetFolder, request: ScanRequest) -> Iterator[Chunk]:
    """The rows of a data set's files."""
    own = replace(request, features=found.features)
    limited = request.options.compression_limit
    for file in found.files:
        with opened(file, limited=limited) as stream:
            for chunk in reader_of(stream, own)(stream, own):
                taken = chunk.taken or Taken(found.shape)
                yield replace(chunk, taken=replace(taken, shape=found.shape))


def _of_dict(path: str) -> DatasetFolder:
    """The split of a folder of splits that is read."""
    splits = _read(path, _DICT).get("splits")
    if not isinstance(splits, list) or not all(isinstance(one, str) for one in splits):
        raise _broken(path, _DICT, "names no splits")
    split = _chosen(path, splits)
    found = _saved(os.path.join(path, split))
    return replace(found, split=split, others=tuple(one for one in splits if one != split))


def _chosen(path: str, splits: list[str]) -> str:
    if _TRAIN in splits:
        return _TRAIN
    if len(splits) == 1:
        return splits[0]
    raise FormatError(
        f"{SHAPE} of the splits {', '.join(splits)}, none of which is train",
        place=path,
        mend=f"name one of them, as {os.path.join(path, splits[0])}" if splits else "save it again",
    )


def _saved(path: str) -> DatasetFolder:
    """What save_to_disk wrote."""
    state = _read(path, _STATE)
    files = state.get("_data_files")
    if not isinstance(files, list) or not files:
        raise _broken(path, _STATE, "names no files")
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise FormatError(
            f"{SHAPE} whose rows are chosen by a list of indices beside it",
            place=path,
            mend="save dataset.flatten_indices()",
        )
    names = [one.get("filename") if isinstance(one, dict) else one for one in files]
    if not all(isinstance(one, str) and os.path.basename(one) == one for one in names):
        raise _broken(path, _STATE, "names files that are not in the folder")
    features = None
    if os.path.isfile(os.path.join(path, _INFO)):
        features = _read(path, _INFO).get("features")
    own = features if isinstance(features, dict) else None
    return DatasetFolder([os.path.join(path, str(one)) for one in names], features=own)


def _splits_in(path: str) -> dict[str, list[str]]:
    """The files of each split in a folder as the hub has it, or in its folder data; or in a folder
    for each split."""
    for folder in (path, os.path.join(path, "data")):
        splits: dict[str, list[str]] = {}
        for name in _names(folder):
            found = _SPLIT.fullmatch(name)
            if found and (found[1] in _USUAL or "-of-" in name):
                splits.setdefault(found[1], []).append(os.path.join(folder, name))
        if splits:
            return splits
    return {
        name: [os.path.join(path, name, one) for one in inner]
        for name in _names(path)
        if name in _USUAL and (inner := _names(os.path.join(path, name)))
        if all(one.endswith(".parquet") for one in inner)
    }


def _configurations(path: str) -> list[str]:
    """The folders in a folder that hold splits each: a data set in several forms."""
    names = _names(path)
    if len(names) > _MOST_FORMS:
        return []
    return [name for name in names if _splits_in(os.path.join(path, name))]


def _names(folder: str) -> list[str]:
    """The names in a folder, sorted, without hidden ones; none if it is no folder."""
    if not os.path.isdir(folder):
        return []
    with refusals(folder):
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def _read(path: str, name: str) -> dict[str, Any]:
    """A file that describes a data set."""
    file = os.path.join(path, name)
    with refusals(file), open(file, "rb") as stream:
        content = stream.read(_MOST_INFO)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise _broken(path, name, "is not JSON") from None
    if not isinstance(found, dict):
        raise _broken(path, name, "holds no object")
    return found


def _broken(path: str, name: str, problem: str) -> FormatError:
    return FormatError(
        f"it {problem}", place=os.path.join(path, name), mend="save the data set again"
    )
