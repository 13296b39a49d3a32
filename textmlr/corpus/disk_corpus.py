"""A corpus on disk: its text is read some documents at a time, wherever it is asked for.

The files of a folder: ``text`` holds the documents one after the other, ``lengths`` the bytes of
each (int64), ``labels`` their codes (int32), ``weights`` their weights (float32) if they have any.
Where documents have label sets, ``labels`` holds the codes of all, and ``set_sizes`` how many each
has (int32).
They are read, not mapped: pages of a map count as memory of this process, and a file that is cut
short under a map kills it.  The writer gives a sum of each file (``Sum``); a later reader compares
it, and knows whether the file is as it was written.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from itertools import accumulate
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.errors import InputError
from textmlr.corpus.batch import Batch
from textmlr.corpus.chunks import Chunk
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import LabelSets, Targets, joined_targets
from textmlr.corpus.notes import ReadingNotes
from textmlr.corpus.taken_columns import Taken
from textmlr.kernels import text_spans

FILES = ("text", "lengths", "labels", "weights")
MOST_AT_ONCE = 1 << 30  # bytes that the system is asked for
FEW = 16  # documents of a segment that are read one by one
_DTYPES = {
    "lengths": np.int64,
    "labels": np.int32,
    "set_sizes": np.int32,
    "weights": np.float32,
    "ends": np.int64,
}
Json = dict[str, Any]
Sum = tuple[int, int]  # the bytes of a file, and their CRC-32
NOTHING: Sum = (0, 0)


def extended(so_far: Sum, array: NDArray[Any]) -> Sum:
    """The sum of a file, with an array at its end."""
    return so_far[0] + array.nbytes, zlib.crc32(_bytes_of(array), so_far[1])


def sum_of(path: str) -> Sum:
    """The sum of a file on disk.  Raises OSError where it cannot be read, or is no file."""
    found, buffer = NOTHING, np.empty(1 << 20, np.uint8)
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would block
        raise OSError(22, "is not a file")
    with open(path, "rb", buffering=0) as file:
        while got := file.readinto(buffer.data):
            found = extended(found, buffer[:got])
    return found


def read_exactly(path: str, begin: int, size: int) -> NDArray[np.uint8]:
    """Bytes of a file from one byte on, (size,) uint8.  Raises InputError where there are fewer, or
    it cannot be read."""
    out = np.empty(size, np.uint8)
    done = 0
    with _readable(path), open(path, "rb", buffering=0) as file:
        file.seek(begin)
        while done < size and (got := file.readinto(out.data[done : done + MOST_AT_ONCE])):
            done += got
    if done < size:
        raise InputError(
            f"{size - done} bytes are missing from byte {begin + done} on",
            place=path,
            mend="something cut it short; train again, without --resume",
        )
    return out


def whole(folder: str, name: str, size: int) -> NDArray[Any]:
    """All of a file of numbers."""
    dtype = np.dtype(_DTYPES[name])
    return read_exactly(os.path.join(folder, name), 0, size * dtype.itemsize).view(dtype)


def write_all(file: BinaryIO, array: NDArray[Any]) -> None:
    """Write an array's bytes; an unbuffered file takes fewer at a time."""
    view = _bytes_of(array)
    while len(view):
        view = view[file.write(view) :]


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return memoryview(array.view(np.uint8).data) if array.size else memoryview(b"")


def changed(path: str) -> InputError:
    """The error of a file that has changed since this process wrote or verified it."""
    return InputError(
        "is not as it was written: something has changed it meanwhile",
        place=path,
        mend="train again with --resume, which makes it again",
    )


@contextmanager
def _readable(path: str) -> Iterator[None]:
    """Turn errors of the system into InputErrors."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot be read: {(error.strerror or str(error)).lower()}",
            place=path,
            mend="train again, without --resume",
        ) from error


class CorpusWriter:
    """Writes the documents of chunks to the files of a folder, in order.

    sums  of each file, by name
    """

    def __init__(self, folder: str, *, weighted: bool) -> None:
        self._folder = folder
        self._codes: dict[str, int] = {}
        self._segments: list[tuple[int, int, int]] = []  # bytes, documents, file
        self._targets: list[Targets] = []  # as much memory as their file takes when it is read
        self._undecided = False  # whether they are single labels if no document has several
        self._notes = ReadingNotes()
        with ExitStack() as stack:
            names = FILES if weighted else FILES[:-1]
            self._files = {
                name: stack.enter_context(open(os.path.join(folder, name), "wb")) for name in names
            }
            self._stack = stack.pop_all()
        self.sums = dict.fromkeys(self._files, NOTHING)

    def add(self, chunk: Chunk, file: int) -> None:
        """Write a chunk of the file of that number."""
        assert chunk.labels is not None
        self._notes.add(chunk)
        batch, (y, names) = chunk.batch, chunk.labels
        self._undecided |= chunk.firsts is not None
        if not len(batch):
            return
        lengths = batch.stops - batch.starts
        text = np.empty(int(lengths.sum()), np.uint8)
        text_spans.gather(frozen(batch.text), frozen(batch.starts), frozen(batch.stops), text)
        own = np.array([self._codes.setdefault(name, len(self._codes)) for name in names], np.int32)
        self._write("text", text)
        self._write("lengths", lengths)
        self._targets.append(y.recoded(own) if isinstance(y, LabelSets) else own[y])
        if chunk.weights is not None:
            self._write("weights", np.ascontiguousarray(chunk.weights))
        self._segments.append((text.size, len(batch), file))

    def finish(self, names: list[str]) -> Json:
        """End the files, and return the header that ``restore`` needs besides (JSON).

        Raises InputError where there is no document.
        """
        y = self._settled(joined_targets(self._targets))
        self._notes.check_documents(names)
        if isinstance(y, LabelSets):
            self._write_sizes(y.sizes.astype(np.int32))
        self._write("labels", y.codes if isinstance(y, LabelSets) else y)
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        self._stack.close()
        return {
            "labels": list(self._codes),
            "segments": self._segments,
            "names": names,
            "skipped": self._notes.skipped,
            "skipped_examples": self._notes.skipped_examples,
            "notes": self._notes.notes,
            "taken": [asdict(one) for one in self._notes.taken],
            "weighted": "weights" in self._files,
            "codes": len(y.codes) if isinstance(y, LabelSets) else None,
        }

    def _write_sizes(self, sizes: NDArray[np.int32]) -> None:
        with open(os.path.join(self._folder, "set_sizes"), "wb") as file:
            write_all(file, sizes)
            file.flush()
            os.fsync(file.fileno())
        self.sums["set_sizes"] = extended(NOTHING, sizes)

    def _settled(self, y: Targets) -> Targets:
        """The labels; where nobody has asked for sets, and no document has several labels, those of
        the documents that have one."""
        if not self._undecided or not isinstance(y, LabelSets):
            return y
        if (y.sizes > 1).any():
            self._notes.chose_sets(y)
            return y
        lost = int((y.sizes == 0).sum())
        if lost:
            self._notes.leave_out(lost)
            self._keep(y.sizes > 0)
        return y.codes

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        """Leave other documents out of the files: what stays moves towards their beginning."""
        for name, stream in self._files.items():
            stream.flush()
            stream.seek(0)
            self.sums[name] = NOTHING
        stored = StoredBatches(
            self._folder, [s[0] for s in self._segments], [s[1] for s in self._segments]
        )
        segments = []
        for number, (_, documents, file) in enumerate(self._segments):
            first = stored.at[number]
            rows = np.flatnonzero(kept[first : first + documents])
            own = stored[number].compact(rows)
            if "weights" in self._files:
                path = os.path.join(self._folder, "weights")
                weights = read_exactly(path, 4 * first, 4 * documents).view(np.float32)
                self._write("weights", weights[rows])
            self._write("text", own.text)
            self._write("lengths", own.stops - own.starts)
            segments.append((own.text.size, len(rows), file))
        self._segments = [one for one in segments if one[1]]
        for stream in self._files.values():
            stream.truncate()

    def close(self) -> None:
        """Close the files as they are."""
        self._stack.close()

    def _write(self, name: str, array: NDArray[Any]) -> None:
        write_all(self._files[name], array)
        self.sums[name] = extended(self.sums[name], array)


def restore(folder: str, header: Json) -> Corpus:
    """The corpus that a CorpusWriter has finished."""
    segments = [tuple(segment) for segment in header["segments"]]
    batches = StoredBatches(folder, [s[0] for s in segments], [s[1] for s in segments])
    labels = sorted(header["labels"])
    rank = {label: code for code, label in enumerate(labels)}
    ranks = np.array([rank[label] for label in header["labels"]], np.int32)
    weights = whole(folder, "weights", int(batches.at[-1])) if header["weighted"] else None
    return Corpus(
        batches=batches,
        y=_labels_in(folder, header["codes"], ranks, int(batches.at[-1])),
        labels=labels,
        weights=weights,
        names=header["names"],
        skipped=header["skipped"],
        skipped_examples=header["skipped_examples"],
        file_of=[s[2] for s in segments],
        notes=header["notes"],
        taken=[_taken(one) for one in header["taken"]],
    )


def _taken(one: Json) -> Taken:
    lists = {name: tuple(one[name]) for name in ("left", "label_columns")}
    return Taken(**one | lists)


def _labels_in(folder: str, codes: int | None, ranks: NDArray[np.int32], documents: int) -> Targets:
    """The labels of documents as codes into sorted ones.

    codes  how many there are in all sets, None if each document has one;  ranks  (L,) their places
    """
    if codes is None:
        y: NDArray[np.int32] = ranks[whole(folder, "labels", documents)]
        return y
    offsets = np.zeros(documents + 1, np.int64)
    np.cumsum(whole(folder, "set_sizes", documents), out=offsets[1:])
    return LabelSets(offsets, whole(folder, "labels", codes)).recoded(ranks)


class StoredBatches(Sequence[Batch]):
    """The documents on disk as batches, each read anew whenever it is asked for.

    sizes      bytes of text of each
    documents  of each
    at         (k + 1,) number of the first document of each, and of all
    """

    def __init__(self, folder: str, sizes: list[int], documents: list[int]) -> None:
        self.sizes, self.documents = sizes, documents
        self.at = list(accumulate(documents, initial=0))
        self._begins = list(accumulate(sizes, initial=0))
        self._text, self._lengths = (os.path.join(folder, name) for name in ("text", "lengths"))

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, number: int) -> Batch:  # type: ignore[override]
        """A batch."""
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        number %= len(self)
        text = read_exactly(self._text, self._begins[number], self.sizes[number])
        stops = np.cumsum(self._lengths_of(number))
        return Batch(frozen(text), np.concatenate([np.zeros(1, np.int64), stops[:-1]]), stops)

    def take(self, number: int, rows: NDArray[np.int64]) -> Batch:
        """Some documents (numbers, ascending) of a batch."""
        if len(rows) > FEW:
            return self[number].compact(rows)
        lengths = self._lengths_of(number)
        begins = np.cumsum(lengths) - lengths + self._begins[number]
        parts = [
            read_exactly(self._text, int(begins[row]), int(lengths[row])) for row in rows.tolist()
        ]
        stops = np.cumsum(lengths[rows])
        return Batch(
            frozen(np.concatenate([np.empty(0, np.uint8), *parts])), stops - lengths[rows], stops
        )

    def _lengths_of(self, number: int) -> NDArray[np.int64]:
        size = self.documents[number]
        lengths = read_exactly(self._lengths, 8 * self.at[number], 8 * size).view(np.int64)
        # Kernels read the text by them, and check nothing.
        if lengths.min(initial=0) < 0 or int(lengths.sum()) != self.sizes[number]:
            raise changed(self._lengths)
        return lengths
