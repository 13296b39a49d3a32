"""update of a model with a sparse θ: sums and counts add up, what was learnt stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import naive_merged as naive
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import corpus_of, corpus_of_sets, documents, set_documents, write_tsv

import textmlr
from textmlr import FeaturizerOptions, InputError, Model, TrainingOptions, UpdateOptions
from textmlr.base.arrays import frozen
from textmlr.cli import cli
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.in_memory import batches_of
from textmlr.kernels import merged_rows as kernels
from textmlr.kernels.merged_rows import SummedRows
from textmlr.model.model_parts import ModelParts
from textmlr.model.postings import Postings
from textmlr.model.postings_file.rounded_postings import powers_of_two
from textmlr.model.support_record import SupportRecord
from textmlr.training.corpus_training import train_corpus
from textmlr.training.update.model_update import update_model

NOTHING_HELD = UpdateOptions(holdout=0.0)
HELD = UpdateOptions(holdout=0.3)
SPARSE = TrainingOptions(theta="sparse", epochs=2)
STEP = 2 ** (1 / 16)  # from one sum of a file to the next


def made_up(first: int, last: int, documents: int, seed: int) -> tuple[list[str], list[str]]:
    """(texts, labels): up to so many documents of some labels, with words of their own, of others,
    and of all."""
    rng = np.random.default_rng(seed)
    texts, names = [], []
    for label in range(first, last):
        for _ in range(int(rng.integers(1, documents + 1))):
            other = int(rng.integers(60))
            own = [f"w{label}", f"v{label // 3}", f"u{label}x{int(rng.integers(3))}", f"w{other}"]
            own = [word for word in own if rng.random() < 0.7]
            words = [*own, f"v{other // 3}", *(f"c{int(j)}" for j in rng.zipf(1.5, 5) % 30)]
            rng.shuffle(words)
            texts.append(" ".join(words))
            names.append(f"label {label:03}")
    return texts, names


OLD, NEW = made_up(0, 40, 9, 1), made_up(20, 60, 6, 2)
KINDS = {
    "plain": FeaturizerOptions(ngrams=(1, 2), min_df=1),
    "words": FeaturizerOptions(ngrams=(1, 1), min_df=1),
    "no idf": FeaturizerOptions(ngrams=(1, 1), min_df=1, idf=False),
    "no norm": FeaturizerOptions(ngrams=(1, 1), min_df=1, norm=None),
    "no bias": FeaturizerOptions(ngrams=(1, 1), min_df=1, bias=False),
    "hashed": FeaturizerOptions(ngrams=(1, 1), hash_bits=12),
}


def trained(kind: str = "plain", options: TrainingOptions = SPARSE) -> Model:
    return train_corpus(Corpus.of(*OLD), KINDS[kind], options)


def still(model: Model) -> Model:
    """The model, whose updates take no steps."""
    final = replace(final_of(model), epochs=0)
    return Model.of(replace(model.parts, record=replace(model.record, final=final)))


@pytest.fixture(scope="module")
def old() -> Model:
    return trained()


@pytest.fixture(scope="module")
def after(old: Model) -> Model:
    return update_model(old, Corpus.of(*NEW), HELD)


def postings_of(model: Model) -> Postings:
    assert model.parts.postings is not None
    return model.parts.postings


def final_of(model: Model) -> SupportRecord:
    assert isinstance(model.record.final, SupportRecord)
    return model.record.final


def dense(postings: Postings, values: np.ndarray) -> np.ndarray:
    """(R, L) of entries."""
    out = np.zeros((postings.rows_number, len(postings.bias)))
    rows = np.repeat(np.arange(postings.rows_number), np.diff(postings.starts))
    out[rows, postings.labels] = values
    return out


def rooted(postings: Postings) -> np.ndarray:
    """The part of weights that sums say: (m,)."""
    rows = np.repeat(postings.row_scales, np.diff(postings.starts))
    return rows * postings.scales[postings.labels] * np.sqrt(postings.sums)


def exact_sums(model: Model, texts: list[str], names: list[str]) -> np.ndarray:
    """Σ f(x)_f of the documents of each label, in rows of the model's θ: (R, L)."""
    rows = model.featurizer.featurize(batches_of(texts), 1)
    columns = model.parts.columns
    if columns is not None:
        rows = columns.renumber(rows)
    x = rows.to_scipy().toarray()
    codes = [model.labels.index(name) for name in names]
    out = np.zeros((x.shape[1], len(model.labels)))
    for row, code in zip(x, codes, strict=True):
        out[:, code] += row
    if model.featurizer.options.bias:
        always = 0 if columns is None else int(columns.find(np.zeros(1, np.int32))[0])
        out[always] = 0
    return out


