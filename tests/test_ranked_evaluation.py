"""Evaluation of very many labels: by the answer, P and place of each document's label alone."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn import metrics
from test_postings import WORDS, model_of

from textmlr import Comparison, Corpus, InputError, Model, compare, evaluate, train
from textmlr.cli import cli
from textmlr.cli.rank_screen import show_ranked
from textmlr.evaluation.curves import learning_curve
from textmlr.evaluation.evaluation import FEW_ROWS, Evaluation, judge
from textmlr.evaluation.intervals import resampled_columns, resampled_f1, resampled_means
from textmlr.evaluation.label_figures import LabelFigures
from textmlr.evaluation.label_table import LabelTable
from textmlr.evaluation.labelled_answers import LabelledAnswers
from textmlr.evaluation.rank_figures import RANKS
from textmlr.evaluation.ranked_truth import RankedTruth, keeps_rows
from textmlr.model.ranked_answers import RankedAnswers
from textmlr.model.scoring import Calibration


def rows_of(n: int, labels: int, seed: int, strangers: int = 0) -> LabelledAnswers:
    """Answers with P of every label, about a third of them right, ties among them; the last
    labels of the documents are none of the model's."""
    rng = np.random.default_rng(seed)
    p = np.exp(rng.integers(0, 9, (n, labels)) / 2.0)
    p /= p.sum(axis=1, keepdims=True)
    codes = np.where(rng.random(n) < 0.3, p.argmax(axis=1), rng.integers(0, labels, n))
    codes[n - strangers :] = labels + np.arange(strangers) % 2
    names = [f"l{i:03}" for i in range(labels)] + [f"odd{i}" for i in range(min(strangers, 2))]
    counts = np.ceil(3000 / (1 + np.arange(labels)) ** 2.0) - 1
    return LabelledAnswers(names, codes.astype(np.int64), p, trained_on=counts)


def ranked(rows: LabelledAnswers) -> RankedTruth:
    """The same answers without P of every label; places by sorting."""
    p, codes, n = rows.probabilities, rows.codes, len(rows)
    order = np.argsort(-p, axis=1, kind="stable")
    place = np.array(
        [
            own.tolist().index(code) if code < rows.width else rows.width
            for own, code in zip(order, codes, strict=True)
        ]
    )
    of_truth = np.array([p[i, c] if c < rows.width else 0.0 for i, c in enumerate(codes)])
    answers = RankedAnswers(
        order[:, :1],
        np.take_along_axis(p, order[:, :1], axis=1),
        np.zeros(n),
        np.ones(n, np.int64),
        0,
        codes,
        of_truth,
        place,
    )
    return RankedTruth(rows.names, codes, rows.width, answers, trained_on=rows.trained_on)


@pytest.mark.parametrize(("labels", "strangers"), [(2, 0), (7, 3), (60, 0), (60, 40)])
def test_figures_are_those_of_all_probabilities(labels: int, strangers: int) -> None:
    rows = rows_of(500, labels, labels, strangers)
    few, many = judge(rows), judge(ranked(rows))
    assert rows.rank.tolist() == ranked(rows).rank.tolist()
    for name in (
        "documents",
        "accuracy",
        "log_loss",
        "ece",
        "confused",
        "coverage",
        "reliability",
        "chance",
        "never_answered",
    ):
        assert getattr(few, name) == getattr(many, name), name
    assert many.macro_f1 == pytest.approx(few.macro_f1)
    assert many.brier is None
    assert few.ranks is None
    for row in many.labels:
        assert row == replace(few.of_label(row.label), thresholds=())
    with_rows = {row.label for row in many.labels}
    assert with_rows == {row.label for row in few.labels if row.support or row.predicted}
    assert [row.label for row in many.worst(5)] == [row.label for row in few.worst(5)]
    assert [row.label for row in many.frequent(5)] == [row.label for row in few.frequent(5)]
    for name in ("accuracy", "macro_f1", "log_loss"):
        ends = zip(getattr(few.intervals, name), getattr(many.intervals, name), strict=True)
        assert all(abs(a - b) < 0.03 * max(1, a) for a, b in ends)


