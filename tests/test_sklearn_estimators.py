"""The estimators: scikit-learn's own checks, and what its tools do with them."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from dataclasses import fields

import joblib
import numpy as np
import pytest
import sklearn
from conftest import documents
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from textmlr import Corpus, Featurizer, FeaturizerOptions, InputError, Model, TrainingOptions
from textmlr.sklearn import MultinomialLogisticClassifier, TextClassifier, TextFeaturizer
from textmlr.training.corpus_training import train_corpus

PAIRS = documents(300, 1)
TEXTS, LABELS = [text for _, text in PAIRS], [label for label, _ in PAIRS]
NEW = [text for _, text in documents(60, 2)]
NEW_LABELS = [label for label, _ in documents(60, 2)]
WORDS = {"ngrams": (1, 1), "char_ngrams": None}
ARRAY_API = "runs only where SCIPY_ARRAY_API is set; the matrices are NumPy's and SciPy's"


def pipeline(**parameters):
    return Pipeline(
        [
            ("text", TextFeaturizer(ngrams=(1, 1))),
            ("classes", MultinomialLogisticClassifier(**parameters)),
        ]
    )


# ---------------------------------------------------------------- scikit-learn's own checks


def expected(estimator) -> dict[str, str]:
    """Checks that fail, and why."""
    if getattr(estimator, "solver", None) == "sgd":
        return {
            "check_class_weight_classifiers": "of two classes one weighs ten million times the "
            "other, so that SGD draws its documents only; it stops early, when they are right, "
            "and does not go on until the intercept outweighs everything"
        }
    return {}


@pytest.mark.slow
@parametrize_with_checks(
    [
        MultinomialLogisticClassifier(),
        MultinomialLogisticClassifier(solver="sgd"),
        MultinomialLogisticClassifier(C=10, l1_ratio=0.5),
    ],
    expected_failed_checks=expected,
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


# All that is not about arrays of numbers in two dimensions: scikit-learn runs none of its checks
# but one on estimators of text, its own included.
OF_TEXT = [
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
]
ESTIMATORS = [TextFeaturizer(), TextFeaturizer(hash_bits=10), TextClassifier()]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
@pytest.mark.parametrize("name", OF_TEXT)
def test_checks_that_need_no_numbers(estimator, name):
    if not hasattr(estimator_checks, name):
        pytest.skip(f"scikit-learn {sklearn.__version__} has no {name}")
    getattr(estimator_checks, name)(type(estimator).__name__, clone(estimator))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_check_estimator(estimator):
    """It passes what it can be given, and is told to skip the rest for its tags alone."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        estimator_checks.check_estimator(estimator)
    assert [warning.category for warning in told] == [SkipTestWarning]
    assert "Can't test estimator" in str(told[0].message)


# The other checks, in their own words, for text.


@pytest.mark.parametrize("estimator", [TextClassifier(**WORDS), pipeline()], ids=["text", "pipe"])
def test_fit_says_the_same_again_and_changes_nothing(estimator):
    texts, labels = list(TEXTS), list(LABELS)
    fitted = clone(estimator)
    assert fitted.fit(texts, labels) is fitted
    first = fitted.predict_proba(NEW)
    assert (texts, labels) == (TEXTS, LABELS)
    assert first.tobytes() == fitted.fit(texts, labels).predict_proba(NEW).tobytes()
    assert (
        first.tobytes()
        == clone(fitted).set_params().fit(texts, labels).predict_proba(NEW).tobytes()
    )
    # Neither other documents nor the order matters.
    assert first[::-1].tobytes() == fitted.predict_proba(NEW[::-1]).tobytes()
    assert first[:1].tobytes() == fitted.predict_proba(NEW[:1]).tobytes()
    np.testing.assert_allclose(first.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(fitted.classes_[first.argmax(axis=1)], fitted.predict(NEW))
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(NEW)), first, rtol=1e-5)
    assert fitted.decision_function(NEW).shape == (60, 3)
    assert fitted.score(NEW, NEW_LABELS) > 0.8


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_an_unfitted_classifier_says_so(method):
    for estimator in (TextClassifier(), MultinomialLogisticClassifier()):
        with pytest.raises(NotFittedError):
            getattr(estimator, method)(NEW)
    with pytest.raises(NotFittedError):
        TextFeaturizer().transform(NEW)
    with pytest.raises(NotFittedError):
        TextFeaturizer().get_feature_names_out()


