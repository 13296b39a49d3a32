"""θ is dense or sparse by what was asked for, by the number of labels, or by what fits in memory;
its n-grams are chosen by documents taken out of their own label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from textmlr import Corpus, FeaturizerOptions, InputError, Model, TrainingOptions
from textmlr.base.option_conflicts import DENSE_ONLY, asks_for_dense
from textmlr.base.options import options_of
from textmlr.cli import cli
from textmlr.model.heads import SIGMOIDS, SOFTMAX
from textmlr.model.record import Record
from textmlr.model.support_record import SupportRecord
from textmlr.training import rows
from textmlr.training.corpus_training import train_corpus
from textmlr.training.ngram_choice import Candidate
from textmlr.training.support.drawn_labels import choose_sparse
from textmlr.training.support.theta_choice import (
    MOST_DENSE_LABELS,
    MOST_SMALL_LABELS,
    ZERO_DOCUMENTS,
    check_theta,
    kept_dense,
    may_be_sparse,
)
from textmlr.training.training_events import Event, Stage

MANY = MOST_DENSE_LABELS + 1
Make = Callable[[int], Corpus]


def corpus_of(labels: int, documents: int = 3) -> Corpus:
    """Documents of words of their labels and of words that all share."""
    rng = np.random.default_rng(5)
    texts, names = [], []
    for label in range(labels):
        for _ in range(documents):
            own = " ".join(f"w{label}x{k}" for k in rng.permutation(4)[:2])
            texts.append(f"{own} s{rng.integers(9)} s{rng.integers(9)}")
            names.append(f"label{label:05}")
    return Corpus.of(texts, names)


@pytest.fixture(scope="module")
def many() -> Corpus:
    return corpus_of(MANY)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the memory that training thinks the machine has."""

    def limit(size: int) -> None:
        monkeypatch.setattr(rows, "machine_memory", lambda: size)

    return limit


def is_sparse(model: Model) -> bool:
    assert isinstance(model.record, Record)
    sparse = isinstance(model.record.final, SupportRecord)
    assert model.parts.is_sparse == sparse
    return sparse


class TestTheta:
    def test_many_labels_make_it_sparse(self, many: Corpus) -> None:
        model = train_corpus(many)
        assert is_sparse(model)
        assert model.record.option("theta") == "sparse"
        assert list(model.predict([many.texts[0], many.texts[-1]])) == [
            many.labels[0],
            many.labels[-1],
        ]

    def test_fewer_labels_leave_it_dense(self) -> None:
        model = train_corpus(corpus_of(30))
        assert not is_sparse(model)
        assert "theta" not in model.record.options  # as in files of older versions

    @pytest.mark.parametrize("labels", [MOST_SMALL_LABELS, MOST_SMALL_LABELS + 1])
    @pytest.mark.parametrize("documents", [ZERO_DOCUMENTS - 1, ZERO_DOCUMENTS])
    def test_labels_of_many_documents_make_it_sparse(self, labels: int, documents: int) -> None:
        corpus = corpus_of(labels, documents)
        quick = FeaturizerOptions(ngrams=(1, 1))
        model = train_corpus(corpus, quick, TrainingOptions(epochs=1, learning_rate=4.0))
        both = labels > MOST_SMALL_LABELS and documents == ZERO_DOCUMENTS
        assert is_sparse(model) == both
        if both:
            assert model.record.final.attraction == 0
            assert kept_dense(TrainingOptions(), corpus).theta == "dense"
        else:
            assert kept_dense(TrainingOptions(), corpus).theta is None

    @pytest.mark.parametrize("theta", ["dense", "sparse"])
    def test_it_is_as_it_was_asked_for(self, theta: Any) -> None:
        model = train_corpus(corpus_of(30), training_options=TrainingOptions(theta=theta))
        assert is_sparse(model) == (theta == "sparse")
        assert model.record.option("theta") == theta

    def test_options_of_dense_ones_keep_it_dense(self, many: Corpus) -> None:
        quick = FeaturizerOptions(hash_bits=6)
        assert not is_sparse(train_corpus(many, quick, TrainingOptions(l2=1e-5, epochs=1)))

    def test_every_option_is_known_to_both_or_refused(self) -> None:
        """Each option that only dense training knows is refused beside theta='sparse'."""
        given = {
            "solver": "exact",
            "l1": 0.1,
            "l2": 0.1,
            "hidden": (4,),
            "input_dropout": 0.1,
            "idf_power": 1.0,
            "step": "adagrad",
            "calibration": False,
            "patience": 2,
        }
        assert set(given) == set(DENSE_ONLY) <= {one.name for one, _ in options_of(TrainingOptions)}
        for name, value in given.items():
            options: dict[str, Any] = {name: value}
            assert asks_for_dense(TrainingOptions(**options)) in (name, "solver")
            with pytest.raises(InputError, match="means nothing to theta='sparse'"):
                TrainingOptions(theta="sparse", **options)

    def test_decided_options_of_a_sparse_one_can_be_given_again(self) -> None:
        decided = TrainingOptions(theta="sparse", epochs=3).decided()
        assert decided.decided() == decided

    def test_sets_of_labels_have_one_in_memory_alone(self) -> None:
        options = TrainingOptions(theta="sparse")
        check_theta(options, SIGMOIDS, stored=False)
        check_theta(options, SOFTMAX, stored=True)
        with pytest.raises(InputError, match="keeps documents of several labels each in memory"):
            check_theta(options, SIGMOIDS, stored=True)
        assert not may_be_sparse(TrainingOptions(), SIGMOIDS, stored=True)
        with pytest.raises(InputError, match="for corpora where documents have one label each"):
            check_theta(options, replace(SIGMOIDS, has_sparse=False), stored=False)