@pytest.mark.parametrize("labels", [4, 12, 50])
def test_ranks_against_scikit_learn(labels: int) -> None:
    rng = np.random.default_rng(labels)
    p = rng.dirichlet(np.ones(labels), 400)
    codes = np.where(rng.random(400) < 0.3, p.argmax(axis=1), rng.integers(0, labels, 400))
    rows = LabelledAnswers([f"l{i}" for i in range(labels)], codes, p)
    ranks = judge(ranked(rows)).ranks
    assert ranks is not None
    assert [row.k for row in ranks.at] == [k for k in RANKS if k <= labels]
    truth = np.eye(labels)[codes]
    for row in ranks.at:
        expected = metrics.top_k_accuracy_score(codes, p, k=row.k, labels=range(labels))
        assert row.accuracy == pytest.approx(expected)
        assert row.ndcg == pytest.approx(metrics.ndcg_score(truth, p, k=row.k))
        assert row.interval[0] <= row.accuracy <= row.interval[1]
        assert row.propensity_scored is None  # nothing is known of training
    reciprocal = metrics.label_ranking_average_precision_score(truth, p)  # of one label: 1/place
    assert ranks.mean_reciprocal_rank == pytest.approx(reciprocal)
    assert ranks.by_training == ()
    assert ranks.labels_with_documents == len(set(codes.tolist()))


def test_propensities_by_plain_loops() -> None:
    """PSP@k of Jain, Prabhu and Varma, over what the best answer could have."""
    rows = rows_of(300, 30, 3, strangers=9)
    many = judge(ranked(rows))
    assert many.ranks is not None
    assert rows.trained_on is not None
    counts = [*rows.trained_on.tolist(), 0.0, 0.0]
    c = (np.log(sum(counts)) - 1) * (1.5 + 1) ** 0.55
    weight = [1 + c * (own + 1.5) ** -0.55 for own in counts]
    for row in many.ranks.at:
        reached = possible = 0.0
        for p, code in zip(rows.probabilities, rows.codes.tolist(), strict=True):
            likeliest = sorted(range(30), key=lambda label: (-p[label], label))[: row.k]
            reached += sum(weight[label] for label in likeliest if label == code) / row.k
            possible += weight[code] / row.k
        assert row.propensity_scored == pytest.approx(reached / possible)


def test_bands_of_training_by_plain_loops() -> None:
    rows = rows_of(600, 40, 5, strangers=11)
    many = judge(ranked(rows))
    assert many.ranks is not None
    assert rows.trained_on is not None
    counts = np.append(rows.trained_on, [0, 0])
    bands = many.ranks.by_training
    assert sum(band.documents for band in bands) == 600
    assert [band.least for band in bands] == sorted({band.least for band in bands})
    assert {(0, 1), (1, 2), (2, 5)} <= {(band.least, band.below) for band in bands}
    for band in bands:
        inside = (counts >= band.least) & (counts < band.below)
        own = inside[rows.codes]
        assert band.labels == inside[:40].sum()
        assert band.documents == own.sum()
        assert band.accuracy == pytest.approx((rows.top == rows.codes)[own].mean())
        known = rows.codes < 40
        assert band.wider == pytest.approx(((rows.rank < 5) & known)[own].mean())
        assert band.log_loss == pytest.approx(rows.losses[own].mean())


def test_chance_of_several_labels() -> None:
    rows = rows_of(200, 12, 1)
    many = judge(ranked(rows))
    assert many.ranks is not None
    assert many.ranks.at[0].chance == many.chance.accuracy
    for row in many.ranks.at:
        assert row.chance == pytest.approx((rows.codes < row.k).mean())  # counts fall