# Kernels -------------------------------------------------------------------------------------


def rows_of(rows: list[dict[int, float]]) -> SummedRows:
    starts = np.cumsum([0, *map(len, rows)])
    pairs = [pair for row in rows for pair in sorted(row.items())]
    return SummedRows(
        frozen(starts.astype(np.int64)),
        frozen(np.array([label for label, _ in pairs], np.int32)),
        frozen(np.array([own for _, own in pairs], np.float32)),
    )


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_two_are_merged(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def drawn() -> list[dict[int, float]]:
        return [
            {int(label): float(np.float32(rng.random() + 0.1)) for label in rng.choice(9, size)}
            for size in rng.integers(0, 7, 12)
        ]

    first, second = drawn(), drawn()
    is_open = rng.integers(0, 2, 12).astype(np.uint8)
    old, new = rows_of(first), rows_of(second)
    learnt = rng.normal(size=len(old.labels)).astype(np.float32)
    beside = iter(learnt.tolist())
    both = [{label: (row[label], next(beside)) for label in sorted(row)} for row in first]
    wanted = naive.merged(both, second, is_open.tolist())
    sizes = np.empty(12, np.int64)
    kernels.count_merged(old, new, frozen(is_open), sizes)
    assert sizes.tolist() == [len(row) for row in wanted]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    m = int(starts[-1])
    out = SummedRows(frozen(starts), np.empty(m, np.int32), np.empty(m, np.float32))
    added, kept = np.empty(m, np.float32), np.empty(m, np.float32)
    kernels.merge_rows(old, new, frozen(is_open), frozen(learnt), out, added, kept)
    assert out.labels.tolist() == [label for row in wanted for label in row]
    found = np.stack([out.sums, added, kept], axis=1)
    np.testing.assert_array_equal(found, np.array([v for row in wanted for v in row.values()]))


def test_sums_stay_on_their_grid_and_nothing_is_lost_on_average() -> None:
    rng = np.random.default_rng(3)
    powers = powers_of_two()[:16]
    starts, labels = np.array([0, 2, 4]), np.array([0, 2, 1, 2], np.int32)
    factors, bases = np.array([1.0, 2.5], np.float32), np.array([0.3, 0.01, 0.0], np.float32)
    begin = np.array([0.3, 7, 0.1, 1], np.float32)
    added = np.array([0.05, 0.123, 0.0007, 0], np.float32)
    found = []
    for _ in range(4000):
        sums = begin.copy()
        own = map(frozen, (starts, labels, added, factors, bases, powers, rng.random(3)))
        kernels.add_on_grid(*own, sums)
        found.append(sums)
    wanted = begin.astype(float) + added
    assert {own[1] for own in found} == {np.float32(7.123)}  # a label without a grid
    assert {own[3] for own in found} == {1}  # nothing is added
    for at, unit in ((0, 0.3), (2, 2.5 * 0.01)):
        near = naive.neighbours(wanted[at], float(np.float32(unit)), powers.tolist())
        assert {round(float(own[at]), 5) for own in found} == {round(one, 5) for one in near}
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0, dtype=float) - wanted) < 4 * error + 1e-6).all()


# What is exact -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_sums_are_those_of_old_documents_and_new(kind: str) -> None:
    """What follows from sums and counts is what training on both finds with the same numbers."""
    before = still(trained(kind))
    model = update_model(before, Corpus.of(*NEW), NOTHING_HELD)
    own, final = postings_of(model), final_of(model)
    wanted = exact_sums(model, OLD[0] + NEW[0], OLD[1] + NEW[1])
    found = dense(own, own.sums)
    assert ((found > 0) == (wanted > 0)).all()
    met = wanted > 0
    assert np.abs(np.log(found[met] / wanted[met])).max() < 1.6 * np.log(STEP)
    assert np.abs(np.log(found[met] / wanted[met])).mean() < 0.4 * np.log(STEP)
    counts = np.array([(OLD[1] + NEW[1]).count(label) for label in model.labels])
    assert model.record.label_weights().tolist() == counts.tolist()
    code = {label: i for i, label in enumerate(before.labels)}
    grown = [label for label in model.labels if label in code]
    bias = {label: own.bias[i] for i, label in enumerate(model.labels)}
    old_bias = postings_of(before).bias
    for label in grown:
        more = final.prior * np.log((OLD[1] + NEW[1]).count(label) / OLD[1].count(label))
        assert bias[label] - old_bias[code[label]] == pytest.approx(more, abs=0.01)


