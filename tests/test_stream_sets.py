"""train --stream with label sets: each label by itself, new at any time; cuts change no bit."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from conftest import SETS, set_documents
from hypothesis import given, settings
from hypothesis import strategies as st

from textmlr import FeaturizerOptions, InputError, Model
from textmlr.cli import cli
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.label_sets import LabelSets
from textmlr.model.second_pass import SecondPass
from textmlr.training.stream import recent, reservoir
from textmlr.training.stream import stream_learner as learner
from textmlr.training.stream.stream_trainer import StreamTrainer

SMALL = FeaturizerOptions(hash_bits=12)
Pair = tuple[list[str], str]


def sets(count: int, seed: int = 3) -> list[Pair]:
    """Documents with any number of labels; one of them comes late."""
    return set_documents(count // 2, seed) + set_documents(count // 2, seed + 1, [*SETS, "late"])


PAIRS = sets(300)


def learn(trainer: StreamTrainer, pairs: list[Pair]) -> None:
    """Train on pairs, whose labels are numbered anew in each call."""
    names = sorted({name for own, _ in pairs for name in own}, reverse=len(pairs) % 2 == 1)
    codes = LabelSets.of([[names.index(name) for name in own] for own, _ in pairs])
    if pairs:
        trainer.learn_batch(batches_of([text for _, text in pairs])[0], codes, names)


def learnt(pairs: list[Pair], cuts: list[int], **options: Any) -> StreamTrainer:
    """A trainer that has learnt pairs, cut at some places."""
    trainer = StreamTrainer(options.get("features", SMALL), multilabel=True)
    for first, last in pairwise([0, *sorted(cuts), len(pairs)]):
        learn(trainer, pairs[first:last])
    return trainer


def state_of(trainer: StreamTrainer, folder: Path) -> bytes:
    trainer.save(folder / "state")
    return (folder / "state").read_bytes()


class TestBits:
    @given(st.lists(st.integers(0, 300), max_size=12))
    @settings(max_examples=8, deadline=None)
    def test_however_a_stream_is_cut(
        self, tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
    ) -> None:
        folder = tmp_path_factory.mktemp("bits")
        assert state_of(learnt(PAIRS, cuts), folder) == state_of(learnt(PAIRS, []), folder)

    def test_rows_of_different_lengths(self, tmp_path: Path) -> None:
        features = FeaturizerOptions(hash_bits=12, norm=None, term_frequency="raw", bias=False)
        whole, one = (learnt(PAIRS, cuts, features=features) for cuts in ([], [1, 2, 7, 130]))
        assert state_of(whole, tmp_path) == state_of(one, tmp_path)
        assert whole.lately.accuracy > 0.6

    def test_more_documents_than_are_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recent, "RECENT", 32)
        monkeypatch.setattr(learner, "BLOCK_SCORES", 20)
        monkeypatch.setattr(reservoir, "SAMPLE_BYTES", 2000)
        whole, cut = learnt(PAIRS, []), learnt(PAIRS, [3, 40, 41, 200])
        assert state_of(whole, tmp_path) == state_of(cut, tmp_path)
        assert whole.lately.documents == 32

    @pytest.mark.parametrize("at", [0, 1, 130, 300])
    def test_stop_and_go_on(self, tmp_path: Path, at: int) -> None:
        first = learnt(PAIRS[:at], [])
        first.save(tmp_path / "kept")
        again = StreamTrainer.resume(tmp_path / "kept")
        assert again.multilabel
        assert state_of(again, tmp_path) == state_of(first, tmp_path)
        learn(again, PAIRS[at:])
        assert state_of(again, tmp_path) == state_of(learnt(PAIRS, []), tmp_path)

    def test_documents_without_a_label_first(self, tmp_path: Path) -> None:
        pairs: list[Pair] = [([], "a b"), ([], "c"), (["x"], "a"), (["y", "x"], "c d")]
        first = learnt(pairs[:2], [])
        assert first.labels == []
        first.save(tmp_path / "kept")
        again = StreamTrainer.resume(tmp_path / "kept")
        learn(again, pairs[2:])
        assert state_of(again, tmp_path) == state_of(learnt(pairs, []), tmp_path)
        assert again.counts == [2, 1]

    def test_hundreds_of_labels(self, tmp_path: Path) -> None:
        pairs = [([f"a{i % 150}", f"b{i % 7}"], f"word{i % 150} more{i % 7}") for i in range(600)]
        whole, cut = learnt(pairs, []), learnt(pairs, [10, 77, 149, 400])
        assert state_of(whole, tmp_path) == state_of(cut, tmp_path)
        assert len(whole.labels) == 157


class TestFigures:
    def test_naive(self) -> None:
        """Against plain Python, with the tallies, the steps and the new labels spelt out."""
        pairs: list[Pair] = [
            (["a", "b"], "x y"),
            ([], "y z"),
            (["a"], "x"),
            (["c", "a"], "z z y"),
            (["e", "d"], "y"),
            (["c"], "z"),
        ]
        words = FeaturizerOptions(hash_bits=12, ngrams=(1, 1))
        trainer = learnt(pairs, [], features=words)
        theta: dict[tuple[str, str], float] = {}
        squares: dict[tuple[str, str], float] = {}
        seen: dict[str, int] = {}
        labels: list[str] = []
        losses, right = [], []
        for n, (own, text) in enumerate(pairs):
            values = {word: 1 + np.log(text.split().count(word)) for word in text.split()}
            length = np.sqrt(sum(value**2 for value in values.values()))
            values = {"": 1.0} | {word: value / length for word, value in values.items()}
            old, new = list(labels), sorted(set(own) - set(labels))
            labels += new
            for label in new:
                theta["", label] = -np.log(max(n, 1))
            scores = {
                label: sum(theta.get((word, label), 0.0) * v for word, v in values.items())
                for label in labels
            }
            p = {label: 1 / (1 + np.exp(-score)) for label, score in scores.items()}
            loss = len(new) * np.log1p(n)
            loss -= sum(np.log(p[label] if label in own else 1 - p[label]) for label in old)
            losses.append(loss)
            right.append(bool(old) and max(old, key=scores.__getitem__) in own)
            for word, value in values.items():
                seen[word] = seen.get(word, 0) + 1
                idf = np.log((2 + n) / (1 + seen[word])) + 1
                for label in labels:
                    key = word, label
                    size = p[label] * (1 - p[label])
                    squares[key] = squares.get(key, 0.0) + value**2 * size
                    step = trainer._learner.rate * np.sqrt(0.5) * value * np.sqrt(idf)
                    step *= p[label] - (label in own)
                    theta[key] = theta.get(key, 0.0) - step / np.sqrt(squares[key] + 0.01)
        assert trainer.labels == labels == ["a", "b", "c", "d", "e"]
        assert trainer.so_far.loss == pytest.approx(np.mean(losses), rel=1e-4)
        assert trainer.so_far.accuracy == np.mean(right)
        wanted = [[theta.get((w, label), 0) for label in labels] for w in ("", "x", "y", "z")]
        rows = trainer._learner.theta[: trainer._learner.used, :5]
        assert np.allclose(np.sort(rows, axis=0), np.sort(wanted, axis=0), rtol=1e-3, atol=1e-4)

    def test_counts_and_sets_that_are_kept(self) -> None:
        trainer = learnt(PAIRS, [77])
        for code, name in enumerate(trainer.labels):
            assert trainer.counts[code] == sum(name in own for own, _ in PAIRS) > 0
        kept = trainer._learner.recent.targets(np.arange(len(PAIRS)), len(trainer.labels))
        assert isinstance(kept, LabelSets)
        named = [sorted(trainer.labels[code] for code in own) for own in kept.tolist()]
        assert named == [sorted(own) for own, _ in PAIRS]

    def test_weights_of_nought_teach_nothing(self) -> None:
        trainer = learnt(PAIRS[:50], [])
        theta = trainer._learner.theta.copy()
        names = trainer.labels
        codes = LabelSets.of([[0, 1]] * 10)
        batch = batches_of([text for _, text in PAIRS[50:60]])[0]
        trainer.learn_batch(batch, codes, names, np.zeros(10, np.float32))
        assert trainer.so_far.documents == 60
        assert trainer.so_far.weight == 50
        assert (trainer._learner.theta[: len(theta)] == theta).all()

    def test_it_learns(self) -> None:
        trainer = learnt(sets(2000), [])
        assert trainer.lately.accuracy > 0.75  # a fifth of the documents have no label
        assert trainer.lately.loss < 1.0


class TestRefusals:
    def test_sets_where_each_document_has_one_label(self) -> None:
        with pytest.raises(InputError, match="several labels; make StreamTrainer"):
            learn(StreamTrainer(SMALL), PAIRS[:3])

    def test_one_label_each_is_a_set_of_one(self, tmp_path: Path) -> None:
        one, other = (StreamTrainer(SMALL, multilabel=True) for _ in range(2))
        batch, codes = batches_of(["x", "y", "x z"])[0], np.array([1, 0, 1], np.int32)
        one.learn_batch(batch, codes, ["a", "b"])
        other.learn_batch(batch, LabelSets.of([[1], [0], [1]]), ["a", "b"])
        assert state_of(one, tmp_path) == state_of(other, tmp_path)


class TestModel:
    def test_it_answers_with_sets(self, tmp_path: Path) -> None:
        trainer = learnt(sets(2000), [])
        trainer.model().save(tmp_path / "m")
        model = Model.load(tmp_path / "m")
        assert model.is_multilabel
        assert model.labels == sorted(trainer.labels)
        answers = model.predict(["billing1 billing0 urgent2 urgent1 word3", "word1 word5 word2"])
        assert set(answers[0]) == {"billing", "urgent"}
        assert answers[1] == ()
        assert model.record.corpus is not None
        counts = dict(zip(model.labels, model.record.corpus.per_label, strict=True))
        assert counts == dict(zip(trainer.labels, trainer.counts, strict=True))

    def test_labels_that_speak_for_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Labels come in another order than that of their names, which a second pass follows."""
        scored: list[np.ndarray] = []

        def second_pass(scores: np.ndarray, *sets: Any, **more: Any) -> Any:
            labels = scores.shape[1]
            links = np.arange(labels * labels, dtype=np.float32).reshape(labels, labels) / 10
            made = SecondPass(links, np.arange(labels) + 1.0, np.arange(labels) / 4, (1, 1, 1))
            scored.append(made.scores(scores).astype(np.float32))
            return made, scored[-1], 0.5

        monkeypatch.setattr("textmlr.training.sgd.set_calibration.second_pass", second_pass)
        trainer = learnt([([*own, "zebra"], text) for own, text in PAIRS], [])
        assert trainer.labels != sorted(trainer.labels)
        model = trainer.model()
        by_name = [trainer.labels.index(label) for label in model.labels]
        found = model.parts.calibration.second
        assert found is not None
        links = np.arange(36).reshape(6, 6) / 10
        np.testing.assert_allclose(found.links, links[np.ix_(by_name, by_name)], rtol=1e-6)
        assert found.scales.tolist() == [code + 1 for code in by_name]
        assert found.offsets.tolist() == [code / 4 for code in by_name]


