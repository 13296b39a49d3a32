"""What was taken as text and label is said by every verb, kept in the model, and taken again by
verbs with a model whose columns are not named."""

from __future__ import annotations

import csv
import gzip
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from conftest import mostly_slow
from pyarrow import feather

import textmlr
from textmlr import InputError, ReadingOptions
from textmlr.cli import cli
from textmlr.corpus.taken_columns import Taken, left_of, looks_like_text, sentences

WORDS = {"scifi": ("robot", "orbit", "laser"), "western": ("sheriff", "saddle", "horse")}
ROWS = [
    {
        "nr": str(number),
        "name": f"{WORDS[genre][number % 3]} {number}",
        "plot": f"the {WORDS[genre][number % 3]} of number {number} came at noon",
        "genre_of_it": genre,
        "seen": f"2024-05-{1 + number % 28:02} 10:00:00",
    }
    for number, genre in enumerate(["scifi", "western"] * 20)
]
COLUMNS = ("--text-column", "name", "--label-column", "genre_of_it")
TOLD = "text: column name, label: column genre_of_it"
LEFT = "left: column plot looks like text too; --text-column plot takes it"


def _csv(path: Path, rows: list[dict[str, str]], **dialect: Any) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), **dialect)
        writer.writeheader()
        writer.writerows(rows)


def _tables() -> dict[str, Callable[[Path, list[dict[str, str]]], None]]:
    return {
        "in.csv": _csv,
        "semicolons.csv": lambda path, rows: _csv(path, rows, delimiter=";"),
        "in.jsonl": lambda path, rows: _written(path, "".join(json.dumps(r) + "\n" for r in rows)),
        "in.json": lambda path, rows: _written(path, json.dumps(rows, indent=1)),
        "in.parquet": lambda path, rows: pq.write_table(pa.Table.from_pylist(rows), path),
        "in.feather": lambda path, rows: feather.write_feather(pa.Table.from_pylist(rows), path),
    }


def _written(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


TABLES = _tables()


def _run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(map(str, words)))
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", mostly_slow(TABLES))
def test_train_says_what_it_took_and_what_it_left(name: str, here: Path) -> None:
    TABLES[name](here / name, ROWS)
    done = _run("train", name, *COLUMNS)
    assert f"{TOLD} (2 labels)\n" in done.stdout
    assert LEFT in done.stdout
    told = json.loads(_run("train", name, *COLUMNS, "--json").stdout)["corpus"]["taken"]
    assert [(one["text"], one["label"], one["left"]) for one in told] == [
        ("name", "genre_of_it", ["plot"])
    ]
    assert TOLD in _run("info", "model.textmlr").stdout
    assert json.loads(_run("info", "model.textmlr", "--json").stdout)["corpus"]["taken"] == told
    model = textmlr.load("model.textmlr")
    assert model.record.taken[0].text == "name"
    assert TOLD in model._repr_html_()


LINES = {
    "in.tsv": ("scifi\ta robot\nwestern\ta horse\n" * 5, "lines of label<TAB>text"),
    "in.ft": ("__label__scifi a robot\n__label__western a horse\n" * 5, "fastText's lines"),
}


@pytest.mark.parametrize("name", LINES)
def test_train_says_what_lines_are(name: str, here: Path) -> None:
    text, shape = LINES[name]
    _written(here / name, text)
    assert f"read as {shape} (2 labels)" in _run("train", name).stdout
    assert f"read as {shape}" in _run("info", "model.textmlr").stdout


def test_a_folder_is_told(here: Path) -> None:
    for genre, words in WORDS.items():
        (here / "all" / genre).mkdir(parents=True)
        for word in words:
            _written(here / "all" / genre / f"{word}.txt", f"a {word}")
    assert "read as a folder a label, a file a document" in _run("train", "all").stdout