def test_without_steps_weights_are_those_of_training_on_both() -> None:
    """With the same numbers, to the rounding of the file, of labels of one document or more."""
    before = still(trained("no idf"))
    model = update_model(before, Corpus.of(*NEW), NOTHING_HELD)
    own, final = postings_of(model), final_of(model)
    s = exact_sums(model, OLD[0] + NEW[0], OLD[1] + NEW[1])
    h = own.row_scales.astype(np.float64) ** (4 / 3)
    scales = final.attraction * np.sqrt((h[:, None] * s**2).sum(0)) ** -final.norm_power
    scales *= final.calibration.factor
    np.testing.assert_allclose(own.scales, scales, rtol=0.02)
    learnt = own.weights - rooted(own)
    kept = dense(own, learnt)
    old = postings_of(before)
    names, rows = before.featurizer.feature_names(), model.featurizer.feature_names()
    wanted = np.zeros_like(kept)
    of_old = dense(old, old.weights - rooted(old))
    codes = [model.labels.index(label) for label in before.labels]
    for name, row in zip(names, of_old, strict=True):
        wanted[rows.index(name), codes] = row
    assert np.abs(wanted).max() > 0.1
    np.testing.assert_allclose(kept, wanted, atol=1e-3)


def test_many_small_updates_add_up() -> None:
    """Sums of few bits would swallow whatever is smaller than half their step."""
    text = " ".join(f"t{i}" for i in range(40))
    texts = [text] * 60 + [f"other t{i} words" for i in range(20)]
    names = ["large"] * 60 + ["small"] * 20
    options = replace(SPARSE, epochs=None)
    model = train_corpus(Corpus.of(texts, names), KINDS["no idf"], options)
    for _ in range(25):
        model = update_model(model, Corpus.of([text], ["large"]), NOTHING_HELD)
    own = postings_of(model)
    large = model.labels.index("large")
    found = dense(own, own.sums)[:, large]
    wanted = exact_sums(model, texts + [text] * 25, names + ["large"] * 25)[:, large]
    met = wanted > 0
    assert np.mean(found[met] / wanted[met]) == pytest.approx(1, abs=0.03)
    assert model.record.label_weights()[large] == 85
    assert len(model.record.updates) == 25


def test_rows_of_too_many_labels_stay_empty(old: Model) -> None:
    parts = old.parts
    own = postings_of(old)
    sizes = np.diff(own.starts)
    widest = int(sizes.argmax())
    kept = np.ones(len(own), bool)
    kept[own.starts[widest] : own.starts[widest + 1]] = False
    starts = np.concatenate([[0], np.cumsum(np.where(np.arange(len(sizes)) == widest, 0, sizes))])
    bare = Postings(
        starts, own.labels[kept], own.weights[kept], own.bias, own.scales, own.sums[kept]
    )
    model = update_model(Model.of(replace(parts, postings=bare)), Corpus.of(*NEW), NOTHING_HELD)
    name = parts.featurizer.feature_names()[widest]
    again = model.featurizer.feature_names().index(name)
    found = postings_of(model)
    assert found.starts[again] == found.starts[again + 1]


# Answers -------------------------------------------------------------------------------------


def test_new_labels_are_answered_and_old_ones_are_not_forgotten(old: Model, after: Model) -> None:
    """As by training on both."""
    texts, names = made_up(0, 60, 20, 9)
    both = train_corpus(Corpus.of(OLD[0] + NEW[0], OLD[1] + NEW[1]), KINDS["plain"], SPARSE)
    is_old = np.array([name in old.labels for name in names])
    right = {
        name: np.array(model.predict(texts)) == np.array(names)
        for name, model in (("old", old), ("after", after), ("both", both))
    }
    for which in (is_old, ~is_old):
        assert right["after"][which].mean() > right["both"][which].mean() - 0.07
    assert right["after"].mean() > right["old"].mean() + 0.05
    np.testing.assert_allclose(after.probabilities(texts).sum(axis=1), 1, atol=1e-9)


