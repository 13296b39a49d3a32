"""Model = labels + Featurizer + θ: text → scores → log z → P(Y=ℓ | x; θ)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from textmlr.base import tensor_file
from textmlr.base.checks import (
    MODEL_MEND,
    check_choice,
    check_kind,
    check_listed,
    check_path,
    check_share,
    check_strings,
    check_text,
    check_threads,
    is_list,
    taken,
)
from textmlr.base.errors import InputError, ModelFileError
from textmlr.base.threads import chosen_threads, map_blocks
from textmlr.base.training_options import Activation
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.in_memory import batches_of
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.answering import Answerer, Answers
from textmlr.model.heads import SOFTMAX, Head, ranked
from textmlr.model.model_file import pack, unpack
from textmlr.model.model_parts import ModelParts, UpdateState, check_layers, check_shapes
from textmlr.model.parameters import LINEAR, Network, check_scores_finite
from textmlr.model.record import Record, VersionsRecord
from textmlr.model.scoring import Calibration, base_scores
from textmlr.model.small_file.theta_storage import PLAIN, ThetaStorage
from textmlr.model.zero_rows import used_rows, without_zero_rows

if TYPE_CHECKING:
    from textmlr.model.explanation.contributions import ExplainedModel
    from textmlr.model.explanation.counterfactual import Counterfactual
    from textmlr.model.explanation.explanation import Explanation

Json = dict[str, Any]
Real = TypeVar("Real", np.float32, np.float64)
T = TypeVar("T")

_PARTS = [one for one in fields(ModelParts) if one.name != "update_state"]
# Probabilities of a block of documents: of very many labels there are few documents to one.
BLOCK_ANSWERS = 1 << 23


class Answer(NamedTuple):
    """P(Y=label | x; θ) of one label for one document; label None is the answer "unsure", with
    the probability of the likeliest label."""

    label: str | None
    probability: float


class Model:
    """A trained classifier; threads may share one.

    labels      L label names, sorted
    featurizer  fitted
    layers      θ as a list of layers, float32; the linear model is the list of one, (V, L), with
                hidden layers they are (V, W1), (W1 + 1, W2), ..., see ``parameters.Network``; the
                first has R rows with columns
    columns     the R columns that θ has rows for, in their order, where the others' are 0 (all
                those that do not occur, with hashing); None: all
    calibration a factor of each document's scores, its constant part already in θ
    record      how it was made: options, figures, versions
    base        (L,) float32, nats   the scores, which are the logarithms of the base rates of
                training, of a document that has no feature with a weight besides the bias; (0,)
                where the record has no documents of each label: such a document has the
                scores of the bias
    storage     the form of θ in its file
    activation  of the hidden layers
    update_state  squares and trained_on, by which ``update`` resumes; see ``UpdateState``
    head        how scores become probabilities, a loss and an answer

    >>> from textmlr import Corpus, Model, train
    >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a sheriff"]
    >>> model = train(Corpus.of(texts, ["scifi", "western", "scifi", "western"]))
    >>> p = model.probabilities(["robots and a robot", "who?"])
    >>> p.shape, bool(p[0, 0] > 0.5), p.sum(axis=1).round(6).tolist()
    ((2, 2), True, [1.0, 1.0])
    >>> [[answer.label for answer in answers] for answers in model.classify(["sheriff"], top=2)]
    [['western', 'scifi']]
    >>> size = model.save("western.textmlr")
    >>> Model.load("western.textmlr").classify(["sheriff"])[0] == model.classify(["sheriff"])[0]
    True
    """

    def __init__(
        self,
        labels: Sequence[str],
        featurizer: Featurizer,
        layers: Sequence[NDArray[np.float32]],
        record: Record,
        columns: HashedColumns | None = None,
        calibration: Calibration | None = None,
        storage: ThetaStorage = PLAIN,
        activation: Activation = LINEAR,
        update_state: UpdateState | None = None,
        head: Head = SOFTMAX,
    ) -> None:
        self.labels = check_strings("labels", labels) or []
        check_kind("featurizer", featurizer, Featurizer, MODEL_MEND)
        check_layers(layers)
        for name, value, kind in (
            ("record", record, Record),
            ("columns", columns, HashedColumns),
            ("storage", storage, ThetaStorage),
            ("calibration", calibration, Calibration),
            ("update_state", update_state, UpdateState),
            ("head", head, Head),
        ):
            optional = name not in ("record", "storage", "head")
            check_kind(name, value, kind, MODEL_MEND, optional=optional)
        check_choice("activation", activation, get_args(Activation))
        self.featurizer = featurizer
        self.layers = list(layers)
        self.activation = activation
        state = update_state or UpdateState()
        self.squares, self.trained_on = list(state.squares), state.trained_on
        self.record = record
        self.columns = columns
        self.calibration = calibration or Calibration()
        self.storage = storage
        self.head = head
        self.base = base_scores(record.label_weights(), head)
        check_shapes(self.parts, len(self.base))
        self._answerer = self._answering()

    def _answering(self) -> Answerer:
        network = Network.of(self.layers, self.activation)
        check_scores_finite(self.layers)
        return Answerer(
            self.featurizer, network, self.columns, self.calibration, self.base, self.head
        )

    @property
    def theta(self) -> NDArray[np.float32]:
        """The (V, L) parameters of a linear model; with columns they are made anew.

        Raises InputError for a model with hidden layers, which has no weight of a feature for a
        label.
        """
        self.check_linear("has no weight of a feature for a label")
        if self.columns is None:
            return self.layers[0]
        theta = np.zeros((self.featurizer.columns, len(self.labels)), np.float32)
        theta[self.columns.kept] = self.layers[0]
        return theta

    def check_linear(self, problem: str, mend: str = "train one without --hidden") -> None:
        """Raise InputError with the problem if the model has hidden layers."""
        if len(self.layers) > 1:
            raise InputError(f"a model with hidden layers {problem}", mend=mend)

    @property
    def kept(self) -> Json:
        """The numbers of "features" and "weights" that are not 0, the bias's row not counted."""
        return {
            "features": len(used_rows(self.parts)) - int(self.featurizer.options.bias),
            "weights": sum(map(int, map(np.count_nonzero, self.layers))),
        }

    def without_zero_rows(self) -> Model:
        """A model with the same answers, to the bit, whose θ lacks the rows that are 0."""
        less = without_zero_rows(self.parts)
        return self if len(less.layers[0]) == len(self.layers[0]) else Model.of(less)

    @property
    def parts(self) -> ModelParts:
        """The arguments that make an equal model."""
        state = UpdateState(self.squares, self.trained_on)
        own = {one.name: getattr(self, one.name) for one in _PARTS}
        return ModelParts(**own, update_state=state)

    @classmethod
    def of(cls, parts: ModelParts) -> Model:
        """The model of these parts; ValueError if they do not fit together."""
        check_kind("parts", parts, ModelParts, MODEL_MEND)
        return cls(
            **{one.name: getattr(parts, one.name) for one in _PARTS},
            update_state=parts.update_state,
        )

    def scores(self, texts: Any, *, threads: int | None = None) -> NDArray[np.float32]:
        """θᵀf(x, ℓ), calibrated, for each document and label: (n, L) float32, nats.

        A document without a known word (none of its features has a weight) has ``base``.
        """
        return self._stack(texts, threads, lambda answers: answers.scores)

    def log_z(self, texts: Any, *, threads: int | None = None) -> NDArray[np.float64]:
        """log z(x; θ) of each document: (n,) float64, nats."""
        return self._stack(texts, threads, lambda answers: answers.log_z)

    def probabilities(self, texts: Any, *, threads: int | None = None) -> NDArray[np.float64]:
        """P(Y=ℓ | x; θ) for each document and label: (n, L) float64; rows sum to 1 by the softmax.

        texts  documents, see ``textmlr.corpus.in_memory.batches_of``
        """
        if threads is not None:
            check_threads(threads)
        if type(texts) is list and len(texts) == 1 and type(texts[0]) in (str, bytes):
            quick = self._answerer.probabilities_of(texts[0])
            if quick is not None:
                return quick
        return self._stack(texts, threads, lambda answers: answers.probabilities)

    def classify(
        self,
        texts: Any,
        *,
        top: int | None = 1,
        min_probability: float = 0.0,
        threads: int | None = None,
    ) -> list[list[Answer]]:
        """The most probable labels of each document, best first: ``top`` of them, None for all.

        Ties are in the order of the labels.  Where the best has a probability below
        ``min_probability`` the answer is "unsure": an Answer with label None comes first, before
        the labels if several are asked for, in place of the one otherwise.  So the first Answer
        is the model's answer.
        Raises InputError for a top that is no number of labels, and for a min_probability outside
        0 to 1.
        """
        # In the order in which most calls pass: one document is answered in microseconds.
        if top is not None and (type(top) is not int or top != 1):
            check_listed("top", top)
        if type(min_probability) is not float or min_probability != 0.0:
            check_share("min_probability", min_probability)
        labels = self.labels
        rows = self.probabilities(texts, threads=threads)
        answers = []
        if top == 1:
            for i, b in enumerate(self.head.answers(rows).tolist()):
                share = rows.item(i, b)
                answers.append([Answer(labels[b] if share >= min_probability else None, share)])
            return answers
        for row in rows.tolist():
            order = ranked(row, top)
            several = [Answer(labels[label], row[label]) for label in order]
            if row[order[0]] < min_probability:
                several.insert(0, Answer(None, row[order[0]]))
            answers.append(several)
        return answers

    def explain(
        self, text: str | bytes, label: str | None = None, against: str | None = None
    ) -> Explanation:
        """Why the document has its score of a label: what each feature and each word adds.

        Without hidden layers these shares are exact; with them integrated gradients from the empty
        document, which add up to the score as well.

        >>> from textmlr import FeaturizerOptions
        >>> from textmlr.model.record import Record
        >>> featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1), idf=False, norm=None))
        >>> featurizer.fit(["good film", "bad film"]).feature_names()
        ['(bias)', 'film', 'good', 'bad']
        >>> theta = np.array([[0, 0.5], [0, 0.25], [0, 2], [0, -1]], np.float32)
        >>> why = Model(["no", "yes"], featurizer, [theta], Record()).explain("A good film!")
        >>> why.label, why.score, why.bias
        ('yes', 2.75, 0.5)
        >>> [(word.text, word.start, word.contribution) for word in why.words]
        [('A', 0, 0.0), ('good', 2, 2.0), ('film', 7, 0.25), ('!', 11, 0.0)]

        label    None for the likeliest
        against  the label to compare with, None for the mean of all others
        Raises InputError for labels that the model does not have, and one against itself.
        """
        from textmlr.model.explanation.contributions import explain

        check_text("text", text)
        for name, value in (("label", label), ("against", against)):
            check_kind(name, value, str, "give the name of a label", optional=True)
        return explain(self._explained, text, label, against)

    def counterfactual(self, text: str | bytes) -> Counterfactual:
        """The fewest words without which the document's likeliest label is another."""
        from textmlr.model.explanation.counterfactual import find_counterfactual

        check_text("text", text)
        return find_counterfactual(self._explained, text)

    @property
    def _explained(self) -> ExplainedModel:
        from textmlr.model.explanation.contributions import ExplainedModel

        return ExplainedModel(
            self._answerer,
            self.labels,
            self.layers,
            self.activation,
            self.columns,
            self.calibration,
            self.base,
        )

    def stream(self, batches: Iterable[Batch], threads: int | None = None) -> Iterator[Answers]:
        """Answers for each block of documents, in order."""
        return self.map_answers(lambda answers: answers, batches, threads)

    def map_answers(
        self,
        function: Callable[[Answers], T],
        batches: Iterable[Batch],
        threads: int | None = None,
    ) -> Iterator[T]:
        """function(answers) for each block of documents, in order; it is called in the thread that
        found the answers, while other threads answer the next blocks.

        Batches are drawn as they are needed: not all need be in memory.
        """

        if not callable(function):
            raise taken("function", function, "a function of Answers")
        if not is_list(batches):
            raise taken("batches", batches, "an iterable of Batch")
        check_threads(threads)

        def blocks() -> Iterator[Batch]:
            for batch in batches:
                check_kind("batches", batch, Batch, "read them by textmlr.corpus.reading.scan")
                yield from blocks_of([batch], most=max(1, BLOCK_ANSWERS // len(self.labels)))

        def run(block: Batch) -> T:
            return function(self._answerer.answer(block))

        return map_blocks(run, blocks(), chosen_threads(threads))

    def save(self, path: str | PathLike[str]) -> int:
        """Write the model to one file, whole or not at all; return its size in bytes.

        Raises InputError if the file cannot be written.
        """
        check_path("path", path)
        return tensor_file.save(path, *pack(self.parts))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Model:
        """Read a model; everything in the file is verified, and the file not needed any more.

        Raises ModelFileError if the file is not a whole model.
        """
        check_path("path", path)
        parts = unpack(*tensor_file.load(path), path)
        try:
            return cls.of(parts)
        except ValueError as error:
            raise ModelFileError(str(error), place=str(path)) from error

    def _stack(
        self, texts: Any, threads: int | None, part: Callable[[Answers], NDArray[Real]]
    ) -> NDArray[Real]:
        """part(answers) of all documents, as one array."""
        check_threads(threads)
        parts = list(self.map_answers(part, batches_of(texts), threads))
        return np.concatenate(parts) if parts else part(Answers.room(0, len(self.labels)))

    def __getstate__(self) -> Json:
        """The state for pickle and copy: everything but this process's scratch."""
        return {name: value for name, value in vars(self).items() if name != "_answerer"}

    def __setstate__(self, state: Json) -> None:
        vars(self).update(state)
        self._answerer = self._answering()


def versions() -> Json:
    """Versions that a model's answers depend on besides the model."""
    return VersionsRecord.now().as_json()
