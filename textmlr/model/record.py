"""A model's record: how it was made, as its file says it.

Parts and keys may be absent, as in files of older versions; a field is then None, or () where it is
a list of parts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import asdict, field, fields, replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError, ModelFileError
from textmlr.base.training_options import TrainingOptions
from textmlr.base.version import __version__
from textmlr.corpus.taken_columns import Taken
from textmlr.model.calibration_record import CalibrationRecord, ThresholdsRecord
from textmlr.model.import_record import ImportRecord
from textmlr.model.record_schema import (
    ANYTHING,
    COUNTS,
    FLAG,
    LIST,
    NAME,
    NAMES,
    NOT_NEGATIVE,
    OBJECT,
    PAIR,
    POSITIVE,
    RANGE,
    REAL,
    WEIGHTS,
    WHOLE,
    Json,
    Part,
    WrongRecordError,
    needed,
    optional,
    part,
    several,
)
from textmlr.model.support_record import SupportRecord

_AGAIN = "copy the file again, or train the model again"


@part
class VersionsRecord(Part):
    """A model's answers depend on these besides the model."""

    textmlr: str = needed(NAME)
    unicode: str = needed(NAME)

    @classmethod
    def now(cls) -> VersionsRecord:
        """The versions that run now."""
        return cls(textmlr=__version__, unicode=unicodedata.unidata_version)


@part
class OverlapRecord(Part):
    """Documents that also stand in another corpus: see ``corpus.duplicates.Overlap``."""

    documents: int = needed(WHOLE)
    exact: bool = needed(FLAG)


@part
class DuplicatesRecord(Part):
    """Documents of a corpus that stand in it more than once: see ``corpus.duplicates``."""

    contradictory: int = needed(WHOLE)
    repeated: int = needed(WHOLE)
    exact: bool = needed(FLAG)
    first: list[tuple[str, int]] | None = optional(LIST, nullable=True)


@part
class TakenRecord(Part):
    """What was read of files: see ``corpus.taken_columns.Taken``."""

    shape: str = needed(NAME)
    text: str = needed(NAME)
    label: str | None = needed(NAME, nullable=True)
    weight: str | None = needed(NAME, nullable=True)
    left: tuple[str, ...] = needed(NAMES)
    separator: str | None = optional(NAME)
    label_columns: tuple[str, ...] | None = optional(NAMES)

    @classmethod
    def of(cls, taken: Taken) -> TakenRecord:
        """The record of it."""
        return cls(**asdict(taken) | {"label_columns": taken.label_columns or None})

    @property
    def taken(self) -> Taken:
        """What it records."""
        columns = self.label_columns or ()
        own = self.shape, self.text, self.label, self.weight, self.left
        return Taken(*own, self.separator, columns)


@part
class CorpusRecord(Part):
    """All documents that the model was trained on.

    files             their names, without folders
    skipped           documents that were left out
    nonzeros          entries of f(x)
    invalid_utf8      pieces of text that are no UTF-8
    weighted          whether documents had weights
    per_label         documents of each label
    weight_per_label  the sums of their weights, where they do not all count alike
    taken             what was read of the files
    """

    files: tuple[str, ...] = needed(NAMES)
    documents: int = needed(WHOLE)
    skipped: int | None = optional(WHOLE)
    nonzeros: int | None = optional(WHOLE)
    invalid_utf8: int | None = optional(WHOLE)
    weighted: bool | None = optional(FLAG)
    per_label: tuple[int, ...] = needed(COUNTS)
    weight_per_label: tuple[float, ...] | None = optional(WEIGHTS)
    doubles: DuplicatesRecord | None = optional(DuplicatesRecord)
    taken: tuple[TakenRecord, ...] = several(TakenRecord, is_written=False)


@part
class CandidateRecord(Part):
    """N-grams that were tried: see ``training.ngram_choice``."""

    ngrams: tuple[int, int] | None = needed(RANGE)
    char_ngrams: tuple[int, int] | None = needed(RANGE)
    documents: int = needed(WHOLE)
    loss: float = needed(REAL)
    accuracy: float | None = optional(REAL, nullable=True)


@part
class CutRecord(Part):
    """Features that did not fit in memory: kept, of how many; see ``training.rows``."""

    kept: int = needed(WHOLE)
    of: int = needed(WHOLE)
    missed: int = needed(WHOLE)