def test_the_old_model_stays_and_threads_change_nothing(old: Model, after: Model) -> None:
    before = old.dumps()
    assert update_model(old, Corpus.of(*NEW), HELD, threads=2).dumps() == after.dumps()
    assert old.dumps() == before


def test_an_updated_model_is_saved_loaded_and_updated_again(after: Model, tmp_path: Path) -> None:
    path = tmp_path / "m.textmlr"
    after.save(path)
    again = Model.load(path)
    assert again.dumps() == after.dumps()
    texts = OLD[0][:20]
    assert np.array_equal(again.probabilities(texts), after.probabilities(texts))
    third = made_up(55, 70, 2, 5)
    whole = update_model(again, Corpus.of(*third))
    assert whole.dumps() == update_model(after, Corpus.of(*third)).dumps()
    assert len(whole.record.updates) == 2
    assert len(whole.labels) == 70
    assert whole.featurizer.documents == len(OLD[0]) + len(NEW[0]) + len(third[0])


def test_the_record_tells_of_the_update(old: Model, after: Model) -> None:
    (update,) = after.record.updates
    assert update.documents == len(NEW[0])
    assert len(update.new_labels) == 20
    assert update.features == (old.parts.rows, after.parts.rows)
    assert final_of(after).weights == len(postings_of(after))
    assert update.compared is not None
    rows = {row["of"]: row for row in update.compared["rows"]}
    assert {"all", "old labels", "new labels"} == set(rows)
    assert rows["new labels"]["accuracy"][0] == 0
    assert rows["new labels"]["accuracy"][1] > 0
    assert rows["new labels"]["loss"][0] is None
    assert update.overlap is not None


def test_documents_that_were_seen_are_told_of(old: Model) -> None:
    again = update_model(old, Corpus.of(OLD[0][:50], OLD[1][:50]))
    (update,) = again.record.updates
    assert update.overlap is not None
    assert update.overlap.documents == 50


def test_answers_before_and_after_are_those_of_the_models(old: Model) -> None:
    judges = made_up(0, 65, 1, 11)
    after = update_model(old, Corpus.of(*NEW), validation=Corpus.of(*judges))
    compared = after.record.updates[-1].compared
    assert compared is not None
    rows = {row["of"]: row for row in compared["rows"]}
    assert rows["unknown labels"]["documents"] == sum(name > "label 059" for name in judges[1])
    for side, model in enumerate((old, after)):
        right, losses = [], []
        for text, label in zip(*judges, strict=True):
            p = model.probabilities([text])[0]
            known = label in model.labels
            right.append(known and model.labels[int(p.argmax())] == label)
            losses.append(-np.log(p[model.labels.index(label)]) if known else np.inf)
        assert rows["all"]["accuracy"][side] == pytest.approx(np.mean(right))
        own = [one for one, name in zip(losses, judges[1], strict=True) if name in old.labels]
        assert rows["old labels"]["loss"][side] == pytest.approx(np.mean(own), rel=1e-6)


# From zero -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def from_zero() -> Model:
    """A model of few labels with many documents each, whose θ is all learnt."""
    model = train_corpus(
        corpus_of(documents(400, 1)),
        FeaturizerOptions(ngrams=(1, 1)),
        TrainingOptions(theta="sparse"),
    )
    assert postings_of(model).sums is None
    return model


def accuracy(model: Model, pairs: list[tuple[str, str]]) -> float:
    return float(np.mean(np.array(model.predict([x for _, x in pairs])) == [y for y, _ in pairs]))


def losses(model: Model, pairs: list[tuple[str, str]]) -> float:
    p = model.probabilities([text for _, text in pairs])
    return float(-np.log(p[range(len(p)), [model.labels.index(y) for y, _ in pairs]]).mean())


def test_what_started_from_zero_goes_on(from_zero: Model) -> None:
    test = documents(400, 7)
    more = update_model(from_zero, corpus_of(documents(600, 2)))
    assert losses(more, test) < losses(from_zero, test)
    assert accuracy(more, test) > accuracy(from_zero, test) - 0.01
    assert postings_of(more).sums is None
    assert not postings_of(more).scales.any()
    met = dense(postings_of(more), np.ones(len(postings_of(more))))
    texts = [x for _, x in documents(400, 1) + documents(600, 2)]
    names = [y for y, _ in documents(400, 1) + documents(600, 2)]
    assert not (met > (exact_sums(more, texts, names) > 0)).any()  # nowhere else
    assert update_model(from_zero, corpus_of(documents(600, 2)), threads=2).dumps() == more.dumps()