def test_intervals_are_those_of_drawn_documents() -> None:
    values = np.random.default_rng(1).random((80, 2))
    columns = resampled_columns(values, resamples=400)
    assert columns.shape == (400, 2)
    theirs = resampled_means(values[:, 0], resamples=400)
    assert columns[:, 0].mean() == pytest.approx(theirs.mean(), abs=0.01)
    assert columns[:, 0].std() == pytest.approx(theirs.std(), rel=0.2)
    assert (resampled_columns(values, resamples=30, threads=3) == columns[:30]).all()
    codes, top = np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1])
    assert resampled_f1(codes, codes, resamples=50).tolist() == [1.0] * 50
    drawn = np.array(np.meshgrid(*[range(4)] * 4)).reshape(4, -1).T  # all there are
    seen = {
        round(metrics.f1_score(codes[own], top[own], average="macro", zero_division=0), 9)
        for own in drawn
    }
    scores = resampled_f1(codes, top, resamples=200)
    assert {round(score, 9) for score in scores.tolist()} <= seen
    assert (resampled_f1(codes, top, resamples=200, threads=3) == scores).all()


# ------------------------------------------------------------------------------ of very many labels
def made_up(n: int, labels: int, seed: int, skill: float = 0.3) -> RankedTruth:
    """Answers to documents of very many labels; the same documents whatever the seed."""
    shares = 1 / (1 + np.arange(labels))
    codes = np.random.default_rng(0).choice(labels, n, p=shares / shares.sum()).astype(np.int64)
    rng = np.random.default_rng(seed)
    place = np.minimum(rng.pareto(0.5, n), labels - 1).astype(np.int64)
    place[rng.random(n) < skill] = 0
    top = np.where(place == 0, codes, (codes + 1 + rng.integers(0, 3, n)) % labels)
    own = 0.5 * rng.random(n) / (1 + place)
    sure = np.where(place == 0, own, 1.5 * own)
    answers = RankedAnswers(
        top[:, None], sure[:, None], np.zeros(n), np.ones(n, np.int64), 0, codes, own, place
    )
    names = [f"label-{i}" for i in range(labels)]
    return RankedTruth(names, codes, labels, answers, trained_on=np.ceil(9 * labels * shares / 20))


def test_nothing_is_as_large_as_documents_times_labels() -> None:
    n, labels = 5_000, 100_000
    a, b = made_up(n, labels, 1), made_up(n, labels, 2)
    tracemalloc.start()
    try:
        figures = judge(a)
        figures.as_dict(everything=True)
        Comparison.of(a, b)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < n * labels / 8  # not even a bit for each


def test_rows_are_kept_of_few_labels_and_not_too_many_documents() -> None:
    assert keeps_rows(10**5, 1000)
    assert not keeps_rows(1, 1001)
    assert not keeps_rows(10**9, 2)


def test_what_is_asked_for_by_name() -> None:
    figures = judge(made_up(500, 3000, 1))
    assert isinstance(figures.labels, LabelTable)
    assert figures.of_label("label-0").support > 10
    absent = next(f"label-{i}" for i in range(2999, 0, -1) if i not in figures.labels.codes)
    assert figures.of_label(absent) == LabelFigures(absent, 0.0, 0.0, 0.0, 0, 0, ())
    with pytest.raises(InputError, match="no label 'label-'"):
        figures.of_label("label-")
    assert figures.labels[-1] == figures.labels[len(figures.labels) - 1]
    assert figures.labels[:2] == list(figures.labels)[:2]
    assert figures == judge(made_up(500, 3000, 1))
    assert figures != judge(made_up(500, 3000, 2))


def test_json_is_bounded_unless_all_is_asked_for() -> None:
    figures = judge(made_up(2000, 50_000, 1))
    short = json.loads(json.dumps(figures.as_dict(labels=["label-49999"])))
    assert short["labels"][0]["label"] == "label-49999"
    assert len(short["labels"]) <= 2 * FEW_ROWS + 1
    assert short["label_count"] == 50_000
    assert len(short["never_answered"]) == FEW_ROWS
    assert short["never_answered_count"] == len(figures.never_answered)
    assert short["brier"] is None
    assert [row["k"] for row in short["ranks"]["at"]] == [1, 3, 5, 10]
    whole = figures.as_dict(everything=True)
    assert len(whole["labels"]) == len(figures.labels)
    assert len(whole["never_answered"]) == whole["never_answered_count"]
    few = judge(rows_of(50, 5, 1)).as_dict()
    assert not {"ranks", "label_count", "never_answered_count"} & few.keys()


