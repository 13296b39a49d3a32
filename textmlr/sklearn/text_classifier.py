"""TextClassifier: ``textmlr.train`` and ``textmlr.Model`` as a scikit-learn classifier of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.training_options import TrainingOptions
from textmlr.base.update_options import UpdateOptions
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.label_sets import LabelSets, Targets
from textmlr.model.model import Model
from textmlr.model.scoring import base_rates
from textmlr.sklearn.conventions import (
    check_same_classes,
    check_two_classes,
    first_classes,
    known_codes,
    threads_of,
    weights_of,
)
from textmlr.sklearn.corpora import checked, compacted, corpus_of, joined, names_of
from textmlr.sklearn.estimator_parameters import (
    N_JOBS,
    featurizer_options,
    has_parameters,
    training_options,
)
from textmlr.sklearn.set_targets import (
    Indicator,
    SetTargets,
    classes_of,
    no_class_weight,
    subset_accuracy,
)
from textmlr.training.corpus_training import train_corpus
from textmlr.training.update.model_update import update_model

if TYPE_CHECKING:
    from typing import Self

Array = NDArray[np.float64]
MOST_KEPT = 1 << 24  # bytes of text, kept to train anew when it has doubled


@has_parameters(
    [FeaturizerOptions, TrainingOptions],
    {
        "class_weight": "A dict of classes, 'balanced', or None.",
        "random_state": "The seed; None is always the same.",
        "n_jobs": N_JOBS,
    },
)
class TextClassifier(ClassifierMixin, BaseEstimator):
    """Text → class, as ``textmlr.train`` trains it, in place of a pipeline of a vectorizer and a
    classifier; there is nothing that must be chosen.

    Its parameters are the fields of ``textmlr.FeaturizerOptions`` and ``textmlr.TrainingOptions``,
    and three that scikit-learn names.  After fit:

    classes_      (L,) sorted, of the type that y had
    model_        the ``textmlr.Model``, whose labels are the names of the classes: "3" for 3.  It
                  can be saved as a file, and explains itself

    Texts may be whatever ``textmlr.train`` takes: lists, arrays, Series of pandas and polars,
    Arrow, columns of Hugging Face datasets.  sample_weight counts where steps are drawn, and in
    the loss: a weight of 2 is about two documents.

    y may also be a matrix of 0 and 1 with a column a class, dense or sparse, or a list of lists of
    classes.  Then predict gives such a matrix: 1 where P is at or above the
    threshold of the class, which ``maximise`` chooses (``model_.thresholds``).  A class that no
    document has is no answer, and its P is its base rate, ½/(n + 1) of n documents.

    >>> from textmlr.sklearn import TextClassifier
    >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a sheriff"]
    >>> classifier = TextClassifier(ngrams=(1, 1), char_ngrams=None).fit(texts, [1, 0, 1, 0])
    >>> classifier.predict(["my robot", "sheriff!"]).tolist()
    [1, 0]
    >>> classifier.predict_proba(["my robot"]).shape
    (1, 2)
    """

    classes_: NDArray[Any]
    model_: Model
    _kept: list[Corpus] | None  # parts so far, while they are few
    _trained: int  # documents of the last training
    _indicator: Indicator | None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Train on texts X and their classes: y (n,), a matrix (n, L) of 0 and 1, or lists.

        Raises ValueError (``textmlr.InputError``) for a document that is no text, naming its
        position, and where there is nothing to train on.
        """
        batches, y = checked(X, y)
        classes, targets = classes_of(y)
        weights = self._weights(sample_weight, classes, targets)
        if not isinstance(targets, LabelSets):
            check_two_classes(type(self).__name__, classes, targets, weights)
        self.model_ = self._train(corpus_of(batches, classes, targets, weights))
        self._kept, self._trained = None, len(y)
        self._indicator = y.indicator if isinstance(y, SetTargets) else None
        self.classes_ = classes
        return self

    def partial_fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
    ) -> Self:
        """Train on further texts, on top of fit and of earlier calls.

        The first part is trained on as by fit, later parts as by ``textmlr.update``, with the model
        and the new texts alone; new texts bring features of their own.  As long as all texts so far
        are few (below 16 MB) they are kept, and the model is trained anew whenever they have
        doubled: n-grams, steps and calibration should not depend on the first few documents.
        Within a part weights count against one another.  A class that no part has had yet has
        probability 0; there is no model, and no answer, before the second class.

        classes  all there will be; needed on the first call, if there was no fit
        """
        fresh = not hasattr(self, "classes_")
        known = first_classes(classes) if fresh else self.classes_
        check_same_classes(classes, known)
        if isinstance(self.class_weight, str):
            raise InputError(
                f"class_weight={self.class_weight!r} needs all texts at once",
                mend="give a dict of weights to partial_fit",
            )
        batches, y = checked(X, y, known)
        targets = y.sets if isinstance(y, SetTargets) else known_codes(known, y)
        indicator = y.indicator if isinstance(y, SetTargets) else None
        if not fresh and (indicator is None) != (self._indicator is None):
            raise ValueError("y has one class a document in one part, and several in another")
        part = corpus_of(batches, known, targets, self._weights(sample_weight, known, targets))
        if fresh:
            self._kept, self._trained, self._indicator = [], 0, indicator
        self._learn(part)
        self.classes_ = known
        return self

    def _learn(self, part: Corpus) -> None:
        """Train on all texts that are kept, if they have doubled; else update the model."""
        trained = hasattr(self, "model_")
        if self._kept is not None:
            kept = [*self._kept, compacted(part)]
            documents = sum(map(len, kept))
            if documents >= 2 * self._trained:
                everything = joined(kept)
                if trained or len(everything.labels) > 1:
                    self.model_ = self._train(everything)
                    self._trained = documents
            few = sum(b.text_bytes for c in kept for b in c.batches) <= MOST_KEPT
            self._kept = kept if few or not hasattr(self, "model_") else None
            if self._trained == documents or not trained:
                return
        self.model_ = update_model(
            self.model_, part, UpdateOptions(holdout=0.0), threads=threads_of(self.n_jobs)
        )

    def _train(self, corpus: Corpus) -> Model:
        if self.maximise is not None and not corpus.is_multilabel:
            raise InputError(
                f"maximise={self.maximise!r} chooses thresholds, and y has one class a document",
                mend="leave it out, or give y as a matrix of 0 and 1, or as lists of classes",
            )
        return train_corpus(
            corpus,
            featurizer_options(self),
            training_options(self),
            threads=threads_of(self.n_jobs),
        )

    def decision_function(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """θᵀf(x) of each class, calibrated: (n, L); with two classes the difference, (n,)."""
        scores = self._scores(X)
        one = scores.shape[1] == 2 and self._indicator is None
        return scores[:, 1] - scores[:, 0] if one else scores

    def predict(self, X: Any) -> Any:  # noqa: N803
        """The likeliest class of each text: (n,); or (n, L), 1 for each class that answers."""
        check_is_fitted(self)
        if self._indicator is not None:
            thresholds = self.model_.parts.thresholds
            assert thresholds is not None
            # A class without documents is never an answer.
            own = self._ordered(thresholds[None, :], 1.0)
            return self._indicator.of(self.predict_proba(X) >= own)
        scores = self._scores(X)
        best = self.model_.parts.head.answers(scores)
        return np.asarray(self.classes_[best])

    def predict_proba(self, X: Any) -> Array:  # noqa: N803
        """P(class | text), in the order of classes_: (n, L).  Rows sum to 1, but for y with several
        classes a document."""
        check_is_fitted(self)
        found = self.model_.probabilities(_several(X), threads=threads_of(self.n_jobs))
        return self._ordered(found, self._unseen())

    def predict_log_proba(self, X: Any) -> Array:  # noqa: N803
        """log P(class | text), finite where P is 0 in float64: (n, L)."""
        check_is_fitted(self)
        batches: Any = batches_of(X)  # once, if X is an iterator
        threads = threads_of(self.n_jobs)
        found = self.model_.scores(batches, threads=threads)
        scores = self._ordered(found, self._log_odds_unseen())
        log_z = self.model_.log_z(batches, threads=threads)
        return np.asarray(self.model_.parts.head.log_p(scores, log_z))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """The share of texts that are right; of several classes a document, all of which are."""
        check_is_fitted(self)
        if self._indicator is None:
            return float(super().score(X, y, sample_weight))
        return subset_accuracy(y, self.predict(X), self.classes_, sample_weight)

    def _scores(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        check_is_fitted(self)
        scores = self.model_.scores(_several(X), threads=threads_of(self.n_jobs))
        return self._ordered(scores, self._log_odds_unseen())

    def _unseen(self) -> float:
        """P of a class that no document had: its base rate, and 0 where each document has one."""
        if self._indicator is None:
            return 0.0
        return float(base_rates([0], self.model_.record.documents)[0])

    def _log_odds_unseen(self) -> float:
        p = self._unseen()
        return float(np.log(p / (1 - p))) if p else -np.inf

    def _ordered(self, columns: NDArray[Any], other: float) -> NDArray[Any]:
        """Columns of the model's labels in the order of classes_; ``other`` for a class that no
        document had."""
        place = {name: number for number, name in enumerate(self.model_.labels)}
        numbers = [place.get(name, len(place)) for name in names_of(self.classes_)]
        if len(place) < len(numbers):
            columns = np.pad(columns, ((0, 0), (0, 1)), constant_values=other)
        return columns[:, numbers]

    def _weights(self, sample_weight: Any, classes: NDArray[Any], targets: Targets) -> Array:
        """(n,): sample_weight times a dict's class_weight; training itself knows "balanced"."""
        own = np.ones(len(targets))
        if sample_weight is not None:
            own = _check_sample_weight(sample_weight, own, dtype=np.float64)
            if (own < 0).any():
                raise ValueError("negative values in sample_weight: give weights of at least 0")
        if isinstance(targets, LabelSets):
            no_class_weight(self.class_weight)
            return weights_of(own, None, classes, np.zeros(len(targets), np.int64))
        each = None if self.class_weight == "balanced" else self.class_weight
        return weights_of(own, each, classes, targets)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_label = True
        return tags


def _several(texts: Any) -> Any:
    """Texts as they are; InputError for a single one, which scikit-learn does not take."""
    return batches_of(texts) if isinstance(texts, str | bytes) else texts