@part
class SgdTrialRecord(Part):
    """A trial run of SGD: see ``training.sgd.trials``."""

    idf_power: float = needed(NOT_NEGATIVE)
    learning_rate: float = needed(POSITIVE)
    epochs: int = needed(WHOLE)
    calibration: CalibrationRecord = needed(CalibrationRecord)
    loss: float = needed(REAL)
    accuracy: float = needed(REAL)


@part
class ExactTrialRecord(Part):
    """A penalty that was tried: see ``training.exact.penalty_path``."""

    l2: float = needed(NOT_NEGATIVE)
    loss: float = needed(REAL)
    accuracy: float = needed(REAL)


def _trial(values: Json) -> type[Part]:
    return ExactTrialRecord if "l2" in values else SgdTrialRecord


@part
class HeldOutRecord(Part):
    """Documents that judged, and their figures, where there are any.

    folds   0, or the number of parts that all documents were held out in
    origin  "corpus", "validation" or "stream"
    never_answered  numbers of labels that some of the documents have and that answered none;
                    of the training just done, not in files
    """

    documents: int = needed(WHOLE)
    folds: int = needed(WHOLE)
    origin: str = needed(NAME, key="from")
    overlap: OverlapRecord | None = optional(OverlapRecord, nullable=True)
    loss: float | None = needed(REAL, nullable=True)
    accuracy: float | None = needed(REAL, nullable=True)
    trials: tuple[SgdTrialRecord, ...] | tuple[ExactTrialRecord, ...] = several(
        _trial, is_needed=True
    )
    never_answered: tuple[int, ...] = field(default=(), compare=False)

    def check(self, at: str) -> None:
        """Raise WrongRecordError for held-out documents without figures."""
        for name in ("loss", "accuracy"):
            if self.documents and getattr(self, name) is None:
                raise WrongRecordError(f"{at}.{name} is null, though documents were held out")


@part
class SgdRecord(Part):
    """The final run of SGD, or of a stream: see ``training.sgd.fit.Fit``."""

    solver: str | None = optional(NAME)
    idf_power: float = needed(NOT_NEGATIVE)
    calibration: CalibrationRecord = needed(CalibrationRecord)
    learning_rate: float = needed(POSITIVE)
    epochs: int = needed(WHOLE)
    loss: float | None = optional(REAL, nullable=True)
    accuracy: float | None = optional(REAL, nullable=True)
    halvings: int = needed(WHOLE)
    averaged: int | None = optional(WHOLE)


@part
class ExactRecord(Part):
    """The minimum that the exact solver found, and its certificate: see ``training.exact``.

    features_kept, weights_kept  those that are not 0, with an l1 penalty
    """

    solver: str = needed(NAME)
    l2: float = needed(NOT_NEGATIVE)
    l1: float = needed(NOT_NEGATIVE)
    value: float = needed(REAL)
    gradient_norm: float = needed(NOT_NEGATIVE)
    gap: float | None = needed(REAL, nullable=True)
    converged: bool | None = optional(FLAG)
    iterations: int = needed(WHOLE)
    loss: float | None = optional(REAL, nullable=True)
    accuracy: float | None = optional(REAL, nullable=True)
    features_kept: int | None = optional(WHOLE)
    weights_kept: int | None = optional(WHOLE)

    def check(self, at: str) -> None:
        """Raise WrongRecordError unless a sparse model says how sparse it is."""
        if self.l1 and None in (self.features_kept, self.weights_kept):
            raise WrongRecordError(f"{at}.features_kept or weights_kept is missing")


def _final(values: Json) -> type[Part]:
    return {"exact": ExactRecord, "support": SupportRecord}.get(
        str(values.get("solver")), SgdRecord
    )


@part
class ProgressiveRecord(Part):
    """Documents of a stream, each predicted before it was trained on."""

    documents: int = needed(WHOLE)
    weight: float | None = optional(REAL)
    accuracy: float = needed(REAL)
    loss: float = needed(REAL)


@part
class StreamRecord(Part):
    """A stream: hashed columns in use, figures of all documents and of the latest."""

    columns: int = needed(WHOLE)
    so_far: ProgressiveRecord = needed(ProgressiveRecord)
    lately: ProgressiveRecord = needed(ProgressiveRecord)


