"""StreamTrainer: labelled documents in, as they come; a Model out at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base import tensor_file
from textmlr.base.checks import check_flag, check_kind, check_path
from textmlr.base.errors import InputError, ModelFileError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_errors import shown
from textmlr.base.threads import chosen_threads
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import LabelSets, Targets, label_counts
from textmlr.corpus.taken_columns import Taken
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.features.hashed_names import Census
from textmlr.features.ngrams import Hasher
from textmlr.model.heads import usual_head
from textmlr.model.model import Model, versions
from textmlr.model.record import CorpusRecord, TakenRecord
from textmlr.model.record_schema import WrongRecordError
from textmlr.training.feature_names import BLOCK_BYTES, CANDIDATES, heaviest
from textmlr.training.stream.inputs import MOST_INPUTS, InputMark, Key, Position
from textmlr.training.stream.learner_state import restored, state_of
from textmlr.training.stream.recent import StreamFigures
from textmlr.training.stream.reservoir import Reservoir
from textmlr.training.stream.stream_calibration import StreamCalibration
from textmlr.training.stream.stream_learner import StreamLearner
from textmlr.training.stream.stream_options import check_options
from textmlr.training.stream.stream_record import coded, stream_record
from textmlr.training.thresholds import check_maximise

KIND = "stream"  # the kind of tensor file, in a checkpoint's header
MOST_FILES = 100  # files that a model's record names


class StreamTrainer:
    """Trains on documents as they come, in memory that does not grow with their number.

    Each document is predicted before it is trained on, so that ``so_far`` and ``lately`` are
    figures of unseen documents.  Labels need not be known beforehand: a document with a new one
    counts as wrong, with a loss of log(1 + documents before it), as if a new label were as rare as
    one document among them.  With ``multilabel`` a document has any number of labels, none too,
    each of which is learnt by itself; it is right where its likeliest label is one of them.  How
    the documents are cut into calls changes nothing.

    labels      in the order in which they came
    counts      documents of each;  totals   the sums of their weights
    invalid     pieces of invalid UTF-8 read as U+FFFD
    nonzeros    entries of f(x) of all documents
    skipped     bad rows that were left out before they came here: for the reader of the stream
    inputs      the positions in files, the latest last: for the same

    >>> from textmlr import StreamTrainer
    >>> trainer = StreamTrainer()
    >>> trainer.learn(["a robot in orbit", "the sheriff rode"], ["scifi", "western"])
    >>> trainer.learn(["robot engine", "a saddle, a sheriff"], ["scifi", "western"])
    >>> trainer.so_far.documents, trainer.labels
    (4, ['scifi', 'western'])
    >>> trainer.model().classify(["my robot"])[0][0].label
    'scifi'
    """

    def __init__(
        self,
        featurizer_options: FeaturizerOptions | None = None,
        training_options: TrainingOptions | None = None,
        *,
        multilabel: bool = False,
    ) -> None:
        """Raises InputError for options that do not go with a stream, see ``check_options``."""
        check_kind("featurizer_options", featurizer_options, FeaturizerOptions, optional=True)
        check_kind("training_options", training_options, TrainingOptions, optional=True)
        check_flag("multilabel", multilabel)
        own = check_options(
            featurizer_options or FeaturizerOptions(), training_options or TrainingOptions()
        )
        check_maximise(own[1], "stream", multilabel=multilabel)
        self.featurizer_options, self.options = own
        features = self.featurizer_options
        self._featurizer = Featurizer(features)
        self._learner = StreamLearner(
            self._featurizer.columns,
            self.options.learning_rate,
            self.options.idf_power,
            length=1.0 + features.bias if features.norm == "l2" else None,
            bias=features.bias,
            head=usual_head(multilabel),
        )
        self._reservoir = Reservoir(self.options.seed)
        self._codes: dict[str, int] = {}
        self.counts: list[int] = []
        self.totals: list[float] = []
        self.files: list[str] = []
        self.taken: list[Taken] = []
        self.inputs: dict[Key, InputMark | Position] = {}
        self.weighted = False
        self.invalid = self.skipped = self.nonzeros = 0

    def __repr__(self) -> str:
        seen = f"{self.documents:,} documents with {len(self._codes):,} labels"
        return (
            f"StreamTrainer of {seen} so far\n"
            "use it: trainer.learn(texts, labels); trainer.so_far; trainer.model()"
        )

    @property
    def labels(self) -> list[str]:
        """The labels in the order in which they came."""
        return list(self._codes)

    @property
    def multilabel(self) -> bool:
        """Whether a document has any number of labels."""
        return self._learner.head.has_sets

    @property
    def documents(self) -> int:
        """Documents so far."""
        return self._learner.documents

    @property
    def so_far(self) -> StreamFigures:
        """The figures of all documents, each predicted before it was trained on."""
        return self._learner.so_far

    @property
    def lately(self) -> StreamFigures:
        """The figures of the latest few thousand."""
        return self._learner.lately

    def learn(self, texts: Any, labels: Any, weights: Any = None) -> None:
        """Predict documents and train on them.

        texts, labels, weights   as ``Corpus.of`` takes them; weights count as they are
        Raises InputError as it does, for more labels than there is room for, and for documents
        with several labels without ``multilabel``.
        """
        corpus = Corpus.of(texts, labels, weights, multilabel=self.multilabel or None)
        first = 0
        for batch in corpus.batches:
            part = slice(first, first + len(batch))
            own = None if corpus.weights is None else corpus.weights[part]
            self.learn_batch(batch, corpus.y[part], corpus.labels, own)
            first = part.stop

    def learn_batch(
        self,
        batch: Batch,
        codes: Targets,
        names: Sequence[str],
        weights: NDArray[np.float32] | None = None,
        threads: int | None = None,
    ) -> None:
        """``learn`` for a Batch whose documents have the labels names[codes]."""
        n = len(batch)
        codes = self._targets(codes)
        if not n:
            return
        features = self._featurizer.fit_stateless([batch], chosen_threads(threads))
        self.weighted |= weights is not None
        known = dict(self._codes)
        y = coded(codes, names, known)
        own = np.ones(n, np.float32) if weights is None else weights
        before = self.documents
        self._learner.learn(features, y, own)  # or refuse them, all of them
        counts = label_counts(y, len(known)).astype(np.int64).tolist()
        counts[: len(self.counts)] = map(sum, zip(counts, self.counts, strict=False))
        totals = np.array(self.totals + [0.0] * (len(known) - len(self.totals)))
        each = (y.codes, own[y.rows]) if isinstance(y, LabelSets) else (y, own)
        np.add.at(totals, *each)  # one after the other, however they are cut into calls
        self._codes, self.counts, self.totals = known, counts, totals.tolist()
        self._reservoir.add(batch, before)
        self.invalid += features.invalid
        self.nonzeros += len(features.indices)

    def _targets(self, codes: Targets) -> Targets:
        """Labels as this stream takes them.  Raises InputError for several labels a document where
        each must have one."""
        if isinstance(codes, LabelSets) and not self.multilabel:
            raise InputError(
                "documents of the stream have several labels",
                mend="make StreamTrainer(multilabel=True)",
            )
        return self._learner.head.targets(codes)

    def read_from(self, name: str) -> None:
        """Note for the record that the next documents come from a file of this name."""
        check_kind("name", name, str, "give the name of a file")
        if name not in self.files and len(self.files) < MOST_FILES:
            self.files.append(name)

    def reads(self, taken: Taken) -> None:
        """Note for the record what is read of the next documents' file."""
        check_kind("taken", taken, Taken, "give Chunk.taken")
        if taken not in self.taken and len(self.taken) < MOST_FILES:
            self.taken.append(taken)

    def stands_at(self, position: Position) -> None:
        """Note that the next documents are at this position, which their reader moves."""
        self.inputs.pop(position.key, None)
        self.inputs[position.key] = position
        if len(self.inputs) > MOST_INPUTS:
            del self.inputs[next(iter(self.inputs))]

    @property
    def marks(self) -> dict[Key, InputMark]:
        """The part of each file that was trained on."""
        now = (one.mark if isinstance(one, Position) else one for one in self.inputs.values())
        return {one.key: one for one in now if one.documents}

    def model(self) -> Model:
        """The model so far; training can continue.

        Raises InputError before there are two labels, and where weights are not finite.
        """
        learner = self._learner
        if learner.labels < 2:
            raise InputError(
                f"the stream has had {learner.labels} label{'s' * (learner.labels != 1)}",
                mend="a model needs documents of two at least",
            )
        if not learner.is_finite:
            raise InputError("the weights are not finite", mend="lower the learning rate")
        used, frequencies = learner.used, learner.frequencies
        by_frequency = np.lexsort((learner.kept[:used], -frequencies))
        frequencies = frequencies[by_frequency]
        by_name = np.array(sorted(range(learner.labels), key=self.labels.__getitem__))
        theta = learner.theta[by_frequency[:, None], by_name[None, :]]
        columns = HashedColumns.restore(learner.kept[by_frequency], learner.width, frequencies)
        own = StreamCalibration.of(learner, self.counts, self.totals, self.options)
        record = stream_record(self.options, self._corpus(by_name), learner, own)
        labels = sorted(self.labels)
        featurizer = Featurizer.restore(self.featurizer_options, None, None, labels, self.documents)
        few = min(used, CANDIDATES)
        totals = learner.sums[by_frequency[:few]].astype(np.float32)
        blocks = list(blocks_of([self._reservoir.batch()], BLOCK_BYTES))
        census = Census.of(blocks, Hasher(self.featurizer_options), columns, int(learner.bias), few)
        featurizer.column_names = heaviest(theta, frequencies[:few], totals, census, columns)
        theta *= own.factors[by_name]
        if own.offsets is not None:
            theta[np.flatnonzero(columns.kept == 0)] += own.offsets[by_name]
        return Model(
            labels,
            featurizer,
            [theta],
            record,
            columns,
            own.of_model(by_name),
            head=learner.head,
            thresholds=None if own.thresholds is None else own.thresholds.values[by_name],
        )

    def _corpus(self, by_name: NDArray[np.int64]) -> CorpusRecord:
        """The record of all documents;  by_name  (L,) the codes of the labels, by their names."""
        weights = None
        if self.weighted and any(self.totals):  # they do not all count alike
            # Of label sets they are shares of documents, whose mean weight is 1 here.
            scale = self.documents / self._learner.totals[0] if self.multilabel else 1.0
            weights = tuple(float(scale * self.totals[code]) for code in by_name.tolist())
        return CorpusRecord(
            files=tuple(self.files),
            documents=self.documents,
            skipped=self.skipped,
            nonzeros=self.nonzeros,
            invalid_utf8=self.invalid,
            weighted=self.weighted,
            per_label=tuple(self.counts[code] for code in by_name.tolist()),
            weight_per_label=weights,
            taken=tuple(map(TakenRecord.of, self.taken)),
        )

    def save(self, path: str | PathLike[str]) -> int:
        """Write the state to one file, whole or not at all; return its size."""
        check_path("path", path)
        self.featurizer_options.check_written()
        about, arrays = state_of(self._learner)
        header = {
            "kind": KIND,
            "versions": versions(),
            "learner": about,
            "featurizer": self.featurizer_options.as_json(),
            "options": asdict(self.options),
            "labels": self.labels,
            "counts": self.counts,
            "totals": self.totals,
            "files": self.files,
            "taken": [TakenRecord.of(one).as_json() for one in self.taken],
            "weighted": self.weighted,
            "invalid": self.invalid,
            "skipped": self.skipped,
            "nonzeros": self.nonzeros,
            "inputs": [one.as_json() for one in self.marks.values()],
        }
        return tensor_file.save(path, header, arrays | self._reservoir.state())

    @classmethod
    def resume(cls, path: str | PathLike[str]) -> StreamTrainer:
        """Resume from the file of ``save``, to the same bits as if training had never stopped.

        Raises ModelFileError if the file is not whole, or not from ``save``.
        """
        check_path("path", path)
        header, arrays = tensor_file.load(path)
        if header.get("kind") != KIND:
            problem = "is not the checkpoint of a stream"
            raise _refused(problem, path)
        try:
            featurizer = FeaturizerOptions.of(header["featurizer"])
            learner = restored(header["learner"], arrays)
            options = TrainingOptions.of(header["options"])
            own = cls(featurizer, options, multilabel=learner.head.has_sets)
            made, own._learner = own._learner, learner
            if any(
                getattr(own._learner, name) != getattr(made, name)
                or type(getattr(own._learner, name)) is not type(getattr(made, name))
                for name in ("width", "length", "bias")
            ):
                raise ValueError("the learner is not of these options")
            if not all(isinstance(name, str) for name in header["labels"]):
                raise ValueError("a label is no name")
            own._reservoir = Reservoir.restore(own.options.seed, arrays)
            own._codes = {name: code for code, name in enumerate(header["labels"])}
            own.counts, own.files = list(header["counts"]), list(header["files"])
            own.taken = [TakenRecord.read(one, "taken").taken for one in header.get("taken", [])]
            # Checkpoints of earlier versions have no weights.
            own.totals = list(map(float, header.get("totals", own.counts)))
            sizes = {len(own._codes), len(own.counts), len(own.totals)}
            if sizes != {own._learner.labels}:
                raise ValueError("the labels are not those of theta")
            own.weighted, own.invalid = header["weighted"], header["invalid"]
            own.skipped, own.nonzeros = header["skipped"], header["nonzeros"]
            # Checkpoints of the first release have none.
            inputs = [InputMark.of(values) for values in header.get("inputs", [])]
            own.inputs = {one.key: one for one in inputs}
        except (KeyError, TypeError, ValueError, IndexError, WrongRecordError) as error:
            problem = f"cannot be resumed from ({error})"
            raise _refused(problem, path) from error
        return own

    def check_same(
        self, featurizer_options: FeaturizerOptions, training_options: TrainingOptions
    ) -> None:
        """Raise InputError where the stream was started with other options."""
        check_kind("featurizer_options", featurizer_options, FeaturizerOptions)
        check_kind("training_options", training_options, TrainingOptions)
        wanted = check_options(featurizer_options, training_options)
        begun = asdict(self.featurizer_options) | asdict(self.options)
        for name, now in (asdict(wanted[0]) | asdict(wanted[1])).items():
            if begun[name] != now:
                raise InputError(
                    f"the stream was started with {name}={shown(begun[name])}, not {shown(now)}",
                    mend="give the same options to resume, or leave out --resume",
                )


def _refused(problem: str, path: str | PathLike[str]) -> ModelFileError:
    return ModelFileError(problem, place=str(path), mend="start without --resume", guide="streams")