def screen(result: Evaluation, **options: Any) -> list[str]:
    """The lines that the command line shows."""
    options = {"asked": (), "everything": False} | options
    assert result.ranks is not None
    command = click.command()(lambda: show_ranked(result, result.ranks, **options))
    runner = CliRunner(env={"COLUMNS": "80"})
    return runner.invoke(command, catch_exceptions=False).stdout.splitlines()


def test_an_evaluation_of_very_many_labels_fits_one_screen() -> None:
    answered = made_up(3000, 195_595, 1)
    long = [f"a-label-that-says-all-there-is-to-say-{name}" for name in answered.names]
    for own in (answered, replace(answered, names=long)):
        lines = screen(judge(own), said=["text from column a, labels from column b"])
        assert len(lines) < 24
        assert max(map(len, lines)) <= 80
        starts = [line.split()[0] for line in lines if line.strip()]
        last = [starts.index(name) for name in ("likeliest", "ECE", "log", "Chance:", "Look")]
        assert last == sorted(last)
    assert sum("never the answer: " in line and "--label or --all" in line for line in lines) == 1
    every = screen(judge(answered), everything=True)
    assert 60 < len(every) < 120
    assert any("label in training" in line for line in every)
    assert any("median place" in line for line in every)
    asked = screen(judge(answered), labels=["label-7", "label-195594"])
    assert sum("label-7 " in line or "label-195594 " in line for line in asked) == 2


def test_what_to_look_at() -> None:
    rng = np.random.default_rng(1)
    answered = made_up(3000, 2000, 1)
    rare = answered.trained_on[answered.codes] < 5  # type: ignore[index]
    place = np.where(rare & (rng.random(3000) < 0.7), 3, 0)
    top = np.where(place == 0, answered.codes, (answered.codes + 1) % 2000)
    sure = np.where(rare, 0.3, 0.95)
    own = np.where(place == 0, sure, 0.05)
    better = replace(
        answered.ranked,
        labels=top[:, None],
        probabilities=sure[:, None],
        of_truth=own,
        rank=place,
    )
    told = " ".join(screen(judge(replace(answered, ranked=better)))[-2:])
    assert "Look at labels of fewer than 5 training documents: accuracy 0.3" in told


def test_results_are_shown_in_three_lines() -> None:
    figures = judge(made_up(300, 5000, 1))
    assert len(repr(figures).splitlines()) == 3
    assert "5,000 labels: top-3 0." in repr(figures)
    assert "top-5 accuracy" in figures._repr_html_()
    assert len(repr(figures.labels)) < 80


# -------------------------------------------------------------------------------------- comparison
def test_two_models_of_very_many_labels() -> None:
    worse, better = made_up(2000, 20_000, 1, 0.3), made_up(2000, 20_000, 2, 0.5)
    result = Comparison.of(worse, better)
    assert result.accuracy.value == pytest.approx(
        (better.top == better.codes).mean() - (worse.top == worse.codes).mean()
    )
    assert result.accuracy.p < 0.001
    assert [row.k for row in result.at_rank] == [3, 5, 10]
    for row in result.at_rank:
        assert row.a == pytest.approx((worse.rank < row.k).mean())
        assert row.difference.value == pytest.approx(row.b - row.a)
        low, high = row.difference.interval
        assert low < row.difference.value < high
    assert len(result.as_dict()["at_rank"]) == 3
    assert Comparison.of(worse, better, threads=3) == result
    swapped = Comparison.of(better, worse)
    assert swapped.at_rank[0].difference.value == -result.at_rank[0].difference.value


