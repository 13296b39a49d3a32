"""Model = labels + Featurizer + θ: text → scores → log z → P(Y=ℓ | x; θ)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, overload

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
    check_threads,
    one_text,
)
from textmlr.base.errors import ModelFileError
from textmlr.base.file_bytes import ModelSource, name_of
from textmlr.base.training_options import Activation
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.answer_stream import stacked
from textmlr.model.chosen_answerer import answerer_of
from textmlr.model.heads import SOFTMAX, Head, ranked
from textmlr.model.model_file import to_write, unpack
from textmlr.model.model_parts import (
    ModelParts,
    UpdateState,
    check_layers,
    check_linear,
    check_shapes,
)
from textmlr.model.model_verbs import ModelVerbs
from textmlr.model.parameters import LINEAR
from textmlr.model.record import Record, VersionsRecord
from textmlr.model.scoring import Calibration, base_scores
from textmlr.model.small_file.theta_storage import PLAIN, ThetaStorage

if TYPE_CHECKING:
    from textmlr.corpus.given_data import Texts

Json = dict[str, Any]

_OWN = {name: name for name in ("labels", "featurizer", "record")}  # the others begin with _
_PARTS = [one for one in fields(ModelParts) if one.name != "update_state"]


class Answer(NamedTuple):
    """P(Y=label | x; θ) of one label for one document; label None is the answer "unsure", with
    the probability of the likeliest label."""

    label: str | None
    probability: float


class Model(ModelVerbs):
    """A trained classifier; threads may share one.

    labels      names of the L labels, sorted; columns of probabilities are in their order
    featurizer  turns text into features; fitted
    record      how the model was made: options, figures, versions; ``info`` has it as a dict
    theta       (V, L) float32, the weights of a linear model
    parts       all of the above and more, for programs that take a model apart: ModelParts

    Make one by ``textmlr.train`` or ``textmlr.load``.

    >>> import textmlr
    >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
    >>> textmlr.train(texts, ["scifi", "western", "scifi", "western"]).predict("my robot")
    'scifi'
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
        self._layers = list(layers)
        self._activation = activation
        state = update_state or UpdateState()
        self._squares, self._trained_on = list(state.squares), state.trained_on
        self.record = record
        self._columns = columns
        self._calibration = calibration or Calibration()
        self._storage = storage
        self._head = head
        self._base = base_scores(record.label_weights(), head)
        check_shapes(self.parts, len(self._base))
        self._answerer = answerer_of(self.parts)

    @property
    def theta(self) -> NDArray[np.float32]:
        """The (V, L) parameters of a linear model; with columns they are made anew.

        Raises InputError for a model with hidden layers, which has no weight of a feature for a
        label.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> model.theta.shape == (model.featurizer.columns, 2)
        True
        """
        check_linear(self._layers, "has no weight of a feature for a label")
        if self._columns is None:
            return self._layers[0]
        theta = np.zeros((self.featurizer.columns, len(self.labels)), np.float32)
        theta[self._columns.kept] = self._layers[0]
        return theta

    @property
    def parts(self) -> ModelParts:
        """The arguments that make an equal model.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> len(model.parts.layers)  # more with hidden layers
        1
        """
        state = UpdateState(self._squares, self._trained_on)
        own = {one.name: getattr(self, _OWN.get(one.name, f"_{one.name}")) for one in _PARTS}
        return ModelParts(**own, update_state=state)

    @classmethod
    def of(cls, parts: ModelParts) -> Model:
        """The model of these parts; ValueError if they do not fit together.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> textmlr.Model.of(model.parts).predict("a robot")
        'scifi'
        """
        check_kind("parts", parts, ModelParts, MODEL_MEND)
        return cls(
            **{one.name: getattr(parts, one.name) for one in _PARTS},
            update_state=parts.update_state,
        )

    def predict(self, texts: Texts | str | bytes, *, threads: int | None = None) -> Any:
        """The most probable label of each text: (n,) array of str; of a single text, a str.

        texts  a list, array, Series or column of texts, a table with a text column, a Corpus, or
               one str
        Ties go to the first label.  Raises InputError for what is not text.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> model.predict(["a robot", "a sheriff"])
        array(['scifi', 'western'], dtype=object)
        >>> model.predict("a robot")
        'scifi'
        """
        single = isinstance(texts, str | bytes)
        rows = np.atleast_2d(self.probabilities(texts, threads=threads))
        best = np.array(self.labels, object)[self._head.answers(rows)]
        return best[0] if single else best

    def predict_proba(
        self, texts: Texts | str | bytes, *, threads: int | None = None
    ) -> NDArray[np.float64]:
        """P(Y=ℓ | x; θ), as ``probabilities`` gives it, by scikit-learn's name: (n, L) float64.

        Columns are in the order of ``labels``.  A single text gives (L,).

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> model.predict_proba(["a robot", "a sheriff"]).shape, model.predict_proba("a").shape
        ((2, 2), (2,))
        """
        return self.probabilities(texts, threads=threads)

    def scores(
        self, texts: Texts | str | bytes, *, threads: int | None = None
    ) -> NDArray[np.float32]:
        """θᵀf(x, ℓ), calibrated, for each text and label: (n, L) float32, nats; one text: (L,).

        A document without a known word (none of its features has a weight) has the logarithms of
        the labels' base rates.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> model.scores(texts).shape, model.scores("a robot").shape
        ((4, 2), (2,))
        """
        return stacked(self, texts, threads, lambda answers: answers.scores)

    def log_z(self, texts: Texts | str | bytes, *, threads: int | None = None) -> Any:
        """log z(x; θ) of each text: (n,) float64, nats; of a single text a float.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> model.log_z(texts).shape
        (4,)
        """
        return stacked(self, texts, threads, lambda answers: answers.log_z)

    def probabilities(
        self, texts: Texts | str | bytes, *, threads: int | None = None
    ) -> NDArray[np.float64]:
        """P(Y=ℓ | x; θ) for each text and label: (n, L) float64; one text: (L,).

        Rows sum to 1 by the softmax.  Columns are in the order of ``labels``.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> p = model.probabilities(["a robot", "a sheriff"])
        >>> p.sum(axis=1).round(6).tolist()
        [1.0, 1.0]
        >>> scores, log_z = model.scores("a robot"), model.log_z("a robot")
        >>> bool(np.allclose(np.exp(scores - log_z), p[0]))
        True
        """
        if threads is not None:
            check_threads(threads)
        if type(texts) is list and len(texts) == 1 and type(texts[0]) in (str, bytes):
            quick = self._answerer.probabilities_of(texts[0])
            if quick is not None:
                return quick
        if isinstance(texts, str | bytes):
            row: NDArray[np.float64] = self.probabilities(one_text(texts))[0]
            return row
        return stacked(self, texts, threads, lambda answers: answers.probabilities)

    @overload
    def classify(  # type: ignore[overload-overlap]  # a str is an iterable of str, too
        self,
        texts: str | bytes,
        *,
        top: int | None = 1,
        min_probability: float = 0.0,
        threads: int | None = None,
    ) -> list[Answer]: ...
    @overload
    def classify(
        self,
        texts: Texts,
        *,
        top: int | None = 1,
        min_probability: float = 0.0,
        threads: int | None = None,
    ) -> list[list[Answer]]: ...
    def classify(
        self,
        texts: Texts | str | bytes,
        *,
        top: int | None = 1,
        min_probability: float = 0.0,
        threads: int | None = None,
    ) -> list[list[Answer]] | list[Answer]:
        """The most probable labels of each text, best first: ``top`` of them, None for all.

        A single text gives its list of Answers.  Ties are in the order of the labels.  Where the
        best has a probability below ``min_probability`` the answer is "unsure": an Answer with
        label None comes first, before the labels if several are asked for, in place of the one
        otherwise.  So the first Answer is the model's answer.
        Raises InputError for a top that is no number of labels, and for a min_probability outside
        0 to 1.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> [answer.label for answer in model.classify("a robot", top=2)]
        ['scifi', 'western']
        >>> [answers[0].label for answers in model.classify(["a robot", "a saddle"])]
        ['scifi', 'western']
        """
        # In the order in which most calls pass: one document is answered in microseconds.
        if type(texts) is not list and isinstance(texts, str | bytes):
            own: list[Answer] = self.classify(
                one_text(texts), top=top, min_probability=min_probability, threads=threads
            )[0]
            return own
        if top is not None and (type(top) is not int or top != 1):
            check_listed("top", top)
        if type(min_probability) is not float or min_probability != 0.0:
            check_share("min_probability", min_probability)
        labels = self.labels
        rows = self.probabilities(texts, threads=threads)
        answers = []
        if top == 1:
            for i, b in enumerate(self._head.answers(rows).tolist()):
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

    def save(self, path: str | PathLike[str]) -> int:
        """Write the model to one file, whole or not at all; return its size in bytes.

        Raises InputError if the file cannot be written, and for a model with a tokenizer.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> model.save("western.textmlr") > 1000
        True
        """
        check_path("path", path)
        return tensor_file.save(path, *to_write(self.parts))

    @classmethod
    def load(cls, path: ModelSource) -> Model:
        """Read a model, as ``textmlr.load`` does.

        Raises ModelFileError if it is not a whole model.

        >>> import textmlr
        >>> size = textmlr.train(["a robot", "a saddle"], ["scifi", "western"]).save("w.textmlr")
        >>> textmlr.Model.load("w.textmlr").predict("a saddle")
        'western'
        """
        place = name_of(path)
        parts = unpack(*tensor_file.load(path), place)
        try:
            return cls.of(parts)
        except ValueError as error:
            raise ModelFileError(str(error), place=place) from error

    def __repr__(self) -> str:
        from textmlr.model.model_facts import in_three_lines

        return in_three_lines(self.parts)

    def __getstate__(self) -> Json:
        """The state for pickle and copy: everything but this process's scratch."""
        return {name: value for name, value in vars(self).items() if name != "_answerer"}

    def __setstate__(self, state: Json) -> None:
        vars(self).update(state)
        self._answerer = answerer_of(self.parts)


def load(path: ModelSource) -> Model:
    """The model in a file, which "textmlr train" or ``Model.save`` wrote.

    path  of the file; or its bytes, as of ``Model.dumps``; or the file, opened for reading bytes
    Everything in it is verified; nothing in it is run.  The file is not needed any more after that.
    Raises ModelFileError if it is not a whole model.

    >>> import textmlr
    >>> size = textmlr.train(["a robot", "a saddle"], ["scifi", "western"]).save("w.textmlr")
    >>> textmlr.load("w.textmlr").predict("a saddle")
    'western'
    """
    return Model.load(path)


def versions() -> Json:
    """Versions that a model's answers depend on besides the model."""
    return VersionsRecord.now().as_json()
