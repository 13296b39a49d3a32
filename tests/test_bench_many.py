"""The benches of very many labels: their figures, and the corpus that they make."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import write_tsv

BENCH = Path(__file__).parent.parent / "bench"
sys.path.append(str(BENCH))  # the benches import each other as scripts do

import many_labels  # noqa: E402
import million  # noqa: E402


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> million.Source:
    """Of 40 headwords and 30 packages, whose words are all different."""
    data = tmp_path_factory.mktemp("data")
    words = [(f"head{i % 40}", " ".join(f"s{i}w{j}" for j in range(3 + i % 20))) for i in range(90)]
    packages = [("net", " ".join(f"lib{i}.p{j}" for j in range(i + 1))) for i in range(30)]
    for name, pairs in (("headwords", words), ("debian-sections", packages)):
        (data / name).mkdir()
        write_tsv(data / name / "train.tsv", pairs)
    return million.Source.of(data)


def lines(source: million.Source, place: Path, size: int, seed: int = 0) -> list[str]:
    place.mkdir()
    million.write(source, place, size, 5, seed)
    return (place / "train.tsv").read_text().splitlines()


def test_a_corpus_has_its_labels_and_about_their_documents(
    source: million.Source, tmp_path: Path
) -> None:
    made = Counter(line.partition("\t")[0] for line in lines(source, tmp_path / "a", 2000))
    assert len(made) == 2000
    assert sum(made.values()) / 2000 == pytest.approx(5, rel=0.1)
    assert len(set(made.values())) > 3
    words = Counter(name.partition(".")[0] for name in made)
    assert set(words.values()) == {50}  # each headword in turn


def test_documents_are_of_the_words_of_their_label(source: million.Source, tmp_path: Path) -> None:
    place = tmp_path / "a"
    for part in (lines(source, place, 300), (place / "test.tsv").read_text().splitlines()):
        assert part
        for line in part:
            label, text = line.split("\t")
            own = source.headwords.index(label.partition(".")[0])
            of_senses = {word for sense in source.senses[own] for word in sense}
            senses = [word for word in text.split() if word in of_senses]
            package = text.split()[len(senses) :]
            assert senses
            descriptions = [f" {' '.join(words)} " for words in source.packages]
            assert any(f" {' '.join(package)} " in one for one in descriptions)


def test_a_seed_makes_the_same_and_a_larger_corpus_has_the_smaller(
    source: million.Source, tmp_path: Path
) -> None:
    small, again, other = (
        lines(source, tmp_path / name, 100, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert small == again
    assert small != other
    large = Counter(lines(source, tmp_path / "d", 700))
    assert not Counter(small) - large


def test_no_test_document_stands_in_training(source: million.Source, tmp_path: Path) -> None:
    known = set(lines(source, tmp_path / "a", 500))
    assert not known & set((tmp_path / "a" / "test.tsv").read_text().splitlines())


def test_the_loss_of_scores_that_tell_nothing_is_that_of_equal_shares() -> None:
    loss, share = many_labels.loss_of(np.zeros(50), 1000)
    assert loss == pytest.approx(np.log(1000), abs=0.01)
    assert share > 0.99
    p = np.full(50, 0.4)
    loss, share = many_labels.loss_of(p, 1000)
    assert loss == pytest.approx(-np.log(0.4), abs=1e-3)
    assert share < 0.001


def test_calibrated_answers_have_hardly_an_error() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(40_000)
    assert many_labels.calibration_error(p, rng.random(len(p)) < p) < 0.02
    assert many_labels.calibration_error(p, rng.random(len(p)) < p**2) > 0.1


def test_figures_are_of_the_likeliest_labels(tmp_path: Path) -> None:
    case = many_labels.Case("made", list("abcdefgh"), {}, np.array([0, 1, 2, 7]), tmp_path)
    told = {
        "labels": np.array([[0, 1, 2], [0, 1, 2], [0, 1, 3], [-1, -1, -1]]),
        "scores": np.array([[6.0, 2, 2], [6, 2, 2], [6, 2, 2], [0, 0, 0]]),
        "seconds": np.array(0.02),
    }
    row = many_labels.Row("made", "x", "")
    many_labels.judge(row, told, case, exact=False)
    assert (row.p1, row.p5, row.milliseconds) == (0.25, 0.5, 5.0)
    assert row.uniform is not None
    mixed = (1 - row.uniform) * np.array([0.6, 0.2, 0, 0]) + row.uniform / 8
    assert row.log_loss == pytest.approx(-np.log(mixed).mean())
    exact = told | {"of_truth": np.array([0.6, 0.2, 0.1, 0.05])}
    many_labels.judge(row, exact, case, exact=True)
    assert row.log_loss == pytest.approx(-np.log([0.6, 0.2, 0.1, 0.05]).mean())