def test_what_cannot_be_learnt_from():
    classifier = TextClassifier(**WORDS)
    with pytest.raises(ValueError, match="y is required"):
        classifier.fit(TEXTS, None)
    with pytest.raises(ValueError, match="2 classes"):
        classifier.fit(["a", "b"], [1, 1])
    with pytest.raises(ValueError, match="2 classes"):
        classifier.fit(["a", "b", "c"], [0, 1, 1], sample_weight=[0, 1, 1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier.fit(["a", "b"], [0, 1, 1])
    with pytest.raises(InputError, match="document 1"):
        classifier.fit(["a", None], [0, 1])
    with pytest.raises(InputError, match="label 1 is missing"):
        classifier.fit(["a", "b", "c"], ["x", None, "y"])
    with pytest.raises(InputError, match="label 0 is missing"):
        classifier.fit(["a", "b"], [float("nan"), 1.0])
    with pytest.raises(ValueError, match="continuous"):
        classifier.fit(["a", "b"], [0.5, 1.5])
    with pytest.raises(ValueError, match="zero"):
        classifier.fit(["a", "b"], [0, 1], sample_weight=[0, 0])
    with pytest.raises(ValueError, match="negative"):
        classifier.fit(["a", "b"], [0, 1], sample_weight=[1, -1])
    with pytest.raises(InputError, match="list of documents"):
        classifier.fit("one text", [0])


# ---------------------------------------------------------------- the optimum


def rows_of(texts=TEXTS, **options):
    return Featurizer(FeaturizerOptions(ngrams=(1, 1), bias=False, **options)).fit_transform(texts)


def test_it_finds_what_logistic_regression_finds():
    """Without an intercept, whose penalty differs, the problems are the same."""
    matrix = rows_of().astype(np.float64)
    theirs = LogisticRegression(C=3, fit_intercept=False, tol=1e-10, max_iter=2000)
    theirs.fit(matrix, LABELS)
    ours = MultinomialLogisticClassifier(C=3, fit_intercept=False, tol=1e-10).fit(matrix, LABELS)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-5)
    np.testing.assert_allclose(ours.predict_proba(matrix), theirs.predict_proba(matrix), atol=1e-5)
    assert ours.l2_ == pytest.approx(1 / (3 * len(TEXTS)))
    assert ours.coef_.shape == (3, matrix.shape[1])
    # Of two classes C counts twice.
    two = [label == "scifi" for label in LABELS]
    theirs.set_params(C=6).fit(matrix, two)
    ours.fit(matrix, two)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=5e-5)
    assert ours.coef_.shape == (1, matrix.shape[1])
    assert ours.decision_function(matrix).shape == (300,)


def test_the_intercept_is_a_feature_that_is_always_on():
    matrix = rows_of()
    own = MultinomialLogisticClassifier().fit(matrix, LABELS)
    beside = np.hstack([matrix.toarray(), np.ones((300, 1), np.float32)])
    other = MultinomialLogisticClassifier(fit_intercept=False).fit(beside, LABELS)
    np.testing.assert_array_equal(own.intercept_, other.coef_[:, -1])
    np.testing.assert_array_equal(own.coef_, other.coef_[:, :-1])