def test_what_started_from_zero_takes_new_labels(from_zero: Model, tmp_path: Path) -> None:
    words = "oven dough simmer garlic saucepan whisk recipe butter roast pepper".split()
    rng = np.random.default_rng(5)
    cooking = [("cooking", " ".join(rng.choice(words, 8))) for _ in range(60)]
    more = update_model(from_zero, corpus_of(cooking[:40]))
    assert accuracy(more, cooking[40:]) > 0.9
    test = documents(300, 7)
    assert accuracy(more, test) > accuracy(from_zero, test) - 0.03
    more.save(tmp_path / "m")
    again = Model.load(tmp_path / "m")
    assert again.dumps() == more.dumps()
    assert update_model(again, corpus_of(documents(90, 3))).labels == more.labels
    compared = update_model(from_zero, corpus_of(cooking + documents(300, 8))).record.updates[-1]
    assert compared.compared is not None
    assert {row["of"] for row in compared.compared["rows"]} == {"all", "old labels", "new labels"}


def test_a_sparse_theta_of_label_sets_takes_documents_and_labels() -> None:
    options = FeaturizerOptions(ngrams=(1, 1)), TrainingOptions(theta="sparse")
    old = train_corpus(corpus_of_sets(set_documents(300, 1)), *options)
    new = [*set_documents(200, 2), *[(["safari"], "zebra lion savanna")] * 20]
    more = update_model(old, corpus_of_sets(new))
    assert more.labels == sorted([*old.labels, "safari"])
    assert more.predict(["a lion, a zebra"])[0] == ("safari",)
    assert more.parts.thresholds is not None
    test = set_documents(100, 3)
    texts, names = [x for _, x in test], [y for y, _ in test]
    assert more.evaluate(texts, names).micro_f1 > old.evaluate(texts, names).micro_f1 - 0.02
    compared = more.record.updates[-1].compared
    assert compared is not None
    assert {"all", "old labels", "new labels"} == {row["of"] for row in compared["rows"]}


# What is refused -----------------------------------------------------------------------------


def bare(parts: ModelParts) -> Model:
    assert parts.postings is not None
    return Model.of(replace(parts, postings=replace(parts.postings, sums=None)))


def test_a_model_without_sums_or_a_record_of_them_is_refused(old: Model) -> None:
    problem = "does not say which sums its weights are made of; train a model on all documents"
    no_record = Model.of(replace(old.parts, record=replace(old.record, final=None)))
    for model in (bare(old.parts), no_record):
        with pytest.raises(InputError, match=problem):
            update_model(model, Corpus.of(*NEW))
    small = old.compress(round(0.8 * len(old.dumps())))
    with pytest.raises(InputError, match="update the model that it was compressed from"):
        small.update(*NEW)
    with pytest.raises(InputError, match="there are no documents to train on; give at least one"):
        update_model(old, Corpus.of([], []))


# The command line ----------------------------------------------------------------------------


def test_the_verb_updates_a_file(old: Model, after: Model, tmp_path: Path) -> None:
    path, new = tmp_path / "m.textmlr", tmp_path / "new.tsv"
    old.save(path)
    write_tsv(new, list(zip(NEW[1], NEW[0], strict=True)))
    done = CliRunner().invoke(cli, ["update", str(path), str(new), "--json", "--holdout", "0.3"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["labels"] == 60
    assert told["documents"] == len(OLD[0]) + len(NEW[0])
    assert told["update"]["compared"]["rows"]
    assert Model.load(path).labels == after.labels
    shown = CliRunner().invoke(cli, ["update", str(path), str(new), "--holdout", "0.3"])
    assert shown.exit_code == 0, shown.output
    assert f"{len(NEW[0])} new documents also occur" in shown.output
    assert "answers to held-out new documents" in shown.output


def test_python_updates_too(old: Model, after: Model) -> None:
    assert textmlr.update(old, *NEW, holdout=0.3).dumps() == after.dumps()
    assert old.update(*NEW, holdout=0.3).dumps() == after.dumps()
