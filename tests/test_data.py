"""The corpus that comes with the project is what its card says, and is learnt as well."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from textmlr.corpus.reading import read_corpus, recode
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.evaluation.evaluation import Evaluation
from textmlr.model.answer_stream import answer_blocks
from textmlr.model.model import Model
from textmlr.training.corpus_training import train_corpus

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="module")
def model() -> Model:
    return train_corpus(read_corpus([str(DATA / "genres-train.tsv")]))


def test_the_card_counts_right() -> None:
    for name, each in (("train", 48), ("test", 12)):
        corpus = read_corpus([str(DATA / f"genres-{name}.tsv")])
        assert len(corpus.labels) == 12
        assert set(Counter(corpus.y.tolist()).values()) == {each}


def test_check_finds_nothing() -> None:
    done = subprocess.run([sys.executable, DATA / "check.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_check_finds_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.tsv"
    text = " ".join(f"word{i}" for i in range(40))
    lines = [f"a\t{text} spoiler.", f"a\t{text} spoiler twice.", "b\tfar too short."]
    bad.write_text("\n".join(lines))
    done = subprocess.run([sys.executable, DATA / "check.py", bad], capture_output=True, text=True)
    assert done.returncode == 1
    for part in ("bad.tsv:1 and bad.tsv:2 share", "bad.tsv:3: 3 words", "spoiler: in 100% of a"):
        assert part in done.stdout


def test_figures_of_the_card(model: Model) -> None:
    corpus = read_corpus([str(DATA / "genres-test.tsv")])
    y, _ = recode(corpus, model.labels)
    probabilities = np.concatenate([a.probabilities for a in answer_blocks(model, corpus.batches)])
    figures = Evaluation.of(model.labels, y, probabilities)
    assert figures.accuracy == pytest.approx(0.62, abs=0.03)
    assert figures.macro_f1 == pytest.approx(0.63, abs=0.03)
    assert figures.log_loss == pytest.approx(1.06, abs=0.1)


def test_doc_is_new_and_scifi(model: Model) -> None:
    text = (DATA / "doc.txt").read_text(encoding="utf-8")
    for name in ("train", "test"):
        assert text.split("\n")[0] not in (DATA / f"genres-{name}.tsv").read_text("utf-8")
    assert model.classify([text])[0][0].label == "scifi"


def test_tickets_are_as_the_card_says() -> None:
    """Support tickets with several labels each."""
    options = ReadingOptions(label_separator="|", multilabel=True)
    train, test = (
        read_corpus([str(DATA / f"tickets-{name}.tsv")], options) for name in ("train", "test")
    )
    assert (len(train), len(test)) == (108, 27)
    assert train.labels == test.labels
    assert train.labels == ["billing", "damaged", "delivery", "login", "refund", "urgent"]
    none = [label for corpus in (train, test) for label in corpus.labels_of if not label]
    assert len(none) == 12
    sizes = {len(text.split()) for corpus in (train, test) for text in corpus.texts}
    assert (min(sizes), max(sizes)) == (9, 24)
    assert not set(train.texts) & set(test.texts)


def test_things_are_as_the_card_says() -> None:
    """66 things, three sentences each to train and one to test, none of which names its thing."""
    for name, each in (("train", 3), ("test", 1)):
        corpus = read_corpus([str(DATA / f"things-{name}.tsv")])
        assert len(corpus.labels) == 66
        assert set(Counter(corpus.y.tolist()).values()) == {each}
        for text, label in zip(corpus.texts, corpus.labels_of, strict=True):
            assert 9 <= len(text.split()) <= 20
            assert label not in text.lower().split()
    done = subprocess.run(
        [sys.executable, "-c", NEAR, str(DATA)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[] []"


NEAR = """
import sys
from pathlib import Path
folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
import check
read = check.read([folder / "things-train.tsv", folder / "things-test.tsv"])
print(check.near_duplicates(read), check.repeated_sentences(read))
"""
