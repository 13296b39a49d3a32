"""Labels that are nearly alike or joined, and trainings that leave no feature: all are told."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import mostly_slow
from test_cli import good, run

from textmlr.base.errors import InputError
from textmlr.base.option_mentions import in_python, spelled
from textmlr.corpus.alike_labels import alike_notes, joined_notes
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.formats.json_values import not_json
from textmlr.corpus.formats.table_columns import listed
from textmlr.corpus.reading import read_corpus
from textmlr.corpus.taken_columns import left_of
from textmlr.training.train import train

TUER = "T\u00fcr"


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (TUER, unicodedata.normalize("NFD", TUER), "accents written in two ways"),
        ("spam", "Spam", "(case)"),
        ("STRASSE", "Stra\u00dfe", "(case)"),
        ("not spam", "not  spam", "(spaces or signs)"),
        ("not spam", "not\u00a0spam", "(spaces or signs)"),
        ("spam", "spam\u200b", "(spaces or signs)"),
        ("not spam", "Not\u00a0Spam", "(case and spaces or signs)"),
    ],
)
def test_labels_that_are_nearly_alike_are_named(first: str, second: str, why: str) -> None:
    (note,) = alike_notes([first, "other", second])
    assert why in note
    quoted = note.partition(": ")[2].partition(" (")[0].split(" and ")
    assert len(set(quoted)) == 2
    assert alike_notes([first, "other"]) == []


def test_many_labels_alike_are_counted() -> None:
    names = [f"label {i}" for i in range(9)]
    (note,) = alike_notes(names + [name.upper() for name in names])
    assert note.startswith("9 pairs of labels are nearly alike")
    assert "and 6 more" in note


def test_labels_that_are_joined_are_named() -> None:
    assert joined_notes(["C", "C#", "A#B", "a, b", "+", "#"]) == []
    (note,) = joined_notes(["A", "A#B", "C", "B#A", "B"])
    assert note == (
        "2 labels are others joined by #: 'A#B', 'B#A', and each is a label of its own; "
        "--label-separator '#' takes them apart"
    )
    pairs = [f"{a}|{b}" for a in "abcde" for b in "vwxyz"]
    (note,) = joined_notes(["none", *pairs])  # no part stands alone
    assert note.startswith("25 labels are others joined by |: 'a|v', 'a|w', 'a|x' and 22 more")
    towns = [f"Town {i}, State {i % 15}" for i in range(30)]
    assert joined_notes(towns) == []


def corpus_file(folder: Path) -> str:
    path = folder / "corpus.tsv"
    rows = [f"{'ab'[i % 2]}\t{['red fox', 'blue dog'][i % 2]} word{i}\n" for i in range(40)]
    path.write_text("".join(rows), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("options", "told"),
    mostly_slow(
        [
            (["--min-df", "39"], "--min-df 39 leaves no feature"),
            (["--min-token-length", "99"], "--min-token-length 99 leaves no feature"),
            (
                ["--min-df", "39", "--min-token-length", "99"],
                "--min-df 39, --min-token-length 99 leave no feature",
            ),
            (["--l1", "1e9"], "--l1 1e+09 leaves no weight that is not 0"),
        ]
    ),
)
def test_options_that_leave_nothing_are_named(
    options: list[str], told: str, tmp_path: Path
) -> None:
    made = good("train", corpus_file(tmp_path), "-o", tmp_path / "m", *options)
    assert f"Warning: {told}" in made.stderr
    assert "--class-weight" not in made.stderr


def test_alike_labels_are_told_in_training(caplog: pytest.LogCaptureFixture) -> None:
    train(Corpus.of(["x fox", "y dog"] * 8, ["a", "A"] * 8))
    assert "nearly alike" in caplog.text


def studio_rows(**own: Any) -> list[dict[str, Any]]:
    rows = []
    for i in range(12):
        text = f"the courier number {i} rang twice and left"
        mine = {key: text if value is None else value[i % 2] for key, value in own.items()}
        tail = {"annotator": 1, "annotation_id": i, "lead_time": 2.5}
        rows.append({"id": i, **mine, **tail})
    return rows


def read(folder: Path, rows: Any, name: str = "in.json", **options: Any) -> Corpus:
    path = folder / name
    path.write_text(json.dumps(rows), "utf-8")
    return read_corpus(str(path), **options)


def test_the_text_of_label_studio_is_never_its_label(tmp_path: Path) -> None:
    corpus = read(tmp_path, studio_rows(text=None, sentiment_x=["good", "bad"]))
    assert corpus.labels == ["bad", "good"]
    rows = studio_rows(ticket=None, lang=["de", "fr"], abteilung=["A", "B"])
    with pytest.raises(InputError) as refused:
        read(tmp_path, rows)
    mend = spelled(str(refused.value), in_python)
    assert "text='ticket', label='lang' or text='ticket', label='abteilung'" in mend
    assert read(tmp_path, rows, label="abteilung").labels == ["A", "B"]


def test_pairs_of_spacy_are_known_on_standard_input(tmp_path: Path) -> None:
    pairs = [[f'a "fox" {i}', {"cats": {"A": i % 2, "B": 1 - i % 2}}] for i in range(20)]
    for indent in (None, 1):
        stdin = json.dumps(pairs, indent=indent).encode()
        made = good("train", "-", "-o", tmp_path / f"m{indent}", stdin=stdin)
        assert "read as spaCy's cats" in made.stderr + made.stdout


def test_answers_are_no_text() -> None:
    assert left_of(["answer"], [], [["accept"], ["reject"]]) == ()
    assert left_of(["title"], [], [["spam"], ["spam"], ["spam"], ["ham"], ["ham"]]) == ()
    assert left_of(["answer"], [], [["because it rang"], ["no"]]) == ("answer",)


def test_explain_needs_the_text_of_the_asked_row_alone(tmp_path: Path) -> None:
    good("train", corpus_file(tmp_path), "-o", tmp_path / "m")
    own = {"text": ["red fox", None, "blue dog"], "label": ["a", "b", "b"]}
    pq.write_table(pa.table(own), tmp_path / "c.parquet")
    command = ["explain", "-m", tmp_path / "m", "--corpus", tmp_path / "c.parquet", "--number"]
    assert "blue" in good(*command, "3").stdout
    assert "document 2: is empty" in str(run(*command, "2").exception)


def test_messages_read_well() -> None:
    with pytest.raises(json.JSONDecodeError) as broken:
        json.loads('{"a": "b')
    assert not_json(broken.value, "'{'") == "not JSON: Unterminated string at character 7 of '{'"
    assert listed(["data.text", "a b"]) == "data.text, 'a b'"