def test_files_that_differ_are_told_each(here: Path) -> None:
    _written(here / "a.csv", "text,label\n" + "a robot,scifi\na horse,western\n" * 3)
    _written(here / "b.csv", "id,review,label\n" + "1,a laser,scifi\n2,a saddle,western\n" * 3)
    _written(here / "c.tsv", "scifi\ta robot\n" * 3)
    said = _run("train", "a.csv", "b.csv", "a.csv", "c.tsv").stdout
    for line in ("text: column text, label", "text: column review, label", "lines of label<TAB>"):
        assert said.count(line) == 1
    assert "column label (" not in said  # the labels are those of all


def test_what_is_said_of_many_kinds_of_file() -> None:
    taken = [Taken("CSV", f"text {i}", "label") for i in range(9)]
    told = sentences(taken, 4)
    assert len(told) == 4
    assert told[0] == "text: column 'text 0', label: column label"
    assert told[-1] == "and 6 more"


def test_a_stream_and_its_checkpoint_keep_it(here: Path) -> None:
    TABLES["in.csv"](here / "in.csv", ROWS)
    TABLES["in.jsonl"](here / "in.jsonl", ROWS)
    assert TOLD in _run("train", "in.csv", *COLUMNS, "--stream").stdout
    _run("train", "in.jsonl", *COLUMNS, "--stream", "--resume")
    shapes = [one.shape for one in textmlr.load("model.textmlr").record.taken]
    assert shapes == ["CSV", "JSON lines"]
    assert "as in training" in _run("evaluate", "in.csv").stdout


@pytest.mark.slow
def test_a_corpus_on_disk_keeps_it(here: Path) -> None:
    TABLES["in.csv"](here / "in.csv", ROWS)
    _run("train", "in.csv", *COLUMNS, "-o", "memory.textmlr")
    _run("train", "in.csv", *COLUMNS, "-o", "disk.textmlr", "--keep-cache")
    memory, disk = textmlr.load("memory.textmlr"), textmlr.load("disk.textmlr")
    assert memory.record.taken == disk.record.taken
    assert memory.dumps() == disk.dumps()


def test_tune_and_update_keep_it(here: Path) -> None:
    TABLES["in.csv"](here / "in.csv", ROWS)
    TABLES["in.parquet"](here / "in.parquet", ROWS)
    assert TOLD in _run("tune", "in.csv", *COLUMNS, "--trials", 1).stdout
    done = _run("update", "model.textmlr", "in.parquet")
    assert f"{TOLD}, as in training" in done.stdout
    shapes = [one.shape for one in textmlr.load("model.textmlr").record.taken]
    assert shapes == ["CSV", "Parquet"]