class TestMemory:
    def test_a_dense_one_that_does_not_fit_becomes_sparse(
        self, memory: Callable[[int], None]
    ) -> None:
        corpus = corpus_of(300)
        memory(1 << 20)
        assert is_sparse(train_corpus(corpus))

    def test_what_was_asked_for_is_refused(self, memory: Callable[[int], None]) -> None:
        memory(1 << 20)
        with pytest.raises(InputError, match=r"keep fewer features \(max_features, min_df or "):
            train_corpus(corpus_of(300), training_options=TrainingOptions(theta="dense"))
        with pytest.raises(InputError, match=r"hidden units × 300 labels .* or smaller layers"):
            train_corpus(corpus_of(300), training_options=TrainingOptions(hidden=(400,)))

    def test_labels_are_named_where_they_are_the_cause(
        self, many: Corpus, memory: Callable[[int], None]
    ) -> None:
        memory(1 << 20)
        with pytest.raises(InputError, match=r"give theta='sparse': .*; or train fewer labels"):
            train_corpus(many, training_options=TrainingOptions(theta="dense"))
        with pytest.raises(InputError, match="train fewer labels, or keep fewer features"):
            train_corpus(many, training_options=TrainingOptions(hidden=(400,)))

    def test_a_sparse_one_that_does_not_fit_is_refused(
        self, many: Corpus, memory: Callable[[int], None]
    ) -> None:
        memory(1 << 10)
        with pytest.raises(InputError, match=r"which meet up to .* fewer documents"):
            train_corpus(many)


def test_a_corpus_on_disk_is_no_reason_for_a_dense_one(many: Corpus, tmp_path: Path) -> None:
    corpus = tmp_path / "many.tsv"
    corpus.write_text("".join(f"{label}\t{text}\n" for text, label in many))
    for small in (["--memory", "300kB"], ["--keep-cache"]):
        out = ["-o", str(tmp_path / "model"), "--json"]
        found = CliRunner().invoke(cli, ["train", str(corpus), *out, *small])
        assert found.exit_code == 0, (found.output, found.exception)
        assert Model.load(tmp_path / "model").parts.is_sparse


class TestNgrams:
    OPTIONS = TrainingOptions(theta="sparse").decided()

    def chosen(self, corpus: Corpus, threads: int = 1, **options: Any) -> tuple[Any, Any]:
        told: list[Candidate] = []
        wanted = FeaturizerOptions(**options)
        choice = choose_sparse(corpus, wanted, self.OPTIONS, threads, told.append)
        assert choice.candidates == told
        return choice.options.word_range, told

    def test_words_alone_where_pairs_say_nothing(self) -> None:
        corpus = corpus_of(200)
        words, told = self.chosen(corpus)
        assert words == (1, 1)
        assert [one.ngrams for one in told] == [(1, 1), (1, 2)]
        assert told[0].loss <= told[1].loss
        assert (words, told) == self.chosen(corpus, threads=2)

    def test_pairs_where_they_say_it(self) -> None:
        """All labels have the same words, and pairs of their own."""
        rng = np.random.default_rng(6)
        texts, names = [], []
        for label in range(60):
            other = rng.permutation(6)
            for _ in range(rng.integers(3, 7)):
                pairs = [f"a{k} b{other[k]}" for k in rng.permutation(6)]
                texts.append(" , ".join([*pairs, f"z{rng.integers(5)}"]))
                names.append(f"label{label}")
        words, told = self.chosen(Corpus.of(texts, names))
        assert told[1].loss < told[0].loss
        assert words == (1, 2)

    def test_given_ones_are_taken(self) -> None:
        corpus = corpus_of(20)
        assert self.chosen(corpus, ngrams=(1, 3)) == ((1, 3), [])
        assert self.chosen(corpus, ngrams=None, char_ngrams=(2, 3)) == (None, [])

    def test_labels_of_one_document_judge_nothing(self) -> None:
        assert self.chosen(corpus_of(40, documents=1))[1] == []

    def test_the_choice_is_in_the_record(self) -> None:
        model = train_corpus(corpus_of(200), training_options=TrainingOptions(theta="sparse"))
        assert [one.ngrams for one in model.record.ngrams] == [(1, 1), (1, 2)]
        assert model.featurizer.options.word_range == (1, 1)
        assert Record.read(model.record.as_json(), "record").ngrams == model.record.ngrams


def test_the_stage_says_that_weights_are_sparse(many: Corpus) -> None:
    told: list[Event] = []
    train_corpus(many, watch=told.append)
    stages = [event for event in told if isinstance(event, Stage)]
    assert [stage.sparse for stage in stages] == [False, True]
    dense = 4 * stages[1].columns * MANY
    assert 0 < stages[1].bytes < dense
