"""The estimators where documents have several classes: a matrix of 0 and 1, or lists."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from conftest import documents
from scipy.sparse import csc_matrix, csr_matrix, issparse
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from textmlr import InputError
from textmlr.sklearn import MultinomialLogisticClassifier, TextClassifier, TextFeaturizer
from textmlr.sklearn.set_targets import given_sets

WORDS = {"ngrams": (1, 1), "char_ngrams": None}


def lists_of(seed: int, number: int) -> tuple[list[str], list[list[str]]]:
    """(texts, classes): two documents in one have the classes of both; some have none."""
    one, two = documents(number, seed), documents(number + 1, seed + 100)[1:]
    texts, lists = [], []
    for i, ((a, text), (b, more)) in enumerate(zip(one, two, strict=True)):
        several = i % 3 == 0
        texts.append(f"{text} {more}" if several else text)
        lists.append(sorted({a, b}) if several else [a])
        if i % 20 == 7:
            texts[-1], lists[-1] = "the a of and with in on", []
    return texts, lists


TEXTS, LISTS = lists_of(1, 300)
NEW_TEXTS, NEW_LISTS = lists_of(2, 90)
CLASSES = ["romance", "scifi", "western"]


def matrix_of(lists: list[list[str]]) -> np.ndarray:
    return np.array([[name in own for name in CLASSES] for own in lists]).astype(int)


def problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return make_multilabel_classification(
        n_samples=120, n_features=12, n_classes=5, n_labels=2, random_state=seed
    )


MATRICES = [
    MultinomialLogisticClassifier(),
    MultinomialLogisticClassifier(solver="sgd", random_state=0),
    MultinomialLogisticClassifier(C=10, l1_ratio=0.5),
]


@pytest.mark.parametrize("estimator", MATRICES, ids=repr)
@pytest.mark.parametrize(
    "name",
    [
        "representation_invariance",
        "output_format_predict",
        "output_format_predict_proba",
        "output_format_decision_function",
    ],
)
def test_checks_of_scikit_learn(name: str, estimator: MultinomialLogisticClassifier) -> None:
    from sklearn.utils import estimator_checks

    assert estimator.__sklearn_tags__().classifier_tags.multi_label
    check = getattr(estimator_checks, f"check_classifiers_multilabel_{name}")
    check(type(estimator).__name__, clone(estimator))


class TestMatrices:
    @pytest.mark.parametrize("weighted", [False, True])
    def test_it_finds_what_one_against_the_rest_finds(self, weighted: bool) -> None:
        x, y = problem()
        weights = np.random.default_rng(0).uniform(0, 3, len(x)) if weighted else np.ones(len(x))
        ours = MultinomialLogisticClassifier(C=0.5, tol=1e-9, fit_intercept=False)
        ours.fit(x, y, sample_weight=weights)
        for column, own in enumerate(y.T):
            theirs = LogisticRegression(C=0.5, tol=1e-10, fit_intercept=False, max_iter=10**4)
            theirs.fit(x, own, weights)
            np.testing.assert_allclose(ours.coef_[column], theirs.coef_[0], atol=1e-4)
        theirs = OneVsRestClassifier(LogisticRegression(C=0.5, tol=1e-10, fit_intercept=False))
        if not weighted:
            theirs.fit(x, y)
            np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-4)
            np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
            np.testing.assert_array_equal(ours.classes_, theirs.classes_)
            assert ours.score(x, y) == theirs.score(x, y) == accuracy_score(y, ours.predict(x))

    def test_what_it_answers(self) -> None:
        x, y = problem()
        fitted = MultinomialLogisticClassifier().fit(x, y)
        p = fitted.predict_proba(x)
        assert fitted.classes_.tolist() == [0, 1, 2, 3, 4]
        assert fitted.coef_.shape == (5, 12)
        assert fitted.intercept_.shape == (5,)
        np.testing.assert_array_equal(fitted.predict(x), p >= 0.5)
        np.testing.assert_allclose(np.exp(fitted.predict_log_proba(x)), p, rtol=1e-6)
        scores = fitted.decision_function(x)
        np.testing.assert_allclose(1 / (1 + np.exp(-scores.astype(float))), p, rtol=1e-6)
        again = pickle.loads(pickle.dumps(fitted))
        assert again.predict_proba(x).tobytes() == p.tobytes()

    @pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, float])
    def test_answers_are_as_y_was(self, dtype: type) -> None:
        x, y = problem()
        fitted = MultinomialLogisticClassifier().fit(x, y.astype(dtype))
        assert fitted.predict(x).dtype == dtype
        for kind in (csr_matrix, csc_matrix):
            sparse = MultinomialLogisticClassifier().fit(csr_matrix(x), kind(y.astype(dtype)))
            answers = sparse.predict(csr_matrix(x))
            assert issparse(answers)
            np.testing.assert_array_equal(answers.toarray(), fitted.predict(x))
            assert sparse.score(x, kind(y)) == fitted.score(x, y) == sparse.score(x, y)

    def test_lists_have_names(self) -> None:
        x, y = problem()
        names = np.array(["e", "a", "d", "b", "c"])
        lists = [names[row.astype(bool)].tolist() for row in y]
        one = MultinomialLogisticClassifier().fit(x, y)
        for given in (lists, [set(own) for own in lists], np.array([*lists, 0], object)[:-1]):
            fitted = MultinomialLogisticClassifier().fit(x, given)
            assert fitted.classes_.tolist() == sorted(names)
            order = np.argsort(names)
            np.testing.assert_allclose(
                fitted.predict_proba(x), one.predict_proba(x)[:, order], atol=1e-3
            )
            assert fitted.score(x, given) == one.score(x, y)
        with pytest.raises(ValueError, match=r"y has the classes \['z'\]"):
            fitted.score(x, [["z"], *lists[1:]])

    def test_weights_and_order_change_no_bit(self) -> None:
        x, y = problem()
        times = np.random.default_rng(1).integers(0, 4, len(x))
        weighted = MultinomialLogisticClassifier().fit(x, y, sample_weight=times)
        copies = np.random.default_rng(2).permutation(np.repeat(np.arange(len(x)), times))
        copied = MultinomialLogisticClassifier(n_jobs=1).fit(x[copies], y[copies])
        assert weighted.coef_.tobytes() == copied.coef_.tobytes()

    def test_classes_of_no_document_and_of_all(self) -> None:
        x, y = problem()
        y[:, 1], y[:, 3] = 0, 1
        fitted = MultinomialLogisticClassifier().fit(x, y)
        assert not fitted.predict(x)[:, 1].any()
        assert fitted.predict(x)[:, 3].all()

    def test_parts(self) -> None:
        x, y = problem()
        whole = MultinomialLogisticClassifier(C=1.0).fit(x, y)
        parts = MultinomialLogisticClassifier(C=1.0)
        parts.partial_fit(x, y, classes=range(5))
        np.testing.assert_allclose(parts.coef_, whole.coef_, atol=2e-3)
        parts = MultinomialLogisticClassifier(C=1.0).fit(x[:60], y[:60])
        before = parts.predict_proba(x)
        parts.partial_fit(x[60:], y[60:])
        far, near = (
            np.abs(p - whole.predict_proba(x)).mean() for p in (before, parts.predict_proba(x))
        )
        assert near < 0.8 * far
        sparse = MultinomialLogisticClassifier(C=1.0).fit(x[:60], csr_matrix(y[:60]))
        answers = sparse.partial_fit(x[60:], y[60:]).predict(x)
        assert issparse(answers)  # answers look as the first y did
        assert (answers.toarray() == parts.predict(x)).all()
        with pytest.raises(ValueError, match="5 classes"):
            parts.partial_fit(x, y[:, :3])
        with pytest.raises(ValueError, match="one class a document in one part, and several"):
            parts.partial_fit(x, y[:, 0])

    def test_what_cannot_be_learnt_from(self) -> None:
        x, y = problem()
        for class_weight in ("balanced", {0: 2.0}):
            with pytest.raises(InputError, match=r"class_weight=.* means nothing where"):
                MultinomialLogisticClassifier(class_weight=class_weight).fit(x, y)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            MultinomialLogisticClassifier().fit(x, y[:50])
        with pytest.raises(InputError, match="no document has a class"):
            MultinomialLogisticClassifier().fit(x[:3], [[], [], []])
        with pytest.raises(InputError, match="document 1 has a class that is missing"):
            MultinomialLogisticClassifier().fit(x[:3], [["a"], ["b", None], []])
        with pytest.raises(InputError, match="the optimum is at infinity"):
            MultinomialLogisticClassifier(C=np.inf).fit(x, np.eye(len(x), 5))

    def test_grid_search_and_cross_validation(self) -> None:
        x, y = problem()
        search = GridSearchCV(
            MultinomialLogisticClassifier(), {"C": [1e-3, 1.0]}, scoring="f1_micro", cv=3
        ).fit(x, y)
        assert search.best_params_ == {"C": 1.0}
        p = cross_val_predict(MultinomialLogisticClassifier(), x, y, method="predict_proba")
        assert p.shape == y.shape

    def test_a_pipeline_of_text(self) -> None:
        fitted = make_pipeline(TextFeaturizer(ngrams=(1, 1)), MultinomialLogisticClassifier(C=10))
        fitted.fit(TEXTS, matrix_of(LISTS))
        answers = fitted.predict(NEW_TEXTS)
        assert f1_score(matrix_of(NEW_LISTS), answers, average="micro") > 0.8


class TestTexts:
    def test_a_matrix_and_lists(self) -> None:
        matrix = TextClassifier(**WORDS).fit(TEXTS, matrix_of(LISTS))
        lists = TextClassifier(**WORDS).fit(TEXTS, LISTS)
        assert matrix.classes_.tolist() == [0, 1, 2]
        assert matrix.model_.labels == ["0", "1", "2"]
        assert lists.classes_.tolist() == lists.model_.labels == CLASSES
        p = lists.predict_proba(NEW_TEXTS)
        assert p.tobytes() == matrix.predict_proba(NEW_TEXTS).tobytes()
        assert p.tobytes() == lists.model_.probabilities(NEW_TEXTS).tobytes()
        for fitted in (matrix, lists):
            answers = fitted.predict(NEW_TEXTS)
            assert answers.dtype == np.int64
            np.testing.assert_array_equal(answers, p >= fitted.model_.parts.thresholds)
            assert f1_score(matrix_of(NEW_LISTS), answers, average="micro") > 0.8
            assert fitted.decision_function(NEW_TEXTS).shape == p.shape
            logs = fitted.predict_log_proba(NEW_TEXTS)
            np.testing.assert_allclose(np.exp(logs.astype(float)), p, rtol=1e-4, atol=1e-30)
            right = accuracy_score(matrix_of(NEW_LISTS), answers)
            assert fitted.score(NEW_TEXTS, matrix_of(NEW_LISTS)) == right
            assert fitted.score(NEW_TEXTS, csr_matrix(matrix_of(NEW_LISTS))) == right
        assert lists.score(NEW_TEXTS, NEW_LISTS) == right
        answered = [set(own) for own in lists.model_.predict(NEW_TEXTS)]
        assert answered == [
            {name for name, yes in zip(CLASSES, row, strict=True) if yes} for row in answers
        ]
        again = pickle.loads(pickle.dumps(lists))
        assert again.predict(NEW_TEXTS).tobytes() == answers.tobytes()

    def test_sparse_answers_and_classes_of_no_text(self) -> None:
        y = np.hstack([matrix_of(LISTS)[:, :2], np.zeros((300, 1), int), matrix_of(LISTS)[:, 2:]])
        fitted = TextClassifier(**WORDS, n_jobs=1).fit(TEXTS, csr_matrix(y))
        answers = fitted.predict(NEW_TEXTS)
        assert issparse(answers)
        assert answers.shape == (90, 4)
        assert not answers[:, 2].sum()
        np.testing.assert_allclose(fitted.predict_proba(NEW_TEXTS)[:, 2], 0.5 / 301)

    def test_thresholds_are_for_what_is_maximised(self) -> None:
        fitted = TextClassifier(**WORDS, maximise="utility", cost_false_positive=3.0)
        fitted.fit(TEXTS, LISTS)
        np.testing.assert_allclose(fitted.model_.parts.thresholds, 0.75)

    def test_exact_is_the_sum_of_its_classes(self) -> None:
        fitted = TextClassifier(**WORDS, solver="exact").fit(TEXTS, LISTS)
        assert fitted.model_.record.final.converged
        assert f1_score(matrix_of(NEW_LISTS), fitted.predict(NEW_TEXTS), average="micro") > 0.8

    def test_texts_in_parts(self) -> None:
        streamed = TextClassifier(**WORDS)
        for first in range(0, 300, 75):
            part = slice(first, first + 75)
            streamed.partial_fit(TEXTS[part], LISTS[part], classes=CLASSES)
        answers = streamed.predict(NEW_TEXTS)
        assert f1_score(matrix_of(NEW_LISTS), answers, average="micro") > 0.75
        with pytest.raises(ValueError, match=r"y has the classes \['z'\]"):
            streamed.partial_fit(TEXTS[:2], [["z"], []])
        with pytest.raises(ValueError, match="one class a document in one part, and several"):
            streamed.partial_fit(TEXTS[:2], ["scifi", "western"])

    def test_what_cannot_be_learnt_from(self) -> None:
        with pytest.raises(InputError, match=r"class_weight='balanced' means nothing where"):
            TextClassifier(class_weight="balanced").fit(TEXTS, LISTS)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            TextClassifier().fit(TEXTS, LISTS[:50])
        with pytest.raises(InputError, match="maximise='macro-f1' chooses thresholds"):
            TextClassifier(**WORDS, maximise="macro-f1").fit(TEXTS, [i % 2 for i in range(300)])

    def test_search_and_cross_validation(self) -> None:
        y = matrix_of(LISTS)
        search = GridSearchCV(TextClassifier(**WORDS), {"epochs": [1, 4]}, scoring="f1_micro", cv=2)
        search.fit(TEXTS, y)
        p = cross_val_predict(TextClassifier(**WORDS), TEXTS, y, cv=2, method="predict_proba")
        assert p.shape == y.shape


class TestGiven:
    """What y may be."""

    MATRIX = np.array([[1, 0], [0, 1], [1, 1]])
    LISTS = ([["a"], ["b"], ["a", "b"]], [("a",), ("b",), ("a", "b")], [{"a"}, {"b"}, {"b", "a"}])

    def test_matrices(self) -> None:
        pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
        for y in (
            self.MATRIX,
            self.MATRIX.tolist(),
            list(self.MATRIX),
            self.MATRIX.astype(bool),
            csr_matrix(self.MATRIX),
            pandas.DataFrame(self.MATRIX),
            polars.DataFrame({"x": [1, 0, 1], "y": [0, 1, 1]}),
        ):
            found = given_sets(y)
            assert found.sets.tolist() == [[0], [1], [0, 1]]
            assert found.classes.tolist() == [0, 1]

    def test_lists(self) -> None:
        pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
        pyarrow, lists = pytest.importorskip("pyarrow"), self.LISTS[0]
        for y in (
            *self.LISTS,
            [*lists[:2], ["b", "a", "b"]],
            pandas.Series(lists),
            polars.Series(lists),
            pyarrow.array(lists),
            pyarrow.chunked_array([lists[:1], lists[1:]]),
        ):
            found = given_sets(y)
            assert found.sets.tolist() == [[0], [1], [0, 1]]
            assert found.classes.tolist() == ["a", "b"]

    def test_lists_of_one_class_each_are_sets(self) -> None:
        pandas = pytest.importorskip("pandas")
        for y in ([["a"], ["b"], ["a"]], pandas.Series([("a",), ("b",), ("a",)])):
            found = given_sets(y)
            assert found.sets.tolist() == [[0], [1], [0]]
            assert found.classes.tolist() == ["a", "b"]
        assert given_sets([[0], [1]]).sets.tolist() == [[0], [1]]

    def test_one_class_a_document_is_none(self) -> None:
        pandas = pytest.importorskip("pandas")
        for y in (["a", "b"], [0, 1], np.array([[1], [0]]), np.array([["a"], ["b"]]), [], None):
            assert given_sets(y) is None
        assert given_sets(pandas.Series(["a", "b"])) is None
        assert given_sets(np.array([[1, 2], [0, 1]])) is None  # several outputs, not several labels


def test_a_class_without_documents_has_its_base_rate() -> None:
    y = np.insert(matrix_of(LISTS), 1, 0, axis=1)
    texts = TextClassifier(**WORDS).fit(TEXTS, y)
    p, log_p, scores = (
        getattr(texts, name)(NEW_TEXTS)
        for name in ("predict_proba", "predict_log_proba", "decision_function")
    )
    rate = 0.5 / (len(TEXTS) + 1)
    np.testing.assert_allclose(p[:, 1], rate)
    np.testing.assert_allclose(log_p[:, 1], np.log(rate), rtol=1e-6)
    np.testing.assert_allclose(scores[:, 1], np.log(rate / (1 - rate)), rtol=1e-6)
    assert np.isfinite(log_p).all()
    assert np.isfinite(scores).all()
    assert not texts.predict(NEW_TEXTS)[:, 1].any()


def test_thresholds_of_one_class_a_document_are_refused() -> None:
    with pytest.raises(InputError, match=r"y has one class a document; .* y as a matrix"):
        TextClassifier(maximise="macro-f1").fit(TEXTS, ["a", "b"] * 150)
