"""fastText's own model files, .bin and .ftz: read, and verified, into their parts.

Layout, little-endian, without alignment: magic and version (int32); the options (12 int32, one
float64); the dictionary (numbers of entries, words and labels, int32; of words read, int64; pruned
buckets, int64, −1 for none; then for each entry its bytes, a 0, its count, int64, and its kind,
int8; then each pruned bucket and its row, int32); the input matrix; the output matrix.  A matrix
is whole (rows and columns, int64; float32) or quantised.

Source: src/fasttext.cc, args.cc, dictionary.cc, densematrix.cc, quantmatrix.cc and
productquantizer.cc of fastText 0.9.2.
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
from dataclasses import dataclass
from os import PathLike
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import ModelFileError
from textmlr.base.magic_bytes import FASTTEXT, is_model_file
from textmlr.features.fasttext_dictionary import FastTextDictionary
from textmlr.model.fasttext.fasttext_parts import Loss
from textmlr.model.fasttext.product_codes import CODES, ProductCodes

VERSIONS = (11, 12)
LOSS_OF: dict[int, Loss] = {1: "hs", 2: "ns", 3: "softmax", 4: "ova"}
MODEL_OF = {1: "cbow", 2: "skipgram", 3: "supervised"}
MOST_LENGTH = 1000  # words or characters of an n-gram
MOST_COLUMNS = 1 << 20
_ENTRY = struct.Struct("<qb")
_AGAIN = "copy the file again"

Matrix = NDArray[np.float32] | ProductCodes


@dataclass(frozen=True, slots=True, eq=False)
class FastTextFile:
    """A supervised fastText model.

    version  of the file
    loss     "softmax", "hs", "ova" or "ns"
    dictionary   its words and buckets
    labels, counts   names with their prefix, and how often each occurs in the training corpus
    lines    of the training corpus, None where the dictionary does not say
    input    (V, H), output  (L, H)
    """

    version: int
    loss: Loss
    dictionary: FastTextDictionary
    labels: list[bytes]
    counts: list[int]
    lines: int | None
    input: Matrix
    output: Matrix


def read_file(path: str | PathLike[str]) -> FastTextFile:
    """Read a model file of fastText.

    Raises ModelFileError if it is none, not whole, or not of a supervised model.
    """
    name = os.fspath(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ModelFileError("is not a file", place=name, mend="name a model of fastText")
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                _refuse_kind(name)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(data, name).file()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelFileError(reason, place=name, mend="check the path") from None
    except ModelFileError:
        raise
    except ValueError as error:  # a NUL in the path
        raise ModelFileError(str(error), place=name, mend="check the path") from None


def _refuse_kind(name: str) -> NoReturn:
    if is_model_file(name):
        raise ModelFileError("is a model of textmlr already", place=name, mend="use it as it is")
    mend = "name a file that fastText's save_model wrote (.bin or .ftz)"
    raise ModelFileError("is not a model of fastText", place=name, mend=mend)


@dataclass(slots=True, eq=False)
class _Options:
    """The options that answers depend on."""

    columns: int
    ngrams: int
    loss: Loss
    buckets: int
    least: int
    most: int


class _Reader:
    """Reads from the file's beginning; each part is checked before it is taken."""

    def __init__(self, data: mmap.mmap, name: str) -> None:
        self._data, self._name, self._at = data, name, 0

    def file(self) -> FastTextFile:
        if self._data[:4] != FASTTEXT:
            _refuse_kind(self._name)
        self._at = 4
        (version,) = self._numbers("<i")
        if version not in VERSIONS:
            known = f"textmlr reads versions {VERSIONS[0]} and {VERSIONS[1]}"
            mend = "save it by fastText 0.9"
            self._refuse(f"is of fastText's format version {version}, and {known}", mend)
        options = self._options(version)
        dictionary, names, counts = self._dictionary(options)
        quantised = self._flag("whether its input is quantised")
        if dictionary.kept is not None and not quantised:
            self._refuse("is pruned but not quantised", "save it by fastText 0.9")
        input = self._matrix(quantised, options.columns, "input")
        rows = dictionary.rows
        if len(input) < rows:
            self._refuse(f"has {len(input):,} rows of input, and needs {rows:,}")
        output = self._matrix(
            self._flag("whether its output is quantised") and quantised, options.columns, "output"
        )
        labels = names[dictionary.words :]
        if len(output) != len(labels):
            self._refuse(f"has {len(output):,} rows of output for {len(labels):,} labels")
        if self._at != len(self._data):
            self._refuse(f"has {len(self._data) - self._at:,} bytes too many")
        return FastTextFile(
            version,
            options.loss,
            dictionary,
            labels,
            counts[dictionary.words :],
            counts[dictionary.end] if dictionary.end >= 0 else None,
            input[:rows],  # without buckets that are not in use
            output,
        )

    def _refuse(self, problem: str, mend: str = _AGAIN) -> NoReturn:
        raise ModelFileError(problem, place=self._name, mend=mend)

    def _numbers(self, layout: str) -> tuple[Any, ...]:
        size = struct.calcsize(layout)
        if self._at + size > len(self._data):
            self._refuse("is cut short")
        found = struct.unpack_from(layout, self._data, self._at)
        self._at += size
        return found

    def _flag(self, what: str) -> bool:
        (own,) = self._numbers("<B")
        if own > 1:
            self._refuse(f"does not say {what}")
        return bool(own)

    def _array(self, size: int, dtype: Any) -> NDArray[Any]:
        """A copy of so many numbers, which the file must hold."""
        width = np.dtype(dtype).itemsize
        if size < 0 or size * width > len(self._data) - self._at:
            self._refuse("is cut short")
        with memoryview(self._data) as view:
            own = np.empty(size, dtype)
            own.view(np.uint8)[:] = view[self._at : self._at + size * width]
        self._at += size * width
        return own

    def _options(self, version: int) -> _Options:
        numbers = self._numbers("<12id")
        columns, _, _, _, _, ngrams, loss, model, buckets, least, most = numbers[:11]
        if model not in MODEL_OF or loss not in LOSS_OF:
            self._refuse("is of no kind that fastText knows")
        if MODEL_OF[model] != "supervised":
            self._refuse(
                f"holds word vectors ({MODEL_OF[model]}), and no classifier",
                "import a model of fasttext supervised",
            )
        most = 0 if version == 11 or most < max(least, 1) else most
        own = _Options(columns, max(ngrams, 1), LOSS_OF[loss], buckets, least, most)
        if not 1 <= columns <= MOST_COLUMNS:
            self._refuse(f"has {columns:,} hidden units")
        for what, length in (("words", own.ngrams), ("characters", own.most)):
            if length > MOST_LENGTH:
                self._refuse(f"has n-grams of {length:,} {what}")
        if (own.ngrams > 1 or own.most) and buckets < 1:
            self._refuse(f"has n-grams, and {buckets:,} buckets for them")
        return own

    def _dictionary(self, options: _Options) -> tuple[FastTextDictionary, list[bytes], list[int]]:
        """(the dictionary, the names of all entries, their counts)."""
        entries, words, labels, _, pruned = self._numbers("<iiiqq")
        left = len(self._data) - self._at
        if min(words, labels) < 0 or words + labels != entries or entries * 10 > left:
            self._refuse("has impossible numbers of words and labels")
        names, counts = [], []
        for entry in range(entries):
            stop = self._data.find(b"\0", self._at)
            if stop < 0:
                self._refuse("is cut short")
            names.append(self._data[self._at : stop])
            self._at = stop + 1
            count, kind = self._numbers(_ENTRY.format)
            if kind != (entry >= words) or count < 0:
                self._refuse("has words and labels in disorder")
            counts.append(count)
        kept = None if pruned < 0 else self._kept(pruned, options)
        bounds = np.zeros(entries + 1, np.int64)
        bounds[1:] = np.cumsum([len(name) for name in names])
        blob = np.frombuffer(b"".join(names), np.uint8)
        own = FastTextDictionary(
            blob, bounds, words, options.ngrams, options.least, options.most, options.buckets, kept
        )
        return own, names, counts

    def _kept(self, pruned: int, options: _Options) -> NDArray[np.int32]:
        """The bucket of each row that was kept."""
        pairs = self._array(2 * pruned, np.int32).reshape(pruned, 2)
        kept = np.full(pruned, -1, np.int32)
        inside = (pairs[:, 1] >= 0) & (pairs[:, 1] < pruned)
        kept[pairs[inside, 1]] = pairs[inside, 0]
        fine = inside.all() and bool(((kept >= 0) & (kept < max(options.buckets, 1))).all())
        if not fine or len(np.unique(kept)) != pruned:
            self._refuse("has pruned buckets in disorder")
        return kept

    def _matrix(self, quantised: bool, columns: int, what: str) -> Matrix:
        if quantised:
            return self._codes(columns, what)
        rows, own = self._numbers("<qq")
        self._check_shape(rows, own, columns, what)
        return self._array(rows * own, np.float32).reshape(rows, own)

    def _check_shape(self, rows: int, own: int, columns: int, what: str) -> None:
        if own != columns or rows < 0:
            self._refuse(f"has an {what} matrix of {rows:,} × {own:,} for {columns:,} units")

    def _codes(self, columns: int, what: str) -> ProductCodes:
        has_norms = self._flag("whether it has norms")
        rows, own, size = self._numbers("<qqi")
        self._check_shape(rows, own, columns, what)
        if size < 0 or size != rows * (size // max(rows, 1)):
            self._refuse(f"has {size:,} codes for {rows:,} rows")
        codes = self._array(size, np.uint8)
        width, centroids = self._centroids(columns)
        if size != rows * -(-columns // width):
            self._refuse(f"has {size:,} codes for {rows:,} rows")
        norm_codes, norms = np.zeros(0, np.uint8), np.zeros(0, np.float32)
        if has_norms:
            norm_codes = self._array(rows, np.uint8)
            _, norms = self._centroids(1)
        found = ProductCodes(codes.reshape(rows, -1), centroids, width, columns, norm_codes, norms)
        if (problem := found.too_large(len(self._data))) is not None:
            self._refuse(problem, "quantise it with a smaller -dsub")
        return found

    def _centroids(self, columns: int) -> tuple[int, NDArray[np.float32]]:
        """(columns of a stretch, centroids)."""
        own, stretches, width, last = self._numbers("<4i")
        fits = own == columns and 1 <= width <= columns
        if not fits or stretches != -(-columns // width) or last != (columns - 1) % width + 1:
            self._refuse("is quantised in an impossible way")
        return width, self._array(CODES * columns, np.float32)