@part
class UpdateRecord(Part):
    """An update of the model with more documents.

    features  rows of θ before and after
    options   of UpdateOptions
    compared  answers before and after: see ``training.update.forgetting``
    """

    files: tuple[str, ...] = needed(NAMES)
    documents: int = needed(WHOLE)
    skipped: int | None = optional(WHOLE)
    invalid_utf8: int | None = optional(WHOLE)
    new_labels: tuple[str, ...] = needed(NAMES)
    features: tuple[int, int] = needed(PAIR)
    options: Json | None = optional(OBJECT)
    compared: Json | None = optional(ANYTHING, nullable=True)
    doubles: DuplicatesRecord | None = optional(DuplicatesRecord)
    overlap: OverlapRecord | None = optional(OverlapRecord, nullable=True)

    def check(self, at: str) -> None:
        """Raise WrongRecordError for options that are not understood."""
        if self.options is not None:
            from textmlr.base.update_options import UpdateOptions  # few models were updated

            _understood(lambda own: UpdateOptions(**own), UpdateOptions, self.options, at)


@part
class CompressionRecord(Part):
    """The features of the model that was compressed, and those that are left."""

    from_features: int = needed(WHOLE)
    features: int | None = optional(WHOLE)


@part
class Record(Part):
    """How a model was made.

    options  of TrainingOptions, with those of later versions
    ngrams   that were tried
    cut      of rows on disk
    """

    versions: VersionsRecord | None = optional(VersionsRecord)
    options: Json | None = optional(OBJECT)
    corpus: CorpusRecord | None = optional(CorpusRecord)
    ngrams: tuple[CandidateRecord, ...] = several(CandidateRecord)
    cut: CutRecord | None = optional(CutRecord)
    held_out: HeldOutRecord | None = optional(HeldOutRecord)
    final: SgdRecord | ExactRecord | SupportRecord | None = optional(_final)
    stream: StreamRecord | None = optional(StreamRecord)
    updates: tuple[UpdateRecord, ...] = several(UpdateRecord, is_written=False)
    compressed: CompressionRecord | None = optional(CompressionRecord)
    thresholds: ThresholdsRecord | None = optional(ThresholdsRecord)
    imported: ImportRecord | None = optional(ImportRecord)

    def check(self, at: str) -> None:
        """Raise WrongRecordError for options that are not understood."""
        if self.options is not None:
            own: Json = {"hidden": []} | self.options
            _understood(TrainingOptions.of, TrainingOptions, own, at)

    def option(self, name: str) -> Any:
        """An option of training; None where the record does not say."""
        return (self.options or {}).get(name)

    def __repr__(self) -> str:
        names = ", ".join(f".{name}" for name in self.as_json())
        return f"<record of how a model was made: {names}; .as_json() has all>"

    @property
    def taken(self) -> tuple[Taken, ...]:
        """What was read of the files of training; () where the record does not say."""
        return () if self.corpus is None else tuple(one.taken for one in self.corpus.taken)

    def label_weights(self) -> NDArray[np.float64]:
        """The documents of each label, their weights summed where they do not all count alike:
        (L,); (0,) where the record does not say.  Records of older models of weighted documents
        have their numbers alone."""
        if self.corpus is None:
            return np.zeros(0)
        weights = self.corpus.weight_per_label
        return np.array(self.corpus.per_label if weights is None else weights, np.float64)

    @property
    def documents(self) -> float | None:
        """All documents of training; None where the record does not say."""
        return None if self.corpus is None else float(self.corpus.documents)

    def with_kept(self, kept: dict[str, int]) -> Record:
        """The record of a sparse model that has so many features and weights."""
        assert isinstance(self.final, ExactRecord)
        final = replace(self.final, features_kept=kept["features"], weights_kept=kept["weights"])
        return replace(self, final=final)


def read_record(values: Json, labels: int, path: str | PathLike[str]) -> Record:
    """The record of a model of so many labels.

    Raises ModelFileError, naming the file and the key, for what no training writes.
    """
    try:
        record = Record.read(values, "record")
        for name in ("per_label", "weight_per_label"):
            own = getattr(record.corpus, name, None)
            if own is not None and len(own) != labels:
                problem = f"record.corpus.{name} has {len(own):,} numbers for {labels:,} labels"
                raise WrongRecordError(problem)
    except WrongRecordError as error:
        raise ModelFileError(str(error), place=str(path), mend=_AGAIN) from None
    return record


def _understood(make: Callable[[Json], object], kind: type, values: Json, at: str) -> None:
    """Raise WrongRecordError unless options can be made of those values that this version knows."""
    known = {one.name for one in fields(kind)}
    try:
        make({name: value for name, value in values.items() if name in known})
    except InputError as error:
        raise WrongRecordError(f"{at}.options: {error.problem}") from None
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise WrongRecordError(f"{at}.options: not understood ({error})") from None