def test_weights_and_order_change_no_bit():
    """A weight of 3 is three documents; dense and sparse rows are the same rows."""
    rng = np.random.default_rng(0)
    matrix, y = rows_of().toarray(), np.array(LABELS)
    weights = rng.integers(0, 4, len(y))
    once = MultinomialLogisticClassifier().fit(matrix, y, sample_weight=weights)
    for order in (
        np.repeat(np.arange(300), weights),
        rng.permutation(np.repeat(range(300), weights)),
    ):
        again = MultinomialLogisticClassifier(n_jobs=1).fit(csr_matrix(matrix[order]), y[order])
        assert again.coef_.tobytes() == once.coef_.tobytes()
        assert again.intercept_.tobytes() == once.intercept_.tobytes()
    halves = MultinomialLogisticClassifier(C=2).fit(matrix, y, sample_weight=weights / 2)
    np.testing.assert_allclose(halves.coef_, once.coef_, atol=1e-4)
    by_class = MultinomialLogisticClassifier(class_weight={"scifi": 2, "western": 0.5})
    by_class.fit(matrix, y)
    by_hand = np.select([y == "scifi", y == "western"], [2, 0.5], 1)
    other = MultinomialLogisticClassifier().fit(matrix, y, sample_weight=by_hand)
    assert by_class.coef_.tobytes() == other.coef_.tobytes()


def test_l1_leaves_few_features():
    matrix = rows_of()
    sparse = MultinomialLogisticClassifier(C=1, l1_ratio=1).fit(matrix, LABELS)
    full = MultinomialLogisticClassifier(C=1).fit(matrix, LABELS)
    assert np.count_nonzero(sparse.coef_) < 0.7 * np.count_nonzero(full.coef_)
    assert (sparse.l1_, sparse.l2_) == (pytest.approx(1 / 300), 0)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"C": 0}, "C=0"),
        ({"C": "1"}, "C='1'"),
        ({"l1_ratio": 2}, "l1_ratio=2"),
        ({"solver": "newton"}, "solver='newton'"),
        ({"epochs": 3}, "epochs=3 means nothing"),
        ({"solver": "sgd", "tol": 1e-3}, "means nothing"),
        ({"solver": "sgd", "l1_ratio": 0.5}, "l1="),
        ({"class_weight": "even"}, "class_weight='even'"),
        ({"class_weight": {"poetry": 2.0, "scifi": 1.0}}, "poetry|class_weight"),
        ({"n_jobs": 0}, "n_jobs=0"),
        ({"C": np.inf}, "at infinity"),
    ],
    ids=str,
)
def test_parameters_that_mean_nothing(parameters, problem):
    with pytest.raises(ValueError, match=problem):
        MultinomialLogisticClassifier(**parameters).fit(rows_of(), LABELS)


# ---------------------------------------------------------------- scikit-learn's tools


def test_grid_search_over_a_pipeline():
    grid = {"text__ngrams": [(1, 1), (1, 2)], "classes__C": [0.01, 10]}
    judged = {"cv": 2, "scoring": "neg_log_loss"}
    search = GridSearchCV(pipeline(), grid, **judged).fit(TEXTS, LABELS)
    assert search.best_params_["classes__C"] == 10
    assert search.best_estimator_.score(NEW, NEW_LABELS) > 0.8
    search = GridSearchCV(TextClassifier(**WORDS), {"l2": [1e-6, 10.0]}, **judged)
    search.fit(TEXTS, LABELS)
    assert search.best_params_ == {"l2": 1e-6}


def test_cross_validate():
    for estimator in (pipeline(C=10), TextClassifier(**WORDS)):
        found = cross_validate(estimator, TEXTS, LABELS, cv=3, scoring=["accuracy", "neg_log_loss"])
        assert found["test_accuracy"].min() > 0.7
        assert found["test_neg_log_loss"].min() > -0.8


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_classifier(method):
    for estimator in (pipeline(), TextClassifier(**WORDS)):
        calibrated = CalibratedClassifierCV(estimator, method=method, cv=2).fit(TEXTS, LABELS)
        assert calibrated.score(NEW, NEW_LABELS) > 0.8


def test_the_featurizer_among_others():
    union = make_union(
        TextFeaturizer(ngrams=(1, 1)), TextFeaturizer(ngrams=None, char_ngrams=(3, 3))
    )
    chosen = make_pipeline(union, SelectKBest(chi2, k=40), LogisticRegression())
    chosen.fit(TEXTS, LABELS)
    assert chosen.score(NEW, NEW_LABELS) > 0.8
    names = chosen[:-1].get_feature_names_out()
    assert "textfeaturizer-1__robot" in names


