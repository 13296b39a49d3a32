"""Slips that people make with several labels a document: each is told in a sentence that says what
would work."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
from click.testing import CliRunner
from conftest import mostly_slow
from test_cli import good

import textmlr
from textmlr import Corpus, InputError, ReadingOptions, read_corpus
from textmlr.cli import cli
from textmlr.corpus.given_data import as_corpus
from textmlr.corpus.taken_columns import Taken

TEXTS = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"] * 5
ONE_EACH = ["scifi", "western", "scifi", "western"] * 5
SETS = [["scifi"], ["western", "comedy"], ["scifi", "comedy"], ["western"]] * 5
NAMES = ["comedy", "scifi", "western"]
ROWS = [[int(name in own) for name in NAMES] for own in SETS]
MATRIX = np.array(ROWS)


def _lines(path: Path, labels: Sequence[Any], texts: Sequence[str] = TEXTS) -> str:
    rows = ({"text": text, "label": own} for text, own in zip(texts, labels, strict=True))
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def refused(*arguments: str) -> str:
    """What the command line says of input it cannot use."""
    done = CliRunner().invoke(cli, arguments)
    assert isinstance(done.exception, InputError), done.output
    return str(done.exception)


@pytest.mark.parametrize("verb", mostly_slow(["train", "tune"]))
def test_a_validation_file_of_several_labels(verb: str, tmp_path: Path) -> None:
    corpus = _lines(tmp_path / "one.jsonl", ONE_EACH)
    judges = _lines(tmp_path / "several.jsonl", SETS)
    said = refused(verb, corpus, "--validation", judges, "-o", str(tmp_path / "m.textmlr"))
    assert "several.jsonl: validation documents have several labels" in said
    assert "--multilabel learns" in said
    assert "--no-multilabel takes the first" in said
    for validation in (judges, (TEXTS, SETS), {"text": TEXTS, "label": SETS}):
        with pytest.raises(InputError, match="validation documents have several labels"):
            getattr(textmlr, verb)(TEXTS, ONE_EACH, validation=validation)
    with pytest.raises(InputError, match="validation documents have several labels"):
        textmlr.train(TEXTS, ONE_EACH, validation=Corpus.of(TEXTS, SETS))
    firsts = textmlr.train(TEXTS, ONE_EACH, validation=(TEXTS, SETS[:1] * 20), multilabel=False)
    assert not firsts.is_multilabel


MATRICES: dict[str, Callable[[], Any]] = {
    "lists": lambda: ROWS,
    "numpy": lambda: MATRIX,
    "truths": lambda: MATRIX.astype(bool).tolist(),
    "tuples": lambda: [tuple(row) for row in ROWS],
    "rows": lambda: list(MATRIX),
    "sparse": lambda: sp.csr_array(MATRIX),
    "arrow": lambda: pa.array(ROWS),
    "pandas": lambda: pd.Series(ROWS),
    "polars": lambda: pytest.importorskip("polars").Series(ROWS),
    "two labels": lambda: [[0, 1], [1, 0]] * 10,
}


@pytest.mark.parametrize("matrix", mostly_slow(MATRICES, ["lists", "numpy"]))
def test_a_matrix_in_place_of_labels(matrix: str) -> None:
    for multilabel in (None, True):
        with pytest.raises(InputError, match=r"list of its labels.*label_columns.*TextClassifier"):
            as_corpus(TEXTS, MATRICES[matrix](), multilabel=multilabel)


def test_lists_that_are_no_matrix() -> None:
    assert as_corpus(TEXTS, [{0, 1}, {1, 0}] * 10).labels == ["0", "1"]
    assert as_corpus(TEXTS, [[0, 1], [1]] * 10).labels == ["0", "1"]
    assert as_corpus(TEXTS, [[0, 2], [1, 0]] * 10).labels == ["0", "1", "2"]


TABLES: dict[str, Callable[[Any], Any]] = {
    "pandas": lambda frame: frame,
    "truths": lambda frame: frame.astype(bool),
    "polars": lambda frame: pytest.importorskip("polars").from_pandas(frame),
    "arrow": pa.Table.from_pandas,
}


@pytest.mark.parametrize("table", mostly_slow(TABLES))
def test_a_table_of_columns_of_labels(table: str) -> None:
    labels = TABLES[table](pd.DataFrame(MATRIX, columns=NAMES))
    corpus = as_corpus(TEXTS, labels)
    assert corpus.is_multilabel
    assert [sorted(one.label) for one in corpus] == [sorted(own) for own in SETS]
    with pytest.raises(InputError, match="column 'comedy' is a label, and holds '2'"):
        as_corpus(TEXTS, pd.DataFrame(MATRIX + 1, columns=NAMES))


def _joined(path: Path, sign: str = "|") -> str:
    rows = zip(SETS, TEXTS, strict=True)
    path.write_text("".join(f"{sign.join(own)}\t{text}\n" for own, text in rows))
    return str(path)


def test_joined_labels_that_a_model_does_not_know(tmp_path: Path) -> None:
    """update says so before it learns them; evaluate and compare, where they count as wrong."""
    model = str(tmp_path / "m.textmlr")
    textmlr.train(TEXTS, SETS, verbose=False).save(model)
    corpus = _joined(tmp_path / "joined.tsv")
    for verb in (("update", model, corpus, "-o", f"{model}2"), ("evaluate", model, corpus)):
        said = " ".join(good(*verb).stderr.split())
        assert "labels are others joined by |: 'scifi|comedy'" in said, verb
        assert "--label-separator '|' takes them apart" in said
        said = good(*verb, "--label-separator", "|").stderr
        assert "joined by" not in said


def test_a_model_remembers_the_separator_for_lines_too(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    rows = zip(SETS, TEXTS, strict=True)
    table.write_text("text,genres\n" + "".join(f"{text},{'|'.join(own)}\n" for own, text in rows))
    model, lines = str(tmp_path / "m.textmlr"), _joined(tmp_path / "joined.tsv")
    good("train", str(table), "--label-separator", "|", "-o", model)
    said = json.loads(good("evaluate", model, lines, "--json").stdout)
    assert said["taken"][0]["separator"] == "|"
    good("update", model, lines, "-o", f"{model}2")
    assert textmlr.load(f"{model}2").labels == NAMES


@pytest.mark.parametrize("named", mostly_slow(["tab", "\\t", "\t"]))
def test_a_tab_between_labels(named: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = zip(SETS, TEXTS, strict=True)
    lines = [f'{text},"{chr(9).join(own)}"\n' for own, text in rows]
    path.write_text("text,label\n" + "".join(lines))
    corpus = read_corpus(str(path), ReadingOptions(label_separator=named))
    assert corpus.labels == NAMES
    assert "with tab between labels" in corpus.taken[0].sentence()
    joined = ["\t".join(own) for own in SETS]
    assert Corpus.of(TEXTS, joined, label_separator=named).labels == NAMES


@pytest.mark.parametrize("form", ["lines", "folder"])
def test_a_separator_where_a_label_stands_alone(form: str, tmp_path: Path) -> None:
    """It is refused where it is said, not where it is that of training."""
    path = tmp_path / "a.ft"
    if form == "lines":
        path.write_text("__label__a|b one\n__label__a two\n")
    else:
        for label in ("a|b", "a"):
            (path / label).mkdir(parents=True)
            (path / label / "one.txt").write_text("a text")
    with pytest.raises(InputError, match=r"ha(ve|s) no place for .*label_separator.*leave it out"):
        read_corpus(path, ReadingOptions(label_separator="|"))
    trained = [Taken("CSV", "text", "genres", separator="|")]
    assert read_corpus(path, usual=trained).labels == ["a", "a|b"]


@pytest.mark.slow
def test_a_separator_that_stands_in_no_label(tmp_path: Path) -> None:
    path, model = _joined(tmp_path / "a.tsv"), str(tmp_path / "m.textmlr")
    said = "no document has several labels with # between"
    assert said in " ".join(
        good("train", path, "--label-separator", "#", "-o", model).stderr.split()
    )
    for more in ((), ("--no-multilabel",)):
        asked = good("train", path, "--label-separator", "|", "-o", model, *more).stderr
        assert "no document has" not in asked


def test_a_stream_says_how_it_learns_all_labels(tmp_path: Path) -> None:
    path, model = _lines(tmp_path / "a.jsonl", SETS), str(tmp_path / "m.textmlr")
    said = " ".join(good("train", path, "--stream", "-o", model).stderr.split())
    assert "of which the first is used" in said
    assert "started with --multilabel, it learns all labels" in said
    asked = good("train", path, "--stream", "--no-multilabel", "-o", f"{model}2").stderr
    assert "started with" not in asked


def test_mends_are_those_of_several_labels(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("text,a,b,a\n" + "".join(f"{text},1,0,1\n" for text in TEXTS))
    with pytest.raises(InputError, match=r"label_columns='2'.*or.*label_columns='4'"):
        read_corpus(str(table), ReadingOptions(label_columns=("a", "b")))
    nested = _lines(tmp_path / "a.jsonl", [["a", "b"], ["a", ["b"]]] * 10)
    with pytest.raises(InputError, match="write each document's labels in one list"):
        read_corpus(nested)
    empty = _lines(tmp_path / "b.jsonl", [["a", "b"], ["a", ""]] * 10)
    with pytest.raises(InputError, match="leave it out of the list"):
        read_corpus(empty)


def test_labels_and_lists_of_them_in_any_order() -> None:
    corpora = [Corpus.of(TEXTS[:3], own) for own in (["a", ["b"], ["c", "a"]], [["a"], "b", "c"])]
    assert corpora[0].labels == corpora[1].labels == ["a", "b", "c"]
    assert corpora[0].is_multilabel


def test_films_have_plain_columns_only_where_nothing_else_fits(tmp_path: Path) -> None:
    rows = {"year": [1999] * 20, "description": TEXTS, "genres": SETS}
    corpus = as_corpus(rows)
    assert (corpus.text(0), corpus.labels) == (TEXTS[0], NAMES)
    titled = as_corpus(rows | {"title": ["a title"] * 20})
    assert titled.text(0) == "a title"
    with pytest.raises(InputError, match="the text could be any of description, plot"):
        as_corpus(rows | {"plot": TEXTS})
    path = tmp_path / "a.csv"
    lines = zip(TEXTS, ONE_EACH, strict=True)
    path.write_text("plot,tags\n" + "".join(f"{text},{own}\n" for text, own in lines))
    assert read_corpus(str(path)).labels == ["scifi", "western"]
