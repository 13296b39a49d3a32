"""Model = labels + Featurizer + θ: text → scores → log z → P(Y=ℓ | x; θ)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from textmlr.base import tensor_file
from textmlr.base.checks import (
    MODEL_MEND,
    check_kind,
    check_path,
    check_share,
    check_strings,
    check_threads,
    one_text,
)
from textmlr.base.file_bytes import ModelSource, name_of
from textmlr.base.file_checks import refuse_file
from textmlr.base.training_options import Activation
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.answer_lists import (
    ANSWER,
    Answer,
    check_top,
    label_tuples,
    likeliest_names,
    lists_of,
    ranked_lists,
)
from textmlr.model.answer_stream import normalizers, ranked_texts, stacked
from textmlr.model.chosen_answerer import answerer_of
from textmlr.model.heads import SOFTMAX, Head
from textmlr.model.label_choice import LabelChoice
from textmlr.model.model_file import to_write, unpack
from textmlr.model.model_parts import (
    ModelParts,
    UpdateState,
    check_parts,
)
from textmlr.model.model_verbs import ModelVerbs
from textmlr.model.parameters import LINEAR
from textmlr.model.record import Record, VersionsRecord
from textmlr.model.scoring import Calibration

if TYPE_CHECKING:
    from textmlr.corpus.given_data import Texts

Json = dict[str, Any]

_OWN = {name: name for name in ("labels", "featurizer", "record")}  # the others begin with _
_PARTS = [one for one in fields(ModelParts) if one.name != "update_state"]


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
        activation: Activation = LINEAR,
        update_state: UpdateState | None = None,
        head: Head = SOFTMAX,
        thresholds: NDArray[np.float64] | None = None,
    ) -> None:
        parts = ModelParts(
            check_strings("labels", labels) or [],
            featurizer,
            layers,
            record,
            columns,
            Calibration() if calibration is None else calibration,
            activation=activation,
            update_state=UpdateState() if update_state is None else update_state,
            head=head,
            thresholds=thresholds,
        )
        self._begin(parts)

    def _begin(self, parts: ModelParts) -> None:
        """Take the parts, which are checked."""
        check_parts(parts)
        self.labels, self.featurizer = list(parts.labels), parts.featurizer
        self.record = parts.record
        self._layers, self._activation = list(parts.layers), parts.activation
        self._columns, self._calibration = parts.columns, parts.calibration
        self._storage = parts.storage
        state = parts.update_state
        self._squares, self._trained_on = list(state.squares), state.trained_on
        self._head, self._thresholds = parts.head, parts.thresholds
        self._base, self._postings = parts.base, parts.postings
        self._answerer = answerer_of(parts)

    @property
    def is_multilabel(self) -> bool:
        """Whether a document may have several labels, or none.

        >>> import textmlr
        >>> textmlr.train(["a robot", "a saddle"], ["scifi", "western"]).is_multilabel
        False
        """
        return self._thresholds is not None

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
        model = cls.__new__(cls)
        model._begin(parts)
        return model

    def predict(self, texts: Texts | str | bytes, *, threads: int | None = None) -> Any:
        """The most probable label of each text: (n,) array of str; of a single text, a str.

        A multi-label model gives a tuple of labels in place of the str: those whose P is at least
        their threshold, the likeliest first; () for none.

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
        if self._postings is not None and self._thresholds is None:
            best = likeliest_names(ranked_texts(self, texts, 1, threads), self.labels)
            return best[0] if single else best
        rows = np.atleast_2d(self.probabilities(texts, threads=threads))
        if self._thresholds is None:
            best = np.array(self.labels, object)[self._head.answers(rows)]
        else:
            best = label_tuples(rows, self.labels, LabelChoice(self._thresholds))
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
        return normalizers(self, texts, threads)

    def probabilities(
        self, texts: Texts | str | bytes, *, threads: int | None = None
    ) -> NDArray[np.float64]:
        """P(Y=ℓ | x; θ) for each text and label: (n, L) float64; one text: (L,).

        Rows sum to 1, unless the model is multi-label.  Columns are in the order of ``labels``.

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
        top: int | Literal["answer"] | None = ANSWER,
        min_probability: float = 0.0,
        at_least_one: bool = False,
        threads: int | None = None,
    ) -> list[Answer]: ...
    @overload
    def classify(
        self,
        texts: Texts,
        *,
        top: int | Literal["answer"] | None = ANSWER,
        min_probability: float = 0.0,
        at_least_one: bool = False,
        threads: int | None = None,
    ) -> list[list[Answer]]: ...
    def classify(
        self,
        texts: Texts | str | bytes,
        *,
        top: int | Literal["answer"] | None = ANSWER,
        min_probability: float = 0.0,
        at_least_one: bool = False,
        threads: int | None = None,
    ) -> list[list[Answer]] | list[Answer]:
        """The most probable labels of each text, best first: ``top`` of them, None for all.

        A single text gives its list of Answers.  Ties are in the order of the labels.  Without
        ``top`` there is one, or of a multi-label model those whose P is at least their threshold:
        [] for none.  With ``at_least_one`` the likeliest is given where there would be none.

        Where the best has a probability below ``min_probability`` the answer is "unsure": an Answer
        with label None comes first, before the labels if several are asked for, in place of the one
        otherwise.  So the first Answer is the model's answer.  A multi-label model gives no labels
        below it.
        Raises InputError for a top that is no number of labels, for a min_probability outside 0 to
        1, and for at_least_one with either, or with a model that is not multi-label.

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
                one_text(texts),
                top=top,
                min_probability=min_probability,
                at_least_one=at_least_one,
                threads=threads,
            )[0]
            return own
        if type(min_probability) is not float or min_probability != 0.0:
            check_share("min_probability", min_probability)
        check_top(top, min_probability, at_least_one, self.is_multilabel)
        several = self._thresholds is not None
        if self._postings is not None and not (several and top == ANSWER):
            k = len(self.labels) if top is None else 1 if top == ANSWER else top
            ranked = ranked_texts(self, texts, k, threads)
            return ranked_lists(ranked, self.labels, top, min_probability, several)
        labels, rows = self.labels, self.probabilities(texts, threads=threads)
        if self._thresholds is None and (top == 1 or top == ANSWER):
            answers = []
            for i, b in enumerate(self._head.answers(rows).tolist()):
                share = rows.item(i, b)
                answers.append([Answer(labels[b] if share >= min_probability else None, share)])
            return answers
        choice = None
        if self._thresholds is not None:
            choice = LabelChoice(self._thresholds, min_probability, at_least_one)
        return lists_of(rows, labels, top, min_probability, choice)

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
            refuse_file(place, str(error))

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