def test_featurizer_gives_what_textmlr_gives():
    featurizer = TextFeaturizer(ngrams=(1, 2), min_df=2, bias=True)
    matrix = featurizer.fit_transform(TEXTS)
    own = Featurizer(FeaturizerOptions(ngrams=(1, 2), min_df=2))
    assert (matrix != own.fit_transform(TEXTS)).nnz == 0
    assert matrix.dtype == np.float32
    assert featurizer.get_feature_names_out().tolist() == own.feature_names()
    assert (featurizer.transform(NEW) != own.transform(NEW)).nnz == 0
    assert (clone(featurizer).fit(TEXTS).transform(NEW) != own.transform(NEW)).nnz == 0
    hashed = TextFeaturizer(hash_bits=12)
    assert hashed.transform(NEW).shape == (60, 4096)  # without fit
    assert (hashed.transform(NEW) != hashed.fit(TEXTS).transform(NEW)).nnz == 0
    with pytest.raises(InputError, match="no names"):
        hashed.get_feature_names_out()
    with pytest.raises(NotFittedError):
        TextFeaturizer(hash_bits=12, idf=True).transform(NEW)


def test_set_output():
    """A sparse matrix is not put in a frame: scikit-learn says so, as of its own vectorizers."""
    featurizer = TextFeaturizer().set_output(transform="pandas")
    with pytest.raises(ValueError, match="sparse"):
        featurizer.fit_transform(TEXTS)
    featurizer.set_output(transform="default")
    assert issparse(featurizer.fit_transform(TEXTS))
    selected = make_pipeline(SelectKBest(k=2)).set_output(transform="pandas")
    frame = selected.fit_transform(rows_of().toarray(), LABELS)
    assert MultinomialLogisticClassifier().fit(frame, LABELS).feature_names_in_.tolist() == [
        *frame.columns
    ]