def test_a_model_with_all_probabilities_and_one_without() -> None:
    rows, others = rows_of(400, 30, 1, 4), rows_of(400, 30, 2, 4)
    others = replace(others, codes=rows.codes, names=rows.names)
    few, mixed = Comparison.of(rows, others), Comparison.of(rows, ranked(others))
    assert few.at_rank == ()
    assert "at_rank" not in few.as_dict()
    assert [row.k for row in mixed.at_rank] == [3, 5, 10]
    assert replace(mixed, at_rank=()) == few
    for row in mixed.at_rank:
        known = rows.codes < 30
        assert row.a == pytest.approx(((rows.rank < row.k) & known).mean())
    with pytest.raises(InputError, match="not to the same documents"):
        Comparison.of(rows, made_up(400, 30, 1))


# ----------------------------------------------------------------------------- models, files, verbs
MANY = 1200  # labels of a model, more than MANY_LABELS


def dense_of(sparse: Model) -> Model:
    """The model of the same scores whose θ is dense."""
    parts = sparse.parts
    postings = parts.postings
    assert postings is not None
    theta = postings.rows(np.arange(postings.rows_number))
    theta[sparse.featurizer.always_column] = postings.bias
    return Model.of(replace(parts, postings=None, layers=(theta,), calibration=Calibration()))


def documents_of(model: Model, n: int = 120) -> tuple[list[str], list[str]]:
    """Texts and labels; every tenth label is the likeliest, and the last ones are strange."""
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice([*WORDS, "unheard"], rng.integers(0, 6))) for _ in range(n)]
    labels = [model.labels[i] for i in rng.integers(0, len(model.labels), n)]
    labels[::3] = model.predict(texts)[::3]
    labels[-2:] = ["strange", "stranger"]
    return texts, labels


@pytest.mark.parametrize("form", ["sparse", "dense", "mixed"])
def test_a_model_is_judged_as_its_probabilities_are(form: str) -> None:
    model = model_of(MANY, seed=2, size=3.0, share=0.2 if form == "mixed" else 0.0)
    model = dense_of(model) if form == "dense" else model
    texts, labels = documents_of(model)
    figures = evaluate(model, texts, labels)
    names = [*model.labels, "strange", "stranger"]
    codes = np.array([names.index(label) for label in labels])
    p = model.probabilities(texts)
    counts = model.record.label_weights()
    rows = LabelledAnswers(names, codes, p, trained_on=counts)
    wanted = judge(rows)
    assert isinstance(figures.answered, RankedTruth)
    assert figures.answered.rank.tolist() == rows.rank.tolist()
    assert figures.answered.top.tolist() == rows.top.tolist()
    assert 0.3 < figures.accuracy < 0.5
    for name in ("accuracy", "macro_f1", "log_loss", "ece"):
        assert getattr(figures, name) == pytest.approx(getattr(wanted, name), rel=1e-6), name
    assert figures.chance == wanted.chance
    assert figures.confused == wanted.confused
    assert evaluate(model, texts, labels, threads=3) == figures
    for row in figures.ranks.at:  # type: ignore[union-attr]
        known = codes < MANY
        assert row.accuracy == ((rows.rank < row.k) & known).mean()