def run(folder: Path, *arguments: str) -> Result:
    """textmlr train - --stream in this process."""
    command = ["train", str(folder / "in.tsv"), "--stream", "--hash-bits", "12"]
    return CliRunner().invoke(cli, [*command, "-o", str(folder / "m"), *arguments])


def written(pairs: list[Pair], path: Path) -> None:
    path.write_text("".join(f"{'|'.join(own)}\t{text}\n" for own, text in pairs))


class TestCommandLine:
    def test_stop_and_go_on_needs_nothing_said_again(self, tmp_path: Path) -> None:
        """A resumed stream reads labels as it began, and passes over what it had."""
        written(PAIRS, tmp_path / "in.tsv")
        assert run(tmp_path, "--label-separator", "|").exit_code == 0
        whole = (tmp_path / "m").read_bytes()
        written(PAIRS[:170], tmp_path / "in.tsv")
        assert run(tmp_path, "--label-separator", "|").exit_code == 0
        assert (tmp_path / "m").read_bytes() != whole
        written(PAIRS, tmp_path / "in.tsv")
        told = run(tmp_path, "--resume")
        assert told.exit_code == 0, told.output
        assert "resuming after 170 documents that were trained on before" in told.stderr
        assert "300, 130 of them now" in told.stdout
        assert "precision at 1" in told.stdout
        assert "accuracy" not in told.stdout + told.stderr
        assert (tmp_path / "m").read_bytes() == whole

    @pytest.mark.parametrize("threads", ["2", "4"])
    def test_threads_change_no_bit(self, tmp_path: Path, threads: str) -> None:
        written(PAIRS, tmp_path / "in.tsv")
        models = []
        for number in ("1", threads):
            assert run(tmp_path, "--label-separator", "|", "--threads", number).exit_code == 0
            models.append((tmp_path / "m").read_bytes())
        assert models[0] == models[1]

    def test_the_kind_of_stream_is_not_changed(self, tmp_path: Path) -> None:
        written(PAIRS, tmp_path / "in.tsv")
        assert run(tmp_path, "--label-separator", "|").exit_code == 0
        told = run(tmp_path, "--no-multilabel", "--resume")
        assert "the stream was started with --multilabel" in str(told.exception)
        assert run(tmp_path, "--no-multilabel", "--skip-bad-lines").exit_code == 0
        told = run(tmp_path, "--multilabel", "--resume")
        assert "the stream was started with --no-multilabel" in str(told.exception)

    def test_no_label_at_all(self, tmp_path: Path) -> None:
        written([([], "a b"), ([], "c")], tmp_path / "in.tsv")
        told = run(tmp_path, "--multilabel")
        assert "all documents so far have no label: no model was made" in str(told.exception)