@pytest.fixture(scope="module")
def model_of_columns(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("columns")
    TABLES["in.csv"](folder / "in.csv", ROWS)
    _run("train", folder / "in.csv", *COLUMNS, "-o", folder / "model.textmlr")
    return (folder / "model.textmlr").read_bytes()


@pytest.fixture
def trained(here: Path, model_of_columns: bytes) -> Path:
    TABLES["in.csv"](here / "in.csv", ROWS)
    (here / "model.textmlr").write_bytes(model_of_columns)
    return here


@pytest.mark.parametrize("name", mostly_slow(TABLES, ["in.csv", "in.parquet"]))
def test_verbs_with_a_model_take_its_columns(name: str, trained: Path) -> None:
    TABLES[name](trained / name, ROWS)
    told = f"{TOLD}, as in training"
    assert told in _run("evaluate", name).stdout
    assert json.loads(_run("evaluate", name, "--json").stdout)["taken"][0]["text"] == "name"
    assert told in _run("compare", "model.textmlr", "model.textmlr", name).stdout
    assert told in _run("explain", "--corpus", name, "--number", 3).stderr
    assert told in _run("update", name, "-o", "newer.textmlr").stdout
    done = _run("classify", "--corpus", name, "-o", "answers.csv")
    assert "text: column name, as in training" in done.stderr
    _run("classify", "--corpus", name, "-o", "named.csv", *COLUMNS[:2])
    assert (trained / "answers.csv").read_bytes() == (trained / "named.csv").read_bytes()
    _run("featurize", name, "-m", "model.textmlr", "-o", "x.svm")
    assert (trained / "x.svm").read_text().count("\n") == len(ROWS)


@pytest.mark.parametrize("name", mostly_slow(["in.tsv", "in.txt", "in.tab.gz"]))
def test_a_table_with_tabs_is_known_by_the_columns_of_the_model(name: str, here: Path) -> None:
    """Its lines would be label<TAB>text otherwise, or documents."""
    _csv(here / "in.tsv", ROWS, dialect="excel-tab")
    rows = (here / "in.tsv").read_bytes()
    (here / name).write_bytes(gzip.compress(rows) if name.endswith(".gz") else rows)
    assert TOLD in _run("train", "in.tsv", *COLUMNS).stdout
    assert f"{TOLD}, as in training" in _run("evaluate", name).stdout
    done = _run("classify", "--corpus", name, "-o", "answers.csv")
    assert "text: column name, as in training" in done.stderr
    assert len((here / "answers.csv").read_text().splitlines()) == len(ROWS) + 1
    # Lines of labels stay what they are.
    _written(here / "lines.tsv", "scifi\ta robot\nwestern\ta horse\n")
    assert "Evaluation of 2 documents" in _run("evaluate", "lines.tsv").stdout


def test_compress_takes_them_too(trained: Path) -> None:
    done = _run("compress", "in.csv", "-o", "small.textmlr", "--max-size", "9kB", "--json")
    assert json.loads(done.stdout)["evaluation"]["documents"] == len(ROWS)


def test_the_users_own_columns_win(trained: Path) -> None:
    done = _run("evaluate", "in.csv", "--text-column", "plot")
    assert "text: column plot, label: column genre_of_it" in done.stdout
    _run("classify", "--corpus", "in.csv", "-o", "plot.csv", "--text-column", "plot")
    _run("classify", "--corpus", "in.csv", "-o", "name.csv")
    assert (trained / "plot.csv").read_bytes() != (trained / "name.csv").read_bytes()


@pytest.mark.slow
def test_compare_tells_of_a_model_of_other_columns(trained: Path) -> None:
    _run("train", "in.csv", "--text-column", "plot", "--label-column", "genre_of_it", "-o", "b")
    done = _run("compare", "model.textmlr", "b", "in.csv")
    assert "B was trained on column plot, and both read column name" in done.stderr
    assert "B was" not in _run("compare", "b", "b", "in.csv").stderr


def test_columns_of_plain_names_where_those_of_the_model_are_not_there(trained: Path) -> None:
    rows = [{"text": row["name"], "label": row["genre_of_it"]} for row in ROWS]
    _csv(trained / "plain.csv", rows)
    done = _run("evaluate", "plain.csv")
    assert "text: column text, label: column label\n" in done.stdout
    # A column of each: the model's is taken, though the other has a plain name.
    _csv(trained / "both.csv", [row | {"text": row["nr"], "label": row["nr"]} for row in ROWS])
    assert f"{TOLD}, as in training" in _run("evaluate", "both.csv").stdout


def test_a_model_without_a_record_of_columns(here: Path) -> None:
    textmlr.train([row["name"] for row in ROWS], [row["genre_of_it"] for row in ROWS]).save("m")
    TABLES["in.csv"](here / "in.csv", ROWS)
    result = CliRunner().invoke(cli, ["evaluate", "-m", "m", "in.csv"])
    assert "no column has a plain name for the text" in str(result.exception)


def test_columns_by_number(here: Path) -> None:
    TABLES["in.csv"](here / "in.csv", ROWS)
    assert TOLD in _run("train", "in.csv", "--text-column", "2", "--label-column", "4").stdout
    assert textmlr.train("in.csv", text=2, label=np.int64(4)).record.taken[0].text == "name"


FRAMES = {
    "a dict": lambda rows: {key: [row[key] for row in rows] for key in rows[0]},
    "rows": lambda rows: rows,
    "an Arrow table": pa.Table.from_pylist,
    "pandas": lambda rows: pytest.importorskip("pandas").DataFrame(rows),
    "polars": lambda rows: pytest.importorskip("polars").DataFrame(rows),
}


@pytest.mark.parametrize("kind", mostly_slow(FRAMES, ["a dict", "pandas", "polars"]))
def test_python_takes_the_columns_of_the_model(kind: str, here: Path) -> None:
    data: Any = FRAMES[kind](ROWS)
    model = textmlr.train(data, text="name", label="genre_of_it")
    assert model.record.taken == (Taken("a table", "name", "genre_of_it", left=("plot",)),)
    assert model.evaluate(data).documents == len(ROWS)
    assert model.update(data).record.corpus.documents == 2 * len(ROWS)
    assert model.compare(model, data).documents == len(ROWS)
    names = [row["name"] for row in ROWS]
    np.testing.assert_array_equal(model.predict_proba(data), model.predict_proba(names))
    TABLES["in.csv"](here / "in.csv", ROWS)
    assert model.classify_files("in.csv", "answers.csv")["documents"] == len(ROWS)
    assert model.evaluate("in.csv").documents == len(ROWS)
    with pytest.raises(InputError, match="no column 'other'"):
        model.evaluate(data, text="other")


def test_python_says_it(
    here: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    TABLES["in.csv"](here / "in.csv", ROWS)
    with caplog.at_level(logging.INFO, "textmlr"):
        model = textmlr.train("in.csv", text="name", label="genre_of_it", verbose=True)
    assert f"{TOLD} (2 labels)" in caplog.messages
    assert LEFT in caplog.messages
    assert f"{TOLD} (2 labels)" in capsys.readouterr().err
    caplog.clear()
    with caplog.at_level(logging.INFO, "textmlr"):
        model.evaluate("in.csv")
        model.update("in.csv")
    assert caplog.messages.count(f"{TOLD} (2 labels)") == 2


def test_explain_needs_no_labels(trained: Path) -> None:
    _csv(trained / "bare.csv", [{"name": row["name"]} for row in ROWS])
    _written(trained / "bare.txt", "a robot\na horse\n")
    for name in ("bare.csv", "bare.txt"):
        (told,) = _run("explain", "--corpus", name, "--number", 2, "--json").stdout.splitlines()
        assert "own_label" not in json.loads(told)
    (told,) = _run("explain", "--corpus", "in.csv", "--number", 2, "--json").stdout.splitlines()
    assert json.loads(told)["own_label"] == "western"
    with pytest.raises(InputError, match="no column 'other'"):
        raise _failed("explain", "--corpus", "bare.csv", "--number", 1, "--label-column", "other")
    with pytest.raises(InputError, match="has 40 documents, and none of number 41"):
        raise _failed("explain", "--corpus", "bare.csv", "--number", 41)


def _failed(*words: object) -> BaseException:
    result = CliRunner().invoke(cli, list(map(str, words)))
    assert result.exception is not None
    return result.exception


def test_explain_reads_no_more_than_it_needs(trained: Path) -> None:
    """A bad row behind the document is not reached, whatever the size of the corpus."""
    rows = "".join(f"{row['name']},{row['genre_of_it']}\n" for row in ROWS) * 20_000
    _written(trained / "large.csv", f"name,genre_of_it\n{rows}too,many,fields\n")
    _run("explain", "--corpus", "large.csv", "--number", 3)


def test_texts_and_labels_that_are_swapped_are_told(here: Path) -> None:
    texts, labels = [row["plot"] for row in ROWS], [row["genre_of_it"] for row in ROWS]
    with pytest.raises(InputError, match=r"look swapped; give them in this order: train\(texts"):
        textmlr.train(labels, texts)
    with pytest.raises(InputError, match="look swapped; name them: text='plot', label='genre"):
        textmlr.train(FRAMES["a dict"](ROWS), text="genre_of_it", label="plot")
    # Headwords: a label a document, of texts that differ.
    with pytest.raises(InputError, match="label"):
        textmlr.train([f"the meaning of {i}" for i in range(1)], ["a"])
    assert len(textmlr.Corpus.of(labels, texts)) == len(ROWS)
    textmlr.train(
        [f"the long meaning of the word {i}" for i in range(30)], [f"w{i}" for i in range(30)]
    )


TEXTS = {
    "sentences": ["the courier came late", "it broke after a week", "a fine film"],
    "Chinese": ["这家店的服务态度非常好啊", "送餐太慢了下次不会再来了"],
    "Thai": ["อาหารอร่อยมากและบริการดี", "ส่งช้ามากไม่แนะนำเลย"],
}
NO_TEXTS = {
    "labels": ["sports", "news", "sports"],
    "numbers": ["12.5", "13", "1e9"],
    "dates": ["2024-05-01 10:00:00", "2024-05-02 11:00:00"],
    "addresses": ["https://a.example/b?c=d", "https://a.example/e"],
    "names": ["Ann Lee", "Bo Chen", "Cy Diaz"],
    "the same sentence": ["the same few words"] * 5,
    "hashes": ["8f14e45f-ceea-467f", "c9f0f895-fb98-ab91"],
    "nothing": ["", " "],
}


@pytest.mark.parametrize("kind", TEXTS)
def test_what_looks_like_text(kind: str) -> None:
    assert looks_like_text(TEXTS[kind])
    assert left_of(["x", "y"], [0], [["", text] for text in TEXTS[kind]]) == ("y",)


@pytest.mark.parametrize("kind", NO_TEXTS)
def test_what_does_not(kind: str) -> None:
    assert not looks_like_text(NO_TEXTS[kind])


def test_a_column_of_a_textual_name_of_another_type_is_no_text() -> None:
    assert left_of(["x", "description"], [0], [["a", 1], ["b", 2]]) == ()
    assert left_of(["x", "description"], [0], [["a", "b"]]) == ("description",)


def test_numbers_of_numpy_are_numbers() -> None:
    """An option has Python's own, so that a file can hold it."""
    options = textmlr.TrainingOptions(
        epochs=np.int32(3), seed=np.uint8(7), l2=np.float32(0.5), hidden=(np.int64(4),)
    )
    assert [type(one) for one in (options.epochs, options.seed, options.l2)] == [int, int, float]
    assert type(options.hidden[0]) is int
    assert options == textmlr.TrainingOptions(epochs=3, seed=7, l2=0.5, hidden=(4,))
    features = textmlr.FeaturizerOptions(ngrams=(np.int64(1), np.int64(2)), idf=np.True_)
    assert features == textmlr.FeaturizerOptions(ngrams=(1, 2), idf=True)
    assert type(features.idf) is bool
    assert ReadingOptions(text_column=np.int16(2)) == ReadingOptions(text_column="2")
    texts, labels = [row["name"] for row in ROWS], [row["genre_of_it"] for row in ROWS]
    model = textmlr.train(texts, labels, epochs=np.int64(2), threads=np.int64(1))
    assert textmlr.load(model.dumps()).record.option("epochs") == 2
    assert len(model.classify("a robot", top=np.int64(2), min_probability=np.float32(0.1))) == 2
    model.evaluate(texts, labels, resamples=np.int64(10), min_probabilities=np.array([0.5, 0.9]))
    model.top("scifi", np.int64(3))
    model.compress(np.int64(100_000))
    with pytest.raises(InputError, match="epochs="):
        textmlr.TrainingOptions(epochs=np.float64(2.5))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="epochs="):
        textmlr.TrainingOptions(epochs=np.True_)  # type: ignore[arg-type]