def test_dense_and_sparse_models_are_compared() -> None:
    sparse = model_of(MANY, seed=2, size=3.0)
    dense, other = dense_of(sparse), model_of(MANY, seed=3, size=3.0)
    texts, labels = documents_of(sparse)
    same = compare(sparse, dense, texts, labels)
    assert same.accuracy.value == 0
    assert same.log_loss.value == pytest.approx(0, abs=1e-5)
    assert [row.difference.value for row in same.at_rank] == [0, 0, 0]
    better = sparse.compare(other, texts, labels)
    assert better.accuracy.value < -0.2
    assert better.at_rank[0].a > better.at_rank[0].b


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A model of many labels, and a corpus."""
    folder = tmp_path_factory.mktemp("many")
    model = dense_of(model_of(MANY, seed=2, size=3.0))
    model.save(folder / "many.textmlr")
    rows = zip(*documents_of(model), strict=True)
    text = "".join(f"{label}\t{words}\n" for words, label in rows)
    (folder / "test.tsv").write_text(text)
    return str(folder / "many.textmlr"), str(folder / "test.tsv")


def run(*arguments: str) -> Any:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(cli, arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def test_the_verbs(files: tuple[str, str]) -> None:
    model, corpus = files
    lines = run("evaluate", "-m", model, corpus).stdout.splitlines()
    assert len(lines) < 24
    assert lines[0] == "Evaluation of 120 documents, 1,202 labels"
    short = json.loads(run("evaluate", "-m", model, corpus, "--json").stdout)
    assert len(short["labels"]) <= 2 * FEW_ROWS
    whole = json.loads(run("evaluate", "-m", model, corpus, "--json", "--all").stdout)
    assert len(whole["labels"]) > 2 * FEW_ROWS
    asked = ["--label", "label 000007", "--label", "strange"]
    shown = run("evaluate", "-m", model, corpus, *asked).stdout.splitlines()
    assert sum("label 000007 " in line or "  strange " in line for line in shown) == 2
    rows = json.loads(run("evaluate", "-m", model, corpus, "--json", *asked).stdout)["labels"]
    assert [row["label"] for row in rows[:2]] == ["label 000007", "strange"]
    wrong = CliRunner().invoke(cli, ["evaluate", "-m", model, corpus, "--label", "label 00000"])
    assert isinstance(wrong.exception, InputError)
    assert "no label 'label 00000'" in str(wrong.exception)
    table = run("compare", model, model, corpus).stdout
    assert "top-5" in table
    assert len(json.loads(run("compare", model, model, corpus, "--json").stdout)["at_rank"]) == 3


def test_a_trained_model_has_a_learning_curve() -> None:
    """Of very many labels each, though a smaller part may lack some."""
    labels = [f"item {i:04}" for i in range(1100) for _ in range(4)]
    texts = [
        f"w{i * 17 % 211} w{300 + i * 29 % 197} w{600 + i * 43 % 193} w{900 + i % 7 + k}"
        for i in range(1100)
        for k in range(4)
    ]
    model = train(texts, labels, theta="sparse", ngrams=(1, 1), char_ngrams=None)
    assert model.parts.is_sparse
    figures = evaluate(model, texts, labels)
    assert figures.accuracy > 0.9
    points = learning_curve(model, Corpus.of(texts, labels), Corpus.of(texts[::9], labels[::9]))
    assert [point.documents for point in points] == [2200, 4400]
    assert points[-1].answers > 0.9


def test_labels_are_asked_for_of_few_too(model_file: Path, test_tsv: Path, tmp_path: Path) -> None:
    name = Model.load(model_file).labels[1]
    shown = run("evaluate", "-m", str(model_file), str(test_tsv), "--label", name).stdout
    assert sum(line.startswith(f"  {name} ") for line in shown.splitlines()) == 1
    figures = Model.load(model_file).evaluate(test_tsv)
    assert figures.of_label(name).label == name  # type: ignore[union-attr]


# ------------------------------------------------------------------------------------------- report
@pytest.mark.slow
def test_the_report_of_very_many_labels(model_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from test_report import check_self_contained

    from textmlr.corpus.in_memory import batches_of
    from textmlr.evaluation.report.page import Findings, write_report

    answered = made_up(400, 100_000, 1)
    corpus = Corpus(
        batches_of(["text"] * 400), answered.codes.astype(np.int32), answered.names, None, ["x.tsv"]
    )
    model = Model.load(model_file)
    write_report(tmp_path, Findings("m", model, corpus, answered, judge(answered), None))
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = check_self_contained(source)
    assert len(source) < 4 << 20
    for part in ("Among the likeliest", "Rare and common labels", "in place", "by propensity"):
        assert part in page.text
    made = {path.name for path in tmp_path.iterdir()}
    assert {"likeliest.png", "by-training.png", "reliability.png", "coverage.png"} <= made
    assert not {"confusion.png", "precision-recall.png"} & made
