"""Chunk: some documents of a file, as every format gives them; ScanRequest asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.errors import InputError
from textmlr.base.option_mentions import mention
from textmlr.corpus.batch import Batch
from textmlr.corpus.byte_streams import Invalid
from textmlr.corpus.label_rule import LabelRule, used
from textmlr.corpus.label_sets import LabelSets, Targets, as_sets
from textmlr.corpus.reading_kinds import character
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.taken_columns import Taken

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLES = 5  # bad rows that are described
CHUNK_BYTES = 1 << 22  # bytes of text at a time, unless all of it is needed at once
SKIP = f"or pass {mention('skip_bad_lines', True)}"


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """A request to the reader of a file.

    options      how the file is read
    labelled     documents must have labels
    chunk_bytes  of the file or its text, about, to a chunk; None: all of a file at once
    tables       Chunk.table will be asked for: read every column
    live         take what is there, cut at line ends; wait for nothing more
    usual        what a model was trained on: a column that is not named is one of these, if the
                 file has it
    nulls        rows whose text is null are documents too: see Chunk.missing
    features     the types of a Hugging Face data set's columns, where its folder says them
    lists        fields of labels hold lists, as the first of them in the file show
    """

    options: ReadingOptions
    labelled: bool = True
    chunk_bytes: int | None = CHUNK_BYTES
    tables: bool = False
    live: bool = False
    usual: tuple[Taken, ...] = ()
    nulls: bool = False
    features: Mapping[str, Any] | None = None
    lists: bool = False

    def rule(self, label: str | None = None) -> LabelRule:
        """How labels are taken;  label  the name of their column, None if it has none."""
        own = self.options
        separator = None if own.label_separator is None else character(own.label_separator)
        if separator is None:
            found = (one.separator for one in self.usual if one.label == label)
            separator = next((one for one in found if one is not None), None)
            # Of labels that stand elsewhere than in training: what stood between them there.
            ways = {one.separator for one in self.usual}
            separator = ways.pop() if separator is None and len(ways) == 1 else separator
        return LabelRule(own.multilabel, separator, self.lists)

    @property
    def columns_rule(self) -> LabelRule:
        """How labels are taken of columns that have one each: as sets, unless that is refused."""
        return LabelRule(self.options.multilabel is not False)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Documents that follow one another in a file.

    name      of the file, for messages
    first     number of the first of them in the file, from 1: its line, or its row of a table
    batch     their text
    labels    their labels: (codes (n,) int32 or sets of them, the distinct names); None if none
              were asked for
    weights   (n,) float32, None if none were asked for
    skipped   bad rows left out before, among and after them
    examples  what is wrong with the first few of these
    several   documents with several labels, of which the first was taken
    form      how its documents are written, in words
    invalid   the first bytes of the file that are no UTF-8, if they are within these
    told      sentences on how lines were read, a line each; the first in a file are told
    header    the first line looks like column names, and was read as a document
    taken     what the file is, and which of its columns were read
    missing   (n,) bool, documents whose text is null, and empty here; None: there are none
    unlabelled  rows that no annotator has labelled, left out among them
    firsts    (n,) int32, the code of each document's first label, −1 if it has none: where labels
              are sets unless no document of the corpus has several; else None
    """

    name: str
    first: int
    batch: Batch
    labels: tuple[Targets, list[str]] | None
    weights: NDArray[np.float32] | None
    make_table: Callable[[], Any] = field(repr=False)
    skipped: int = 0
    examples: list[str] = field(default_factory=list)
    several: int = 0
    form: str = "documents with text and label"
    header: bool = False
    told: str = ""
    invalid: Invalid | None = None
    taken: Taken | None = None
    missing: NDArray[np.bool_] | None = None
    unlabelled: int = 0
    firsts: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def has_several(self) -> bool:
        """Whether a document has several labels."""
        y = None if self.labels is None else self.labels[0]
        return isinstance(y, LabelSets) and bool((y.sizes > 1).any())

    def settled(self, multilabel: bool) -> Chunk:
        """The same documents with sets, or with the first label of each, if they have one."""
        if self.labels is None:
            return self
        y, names = self.labels
        if multilabel:
            return replace(self, labels=(as_sets(y), names), firsts=None)
        if not isinstance(y, LabelSets):
            return self
        assert self.firsts is not None
        good = self.firsts >= 0
        own, names = used(self.firsts[good], names)
        several = self.several + int((y.sizes > 1).sum())
        chunk = replace(self, labels=(own, names), firsts=None, several=several)
        return chunk if good.all() else chunk._filtered(good)

    def _filtered(self, good: NDArray[np.bool_]) -> Chunk:
        """Some of the documents; the others are unlabelled.  Labels are those of the former."""
        rows = np.flatnonzero(good)
        return replace(
            self,
            first=self.first + (int(good.argmax()) if len(rows) else 0),
            batch=Batch(
                self.batch.text, frozen(self.batch.starts[rows]), frozen(self.batch.stops[rows])
            ),
            weights=None if self.weights is None else self.weights[rows],
            missing=None if self.missing is None else self.missing[rows],
            make_table=lambda: self.table.take(rows),
            unlabelled=self.unlabelled + len(good) - len(rows),
        )

    @cached_property
    def table(self) -> pa.RecordBatch:
        """The file's own columns, row for row with batch.  A format without columns gives label,
        weight, text or path, as far as it has them."""
        return self.make_table()


def settled(chunks: list[Chunk]) -> list[Chunk]:
    """All chunks of a corpus: with label sets, where that is undecided, if a document has several
    labels; else without."""
    if all(chunk.firsts is None for chunk in chunks):
        return chunks
    several = any(chunk.has_several for chunk in chunks)
    return [chunk.settled(several) for chunk in chunks]


def check_bad(bad: NDArray[np.int64], error: Callable[[int], InputError], skip: bool) -> list[str]:
    """Refuse a chunk's first bad row, or describe the first few.

    bad    (b,) int64   rows, ascending
    error  gives the error of one of them
    """
    if len(bad) and not skip:
        raise error(int(bad[0]))
    errors = [error(row) for row in bad[:EXAMPLES].tolist()]
    return [str(InputError(one.problem, place=one.place, line=one.line)) for one in errors]