def test_metadata_routing():
    weights = np.where(np.array(LABELS) == "scifi", 5.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        for estimator in (MultinomialLogisticClassifier(), TextClassifier(**WORDS)):
            asked = estimator.set_fit_request(sample_weight=True)
            asked.set_score_request(sample_weight=True)
            pipe = make_pipeline(TextFeaturizer(ngrams=(1, 1)), asked)
            pipe = make_pipeline(asked) if isinstance(asked, TextClassifier) else pipe
            found = cross_validate(
                pipe, TEXTS, LABELS, cv=2, params={"sample_weight": weights}, return_estimator=True
            )
            plain = cross_validate(pipe, TEXTS, LABELS, cv=2, return_estimator=True)
            heavy, light = found["estimator"][0], plain["estimator"][0]
            place = heavy.classes_.tolist().index("scifi")
            more = heavy.predict_proba(NEW)[:, place] - light.predict_proba(NEW)[:, place]
            assert more.mean() > 0.02
        refused = make_pipeline(MultinomialLogisticClassifier())
        with pytest.raises(ValueError, match="sample_weight"):
            cross_validate(refused, rows_of(), LABELS, params={"sample_weight": weights})


def test_class_weights_of_texts():
    few = [i for i in range(300) if LABELS[i] != "scifi" or i % 30 == 1]
    texts, labels = [TEXTS[i] for i in few], [LABELS[i] for i in few]
    by_class = TextClassifier(class_weight={"scifi": 9.0}, **WORDS).fit(texts, labels)
    weights = [9.0 if label == "scifi" else 1.0 for label in labels]
    by_document = TextClassifier(**WORDS).fit(texts, labels, sample_weight=weights)
    assert by_class.model_.theta.tobytes() == by_document.model_.theta.tobytes()
    assert by_class.model_.record.corpus.weighted
    balanced = TextClassifier(class_weight="balanced", **WORDS).fit(texts, labels)
    own = train_corpus(
        Corpus.of(texts, labels),
        FeaturizerOptions(**WORDS),
        TrainingOptions(class_weight="balanced"),
    )
    assert balanced.predict_proba(NEW).tobytes() == own.probabilities(NEW).tobytes()
    plain = TextClassifier(**WORDS).fit(texts, labels)
    assert plain.model_.theta.tobytes() != balanced.model_.theta.tobytes()


@pytest.mark.parametrize(
    "classes",
    [
        ["b", "a", "c"],
        [10, 9, 2],
        [True, False, None],
        np.array([3, 1, 2], np.int8),
        [1.0, 2.0, 30.0],
    ],
    ids=str,
)
def test_classes_keep_their_type_and_order(classes):
    """The names of 9 and 10 come in another order than they."""
    kinds = sorted(set(LABELS))[: 2 if classes[2] is None else 3]
    pairs = [(t, classes[kinds.index(k)]) for t, k in zip(TEXTS, LABELS, strict=True) if k in kinds]
    texts, y = [text for text, _ in pairs], [label for _, label in pairs]
    classifier = TextClassifier(**WORDS).fit(texts, y)
    assert classifier.classes_.tolist() == sorted(set(np.array(y).tolist()))
    assert classifier.classes_.dtype == np.array(y).dtype
    assert classifier.score(texts, y) > 0.9
    p = classifier.predict_proba(texts)
    np.testing.assert_array_equal(classifier.classes_[p.argmax(axis=1)], classifier.predict(texts))
    assert classifier.model_.labels == sorted(
        str(name).lower() for name in classifier.classes_.tolist()
    )
    scores = classifier.decision_function(texts)
    assert scores.shape == ((len(y),) if len(kinds) == 2 else (len(y), 3))
    if len(kinds) == 2:
        np.testing.assert_array_equal(scores > 0, p[:, 1] > 0.5)


def test_a_fitted_text_classifier_is_a_model(tmp_path):
    classifier = TextClassifier(**WORDS, random_state=3).fit(TEXTS, LABELS)
    assert classifier.model_.record.options["seed"] == 3
    classifier.model_.save(tmp_path / "model.textmlr")
    loaded = Model.load(tmp_path / "model.textmlr")
    assert loaded.probabilities(NEW).tobytes() == classifier.predict_proba(NEW).tobytes()
    drawn = TextClassifier(**WORDS, random_state=np.random.RandomState(0)).fit(TEXTS, LABELS)
    assert drawn.model_.record.options["seed"] not in (0, 1, 3)


def test_pickle_and_joblib_keep_every_bit(tmp_path):
    fitted = [
        TextClassifier(**WORDS).fit(TEXTS, LABELS),
        pipeline().fit(TEXTS, LABELS),
        TextClassifier(hash_bits=12).fit(TEXTS, LABELS),
    ]
    for number, estimator in enumerate(fitted):
        joblib.dump(estimator, path := tmp_path / f"{number}.joblib")
        others = [pickle.loads(pickle.dumps(estimator)), joblib.load(path)]
        others.append(joblib.load(path, mmap_mode="r"))
        for other in others:
            assert other.predict_proba(NEW).tobytes() == estimator.predict_proba(NEW).tobytes()
    more = pickle.loads(pickle.dumps(fitted[1]["classes"]))
    rows = fitted[1]["text"].transform(NEW)
    for classifier in (more, fitted[1]["classes"]):
        classifier.partial_fit(rows, NEW_LABELS)
    assert more.coef_.tobytes() == fitted[1]["classes"].coef_.tobytes()


# ---------------------------------------------------------------- partial_fit


def test_the_first_part_is_a_fit():
    matrix = rows_of()
    whole = MultinomialLogisticClassifier(C=10).fit(matrix, LABELS)
    part = MultinomialLogisticClassifier(C=10).partial_fit(matrix, LABELS, classes=whole.classes_)
    np.testing.assert_allclose(part.coef_, whole.coef_, atol=5e-3)
    np.testing.assert_allclose(part.predict_proba(matrix), whole.predict_proba(matrix), atol=1e-3)


@pytest.mark.parametrize("begin", ["partial_fit", "fit"])
def test_many_small_parts(begin):
    matrix, y = rows_of(), np.array(LABELS)
    features = Featurizer(FeaturizerOptions(ngrams=(1, 1), bias=False)).fit(TEXTS)
    new = features.transform(NEW)
    whole = MultinomialLogisticClassifier(C=10).fit(matrix, y)
    parts = np.array_split(np.random.default_rng(0).permutation(300), 20)
    streamed = MultinomialLogisticClassifier(C=10, n_jobs=1)
    if begin == "fit":
        streamed.fit(matrix[parts[0]], y[parts[0]])
        parts = parts[1:]
    for part in parts:
        streamed.partial_fit(matrix[part], y[part], classes=whole.classes_)
    assert streamed.score(new, NEW_LABELS) >= whole.score(new, NEW_LABELS) - 0.02
    # Probabilities come near to those of all at once.
    off = np.abs(streamed.predict_proba(new) - whole.predict_proba(new))
    assert off.mean() < 0.05
    again = MultinomialLogisticClassifier(C=10, n_jobs=2)
    if begin == "partial_fit":
        for part in parts:
            again.partial_fit(matrix[part], y[part], classes=whole.classes_)
        assert again.coef_.tobytes() == streamed.coef_.tobytes()


def test_partial_fit_knows_its_classes():
    matrix, y = rows_of(), np.array(LABELS)
    classifier = MultinomialLogisticClassifier()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier.partial_fit(matrix, y)
    one = (y == "scifi") & (np.arange(300) < 10)
    classifier.partial_fit(matrix[one], y[one], classes=["western", "scifi", "romance"])
    assert classifier.classes_.tolist() == ["romance", "scifi", "western"]
    assert set(classifier.predict(matrix)) == {"scifi"}
    classifier.partial_fit(matrix[~one], y[~one])
    assert set(classifier.predict(matrix)) == {"romance", "scifi", "western"}
    with pytest.raises(ValueError, match="not the same"):
        classifier.partial_fit(matrix, y, classes=["scifi", "western"])
    with pytest.raises(ValueError, match="poetry"):
        classifier.partial_fit(matrix[:1], ["poetry"])
    with pytest.raises(InputError, match="balanced"):
        classifier.set_params(class_weight="balanced").partial_fit(matrix, y)
    for parameters in ({"l1_ratio": 0.5}, {"C": np.inf}):
        assert not hasattr(MultinomialLogisticClassifier(**parameters), "partial_fit")


def test_a_weight_of_two_is_two_documents_in_parts_too():
    matrix, y = rows_of(), np.array(LABELS)
    twice = MultinomialLogisticClassifier().partial_fit(
        matrix, y, classes=np.unique(y), sample_weight=np.full(300, 2.0)
    )
    order = np.repeat(np.arange(300), 2)
    repeated = MultinomialLogisticClassifier().partial_fit(
        matrix[order], y[order], classes=np.unique(y)
    )
    assert twice.coef_.tobytes() == repeated.coef_.tobytes()


# ---------------------------------------------------------------- partial_fit of texts


def streamed(parts: int, **parameters) -> TextClassifier:
    classifier = TextClassifier(**WORDS, **parameters)
    for part in np.array_split(np.random.default_rng(0).permutation(300), parts):
        texts, labels = [TEXTS[i] for i in part], [LABELS[i] for i in part]
        classifier.partial_fit(texts, labels, classes=sorted(set(LABELS)))
    return classifier


@pytest.mark.slow
def test_texts_in_parts():
    whole = TextClassifier(**WORDS).fit(TEXTS, LABELS)
    one = streamed(1)
    assert one.score(NEW, NEW_LABELS) >= whole.score(NEW, NEW_LABELS) - 0.02
    many = streamed(20)
    assert many.score(NEW, NEW_LABELS) >= whole.score(NEW, NEW_LABELS) - 0.02
    assert many.model_.featurizer.documents == 300
    again = streamed(20, n_jobs=1)
    assert again.predict_proba(NEW).tobytes() == many.predict_proba(NEW).tobytes()


def test_many_texts_are_not_kept(monkeypatch):
    """After so many bytes the model and the new texts alone are learnt from."""
    monkeypatch.setattr("textmlr.sklearn.text_classifier.MOST_KEPT", 3000)
    trained = []
    monkeypatch.setattr(
        "textmlr.sklearn.text_classifier.train_corpus",
        lambda corpus, *rest, **how: (
            trained.append(len(corpus)) or train_corpus(corpus, *rest, **how)
        ),
    )
    many = streamed(20)
    assert trained == [15, 30]
    assert many._kept is None
    assert len(many.model_.record.updates) == 18
    assert many.score(NEW, NEW_LABELS) > 0.8
    loaded = pickle.loads(pickle.dumps(many))
    for classifier in (many, loaded):
        classifier.partial_fit(NEW, NEW_LABELS)
    assert loaded.predict_proba(NEW).tobytes() == many.predict_proba(NEW).tobytes()
    assert trained == [15, 30]


def test_parts_after_a_fit():
    classifier = TextClassifier(**WORDS).fit(TEXTS[:150], LABELS[:150])
    first = classifier.score(NEW, NEW_LABELS)
    classifier.partial_fit(TEXTS[150:], LABELS[150:])
    assert classifier.model_.featurizer.documents == 300
    assert classifier.score(NEW, NEW_LABELS) >= first - 0.02


def test_classes_of_texts_come_one_after_the_other():
    classifier = TextClassifier(**WORDS)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier.partial_fit(TEXTS, LABELS)
    kinds = ["romance", "scifi", "western"]
    texts = {kind: [t for t, k in zip(TEXTS, LABELS, strict=True) if k == kind] for kind in kinds}
    classifier.partial_fit(texts["scifi"][:50], ["scifi"] * 50, classes=kinds)
    with pytest.raises(NotFittedError):
        classifier.predict(NEW)
    classifier.partial_fit(texts["western"][:50], ["western"] * 50)
    p = classifier.predict_proba(NEW)
    assert (p[:, 0] == 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert set(classifier.predict(NEW)) == {"scifi", "western"}
    assert (classifier.predict_log_proba(NEW)[:, 0] == -np.inf).all()
    classifier.partial_fit(texts["romance"], ["romance"] * 100)
    assert (classifier.predict_proba(NEW) > 0).all()
    assert classifier.score(NEW, NEW_LABELS) > 0.8
    with pytest.raises(ValueError, match="poetry"):
        classifier.partial_fit(["a poem"], ["poetry"])
    with pytest.raises(ValueError, match="not the same"):
        classifier.partial_fit(["a poem"], ["scifi"], classes=["scifi", "poetry"])
    with pytest.raises(InputError, match="balanced"):
        classifier.set_params(class_weight="balanced").partial_fit(TEXTS, LABELS)


def test_weights_of_parts():
    """What weighs nothing is as if it were not there."""
    weights = np.where(np.arange(300) % 2, 1.0, 0.0)
    some, none = TextClassifier(**WORDS), TextClassifier(**WORDS)
    for first in (0, 150):
        part = slice(first, first + 150)
        kinds = sorted(set(LABELS))
        some.partial_fit(TEXTS[part], LABELS[part], kinds, sample_weight=weights[part])
        none.partial_fit(TEXTS[part][1::2], LABELS[part][1::2], kinds)
    assert some.predict_proba(NEW).tobytes() == none.predict_proba(NEW).tobytes()
    assert some.model_.featurizer.documents == 150


def test_without_scikit_learn_the_extra_is_named():
    code = (
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'sklearn' else find(name, *more)\n"
        "import textmlr.sklearn"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode
    assert "pip install scikit-learn" in done.stderr.splitlines()[-1]


def test_every_option_is_a_parameter_with_its_default():
    featurizer = {field.name: field.default for field in fields(FeaturizerOptions)}
    training = {field.name: field.default for field in fields(TrainingOptions)}
    seed = training.pop("seed")
    scikit = {"class_weight": None, "random_state": None, "n_jobs": None}
    assert TextClassifier().get_params() == featurizer | training | scikit
    assert TextClassifier().fit(TEXTS, LABELS).model_.record.options["seed"] == seed
    own = TextFeaturizer().get_params()
    assert own.keys() == featurizer.keys() | {"n_jobs"}
    differ = {name for name, value in featurizer.items() if own[name] != value}
    assert differ == {"ngrams", "char_ngrams", "bias"}
    words = FeaturizerOptions().decided()
    assert (own["ngrams"], own["char_ngrams"]) == (words.ngrams, words.char_ngrams)
