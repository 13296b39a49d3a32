"""MultinomialLogisticClassifier: textmlr's solvers as a scikit-learn classifier of matrices."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from textmlr.base.errors import InputError
from textmlr.base.training_options import MOST_PENALTY, Solver, TrainingOptions
from textmlr.corpus.label_sets import LabelSets, Targets
from textmlr.features.csr_features import Features
from textmlr.model.heads import SIGMOIDS, SOFTMAX, Head
from textmlr.model.parameters import Network
from textmlr.model.scoring import score
from textmlr.sklearn.conventions import (
    check_same_classes,
    check_two_classes,
    first_classes,
    known_codes,
    seed_of,
    threads_of,
    weights_of,
)
from textmlr.sklearn.matrices import check_size, counted_once, features_of
from textmlr.sklearn.set_targets import (
    Indicator,
    SetTargets,
    classes_of,
    given_sets,
    no_class_weight,
    subset_accuracy,
)
from textmlr.training.exact.penalty_path import fit_exact
from textmlr.training.objective import Objective
from textmlr.training.sgd.fit import fit
from textmlr.training.update.posterior import CurvatureSums, Posterior

if TYPE_CHECKING:
    from typing import Self

Array = NDArray[np.float64]
MOST = float(np.finfo(np.float32).max) / 2  # the largest weight: differences are finite


class MultinomialLogisticClassifier(ClassifierMixin, BaseEstimator):
    """Multinomial logistic regression on sparse or dense rows, in place of LogisticRegression.

    It minimises, as LogisticRegression does,

        C·Σ_i w_i·(−log P(y_i | x_i; θ)) + (1 − l1_ratio)/2·‖θ‖² + l1_ratio·Σ|θ|

    which is textmlr's mean loss + (λ/2)‖θ‖² + λ₁·Σ|θ| with λ = (1 − l1_ratio)/(C·Σw) and
    λ₁ = l1_ratio/(C·Σw).  Two things differ.  The intercept is the weight of a feature that is
    always 1, and is penalised like the others.  With two classes both have weights, θ and −θ, so
    that C is half of LogisticRegression's.

    y may also be a matrix of 0 and 1 with a column a class, dense or sparse, or a list of lists of
    classes.  Then each class is a sigmoid of its own, the loss of a document is
    the sum of theirs, and predict gives such a matrix: 1 where P is ½ or more.  It is
    OneVsRestClassifier(LogisticRegression(C)) in one, with its C.

    C              inverse strength of the penalty, above 0; infinity for none
    l1_ratio       0 to 1; above 0 most weights become exactly 0
    fit_intercept  whether there is an intercept
    solver         "exact": the minimum, proved to the tolerance, whatever the order of documents;
                   "sgd": stochastic gradient descent, stopped early, whose step size is chosen on
                   a tenth of the documents.  It suits rows of about one length, and so many
                   documents × classes that the exact solver takes too long
    tol            stop exact when gap/value is at most this, where the gap bounds value − minimum;
                   None: 1e-6
    epochs         passes of sgd over the documents; None: 2 to 5
    learning_rate  first step size of sgd, in units of 1 / mean ‖x‖²; None: chosen
    class_weight   a dict, "balanced", or None
    random_state   the seed of sgd; None is always the same
    n_jobs         threads; None and -1: one a processor.  Their number changes no bit

    classes_       (L,) sorted; of a matrix y the numbers of its columns
    coef_          (L, V) float32, with one of two classes (1, V);  intercept_ (L,) or (1,)
    n_features_in_, feature_names_in_   V, and the names of columns, where they have any
    n_iter_        rounds of the solver, or epochs
    l2_, l1_       λ and λ₁

    sample_weight is a number of documents: a weight of 2 is two equal documents, to the bit.  Rows
    are read as float32, and no value in them may be above 1e15.

    ``partial_fit`` trains on one part of the documents after the other.  It keeps the weights, and
    the curvature of the loss of the documents so far in each of them
    (``textmlr.training.update.posterior``): the first call alone finds what fit finds, and many
    calls come near to it.  It has no step size, solves each part to the exact solver's tolerance,
    and needs a C below infinity and no l1.
    Each part should have documents of all classes: given one class after the other, it forgets the
    first.

    >>> from textmlr.sklearn import MultinomialLogisticClassifier
    >>> classifier = MultinomialLogisticClassifier(C=10)
    >>> classifier.fit([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0]], ["up", "down", "up"]).classes_.tolist()
    ['down', 'up']
    >>> classifier.predict([[0.0, 3.0], [3.0, 0.0]]).tolist()
    ['up', 'down']
    """

    classes_: NDArray[Any]
    coef_: NDArray[np.float32]
    intercept_: NDArray[np.float32]
    n_iter_: int
    l2_: float
    l1_: float
    _posterior: Posterior | None
    _sums: CurvatureSums
    _indicator: Indicator | None

    def __init__(
        self,
        *,
        C: float = 1.0,  # noqa: N803
        l1_ratio: float = 0.0,
        fit_intercept: bool = True,
        solver: Solver = "exact",
        tol: float | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        class_weight: Any = None,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.C = C
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.class_weight = class_weight
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Train on rows X (n, V) and their classes: y (n,), a matrix (n, L) of 0 and 1, or lists.

        Raises ValueError where there is nothing to train on, or no minimum (C is infinite, and the
        classes can be separated without error).
        """
        X, y = self._checked(X, y, reset=True)  # noqa: N806
        classes, targets = classes_of(y)
        weights = self._weights(X, sample_weight, classes, targets)
        if not isinstance(targets, LabelSets):
            check_two_classes(type(self).__name__, classes, targets, weights)
        penalty = self._penalty()
        self.l2_ = penalty * (1 - self.l1_ratio) / float(weights.sum())
        self.l1_ = penalty * self.l1_ratio / float(weights.sum())
        features = features_of(X, bias=self.fit_intercept)
        rows, own, summed = counted_once(features, targets, weights)
        mean = (summed * (len(summed) / summed.sum())).astype(np.float32)
        self._indicator = y.indicator if isinstance(y, SetTargets) else None
        objective = Objective(rows, own, mean, len(classes), self.l2_, head=self._head())
        theta = self._solve(objective)
        self.classes_ = classes
        self._keep(theta)
        self._posterior = None  # five times as large as coef_, and few will need it
        self._sums = CurvatureSums.at(theta, rows, own, summed, threads_of(self.n_jobs))
        return self

    def _learns_in_parts(self) -> bool:
        """Whether there is a partial_fit.  Raises AttributeError with the reason if not."""
        if self.l1_ratio or not self._penalty():
            raise AttributeError(
                f"partial_fit needs a finite C and no l1_ratio, not C={self.C} and "
                f"l1_ratio={self.l1_ratio}: what earlier documents say is kept as squares"
            )
        return True

    @available_if(_learns_in_parts)
    def partial_fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
    ) -> Self:
        """Train on further rows, on top of fit and of earlier calls.

        classes  all there will be; needed on the first call, if there was no fit
        """
        fresh = not hasattr(self, "classes_")
        known = first_classes(classes) if fresh else self.classes_
        check_same_classes(classes, known)
        X, y = self._checked(X, y, known, reset=fresh)  # noqa: N806
        if isinstance(self.class_weight, str):
            raise InputError(
                f"class_weight={self.class_weight!r} needs all documents at once",
                mend="give a dict of weights to partial_fit",
            )
        if not fresh and isinstance(y, SetTargets) != self._head().has_sets:
            raise ValueError("y has one class a document in one part, and several in another")
        targets = y.sets if isinstance(y, SetTargets) else known_codes(known, y).astype(np.int32)
        weights = self._weights(X, sample_weight, known, targets)
        features = features_of(X, bias=self.fit_intercept)
        rows, own, summed = counted_once(features, targets, weights)
        if fresh:
            posterior = Posterior.start(features.columns, len(known), self._penalty())
        else:
            penalty = self._penalty()
            posterior = self._posterior or Posterior.of(self._theta(), penalty, self._sums)
        self.n_iter_ = max(1, posterior.update(rows, own, summed, threads_of(self.n_jobs)))
        self._posterior, self.classes_ = posterior, known
        if fresh:
            self._indicator = y.indicator if isinstance(y, SetTargets) else None
        self._keep(np.clip(posterior.theta, -MOST, MOST).astype(np.float32))
        return self

    def decision_function(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """θᵀx of each class, (n, L); with one of two classes the difference, (n,): above 0, the
        second."""
        scores = self._scores(X)
        one = scores.shape[1] == 1 and not self._head().has_sets
        return scores[:, 0] if one else scores

    def predict(self, X: Any) -> Any:  # noqa: N803
        """The likeliest class of each row: (n,); or (n, L), 1 for each class with P >= ½."""
        scores = self._all_scores(X)
        if self._indicator is not None:
            return self._indicator.of(scores >= 0)
        return np.asarray(self.classes_[self._head().answers(scores)])

    def predict_proba(self, X: Any) -> Array:  # noqa: N803
        """P(class | x) of each row, in the order of classes_: (n, L).  Rows sum to 1, but for y
        with several classes a document."""
        return self._head().probabilities(self._all_scores(X))

    def predict_log_proba(self, X: Any) -> Array:  # noqa: N803
        """log P(class | x), finite where P is 0 in float64: (n, L)."""
        scores, head = self._all_scores(X), self._head()
        return np.asarray(head.log_p(scores, head.log_z(scores)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """The share of rows that are right; of several classes a document, all of which are."""
        check_is_fitted(self)
        if not self._head().has_sets:
            return float(super().score(X, y, sample_weight))
        return subset_accuracy(y, self.predict(X), self.classes_, sample_weight)

    def _head(self) -> Head:
        """How scores become P."""
        return SOFTMAX if getattr(self, "_indicator", None) is None else SIGMOIDS

    def _checked(
        self,
        X: Any,  # noqa: N803
        y: Any,
        known: NDArray[Any] | None = None,
        *,
        reset: bool,
    ) -> tuple[Any, NDArray[Any] | SetTargets]:
        """X as float32, dense or CSR, and y in one dimension, or sets;  known  classes, or None."""
        sets = given_sets(y, known)
        with np.errstate(over="ignore"):  # too large values become infinite, and are refused
            checked = validate_data(
                self,
                X,
                "no_validation" if sets is not None else y,
                accept_sparse="csr",
                dtype=np.float32,
                reset=reset,
            )
        X, y = (checked, sets) if sets is not None else checked  # noqa: N806
        check_size(X)
        if sets is not None:
            check_consistent_length(X, sets)
            return X, sets
        check_classification_targets(y)
        return X, y

    def _weights(
        self,
        X: Any,  # noqa: N803
        sample_weight: Any,
        classes: NDArray[Any],
        y: Targets,
    ) -> Array:
        own = np.ones(len(y))
        if sample_weight is not None:
            own = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if isinstance(y, LabelSets):
            no_class_weight(self.class_weight)
            return weights_of(own, None, classes, np.zeros(len(y), np.int64))
        return weights_of(own, self.class_weight, classes, y)

    def _penalty(self) -> float:
        """1/C."""
        for name, value, fine in (
            ("C", self.C, lambda c: c > 0),
            ("l1_ratio", self.l1_ratio, lambda r: 0 <= r <= 1),
        ):
            number = isinstance(value, int | float | np.integer | np.floating)
            if not number or isinstance(value, bool) or not fine(value):
                wanted = "a number above 0" if name == "C" else "a number of 0 to 1"
                raise InputError(f"{name}={value!r}", mend=f"give {wanted}")
        return 1 / float(self.C)

    def _solve(self, objective: Objective) -> NDArray[np.float32]:
        """θ (V + 1, L)."""
        threads = threads_of(self.n_jobs)
        # The smallest C and sample weights make penalties without end, and θ is 0 all the same.
        l2, l1 = (min(penalty, MOST_PENALTY) for penalty in (self.l2_, self.l1_))
        if self.solver == "sgd":
            options = TrainingOptions(
                solver="sgd",
                l2=l2,
                l1=l1,
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                calibration=False,
                tolerance=self.tol,
                seed=seed_of(self.random_state),
            )
            found = fit(objective, options, threads=threads)
            self.n_iter_ = found.epochs
            return found.layers[0]
        options = TrainingOptions(
            solver=self.solver,
            l2=l2,
            l1=l1,
            tolerance=self.tol,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            holdout=0.0,
        )
        optimum = fit_exact(objective, options, threads=threads).optimum
        if not optimum.converged:
            warnings.warn(
                f"the gap is {optimum.gap:.2g} after {optimum.iterations} rounds; raise tol, or "
                "lower C",
                ConvergenceWarning,
                stacklevel=3,
            )
        self.n_iter_ = max(1, optimum.iterations)
        return optimum.theta

    def _keep(self, theta: NDArray[np.float32]) -> None:
        """θ (V + 1, L) as coef_ and intercept_."""
        if theta.shape[1] == 2 and self._head().is_relative:
            theta = theta[:, 1:] - theta[:, :1]
        width = self.n_features_in_
        self.coef_ = np.ascontiguousarray(theta[:width]).T
        self.intercept_ = np.zeros(theta.shape[1], np.float32)
        if self.fit_intercept:
            self.intercept_ = theta[width].copy()

    def _theta(self) -> NDArray[np.float32]:
        """θ (V + 1, L) of coef_ and intercept_."""
        theta = np.asarray(self.coef_.T, np.float32)
        if self.fit_intercept:
            theta = np.vstack([theta, self.intercept_])
        one = theta.shape[1] == 1 and self._head().is_relative
        return np.hstack([-theta / 2, theta / 2]) if one else theta

    def _scores(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """(n, L), or (n, 1) with two classes."""
        check_is_fitted(self)
        with np.errstate(over="ignore"):
            X = validate_data(  # noqa: N806
                self, X, accept_sparse="csr", dtype=np.float32, reset=False
            )
        check_size(X)
        features: Features = features_of(X, bias=False)
        theta = np.ascontiguousarray(self.coef_.T, dtype=np.float32)
        scores: NDArray[np.float32] = score(features, Network.of([theta])) + np.float32(
            self.intercept_
        )
        return scores

    def _all_scores(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """(n, L); with two classes the first has 0: softmax of (0, s) is the sigmoid of s."""
        scores = self._scores(X)
        if scores.shape[1] == 1 and self._head().is_relative:
            return np.hstack([np.zeros_like(scores), scores])
        return scores

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags
