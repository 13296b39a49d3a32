"""classify and its files with models whose documents have any number of labels."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from test_multilabel_models import LABELS, THRESHOLDS, model_of

from textmlr import InputError, Model
from textmlr.cli import cli
from textmlr.cli.answer_bars import BarWriter
from textmlr.export.answer_lines import MANY, LabelLines
from textmlr.model.label_choice import LabelChoice

DOCUMENTS = ["a robot in orbit", "the sheriff rode", "robot kiss", "a saddle", "kiss"]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """In a file m of the working directory, beside lines.txt."""
    monkeypatch.chdir(tmp_path)
    own = model_of()
    own.save("m")
    Path("lines.txt").write_text("\n".join(DOCUMENTS) + "\n", encoding="utf-8")
    return own


def typed(*words: object) -> Result:
    return CliRunner().invoke(cli, ["classify", "-m", "m", *map(str, words)])


def answers(model: Model, **asked: Any) -> list[list[tuple[str | None, float]]]:
    return [[*map(tuple, own)] for own in model.classify(DOCUMENTS, **asked)]


# ------------------------------------------------------------------------------------------- lines
@pytest.mark.parametrize("labels", [2, 9, 58])
@pytest.mark.parametrize("top", [None, 1, 3])
@pytest.mark.parametrize("least", [0.0, 0.75, 1.0])
@pytest.mark.parametrize("documents", [7, MANY])
def test_lines(labels: int, top: int | None, least: float, documents: int) -> None:
    """Those of the answer, or the likeliest that are likely enough; or one that says no label."""
    rng = np.random.default_rng(labels)
    p = rng.integers(0, 9, (7, labels)) / 8
    choice = LabelChoice(rng.integers(4, 9, labels) / 8, least)
    want = []
    for row, own in zip(p, choice.lists(p), strict=True):
        if top is not None:
            own = [i for i in np.argsort(-row, kind="stable")[:top] if row[i] >= least]
        want += [""] * (top != 1)
        want += [f"label {i}\t{row[i]:g}" for i in own] or [f"no label\t{row.max():g}"]
    names = [f"label {i}" for i in range(labels)]
    lines = LabelLines(names, top, None, least, documents, choice)
    assert lines.render(p).decode().split("\n") == [*want, ""]
    assert lines.render(p[:0]) == b""
    column = LabelLines(names, None, 1, 0, documents, choice).render(p).decode().splitlines()
    assert column == [f"{value:g}" for value in p[:, 1]]


def blocks(result: Result) -> list[list[tuple[str, float]]]:
    """The lines of each document."""
    assert result.exit_code == 0, result.output
    found = []
    for block in result.stdout.removesuffix("\n").split("\n\n"):
        pairs = [line.split("\t") for line in block.split("\n")]
        found.append([(label, float(p)) for label, p in pairs])
    return found


def with_none(model: Model, own: list[list[tuple[str | None, float]]]) -> list[Any]:
    p = model.probabilities(DOCUMENTS).max(axis=1).tolist()
    return [one or [("no label", p[i])] for i, one in enumerate(own)]


def test_a_pipe_gets_the_answer(model: Model) -> None:
    lines = ("--lines", "lines.txt")
    own = answers(model)
    assert [] in own
    assert blocks(typed(*lines)) == with_none(model, own)
    assert blocks(typed(*lines, "--at-least-one")) == answers(model, at_least_one=True)
    sure = with_none(model, answers(model, min_probability=0.9))
    assert blocks(typed(*lines, "--min-probability", 0.9)) == sure
    assert blocks(typed(*lines, "--top", 2)) == answers(model, top=2)
    assert blocks(typed(*lines, "--top", "all")) == answers(model, top=None)
    one = typed(*lines, "--top", 1, "--min-probability", 0.9).stdout.splitlines()
    likely = [[pair for pair in own[:1] if pair[1] >= 0.9] for own in answers(model, top=1)]
    assert one == [f"{name}\t{p!r}" for ((name, p),) in with_none(model, likely)]
    column = typed(*lines, "--label", "scifi").stdout.split()
    assert [float(one) for one in column] == model.probabilities(DOCUMENTS)[:, 1].tolist()


def test_json_has_a_list_of_labels(model: Model) -> None:
    def objects(*words: object) -> list[dict[str, Any]]:
        result = typed("--lines", "lines.txt", "--json", *words)
        return [json.loads(line) for line in result.stdout.splitlines()]

    for asked, words in (
        ({}, ()),
        ({"at_least_one": True}, ("--at-least-one",)),
        ({"min_probability": 0.9}, ("--min-probability", 0.9)),
    ):
        found = objects(*words)
        assert [one["labels"] for one in found] == [
            [label for label, _ in own] for own in answers(model, **asked)
        ]
        assert [one["probabilities"] for one in found] == [
            dict(own) for own in answers(model, top=None)
        ]
        assert all(one.keys() == {"document", "labels", "probabilities"} for one in found)
    assert [[*one["probabilities"].items()] for one in objects("--top", 2)] == answers(model, top=2)
    assert [one["labels"] for one in objects("--top", 2)] == [
        list(own) for own in model.predict(DOCUMENTS)
    ]
    p = model.probabilities(DOCUMENTS)[:, 3]
    assert [one["probabilities"] for one in objects("--label", "zen")] == [{"zen": x} for x in p]


def test_a_terminal_gets_the_answer_and_the_next_in_grey(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "textmlr.cli.answer_bars.shutil.get_terminal_size", lambda: os.terminal_size((80, 24))
    )
    monkeypatch.setattr(  # which leaves colours out where there is no terminal
        "textmlr.cli.answer_bars.click.echo", lambda text, nl: sys.stdout.write(text)
    )
    labels = [f"label {i:02}" for i in range(30)]
    thresholds = np.full(30, 0.5)
    thresholds[3], thresholds[7] = 0.2, 0.95

    def shown(p: dict[int, float], *, top: Any = None, documents: int = 1, **of: Any) -> list[str]:
        row = np.full(30, 0.01)
        row[[*p]] = [*p.values()]
        choice = LabelChoice(thresholds, **of)
        writer = BarWriter(labels, top, choice.least, documents, choice)
        writer.show(["doc"] * documents, np.tile(row, (documents, 1)))
        writer.finish()
        return capsys.readouterr().out.splitlines()

    lines = shown({3: 0.25, 5: 0.75, 7: 0.9})
    assert len(lines) == 12
    assert [click.unstyle(line) for line in lines[:5]] == [
        "doc",
        "  label 05   75.0 %  ██████████████████████▌",
        "  label 03   25.0 %  ███████▌",
        "  label 07   90.0 %  below 95.0 %",
        "  label 00    1.0 %  below 50.0 %",
    ]
    assert lines[3].startswith("  \x1b[2mlabel 07")  # grey
    assert "\x1b[2m" not in lines[1] + lines[2]
    assert lines[-1] == "  30 labels in all: --top all"
    none = [click.unstyle(line) for line in shown({7: 0.9})]
    assert none[1:3] == [
        "  no label: each is below its threshold",
        "  label 07   90.0 %  below 95.0 %",
    ]
    one = [click.unstyle(line) for line in shown({7: 0.9}, at_least_one=True)]
    assert one[1].startswith("  label 07   90.0 %  █████")
    sure = [click.unstyle(line) for line in shown({3: 0.25, 5: 0.75}, least=0.6)]
    assert sure[2] == "  label 03   25.0 %  below 60.0 %"
    two = [click.unstyle(line) for line in shown({3: 0.25, 5: 0.75, 7: 0.9}, top=2)]
    assert [line.split("%")[0] for line in two] == [
        "doc",
        "  label 07   90.0 ",
        "  label 05   75.0 ",
    ]
    many = [click.unstyle(line) for line in shown(dict.fromkeys(range(10, 22), 0.8))]
    assert sum("█" in line for line in many) == 12  # all of the answer
    several = [click.unstyle(line) for line in shown(dict.fromkeys(range(5), 0.8), documents=3)]
    assert several.count("  label 04   80.0 %  ████████████████████████") == 3
    assert "below" not in "".join(several)


def test_what_is_refused(model: Model, tmp_path: Path) -> None:
    found = typed("--text", "robot", "--top", 1, "--at-least-one")
    assert found.exit_code == 2
    assert "--top and --at-least-one exclude each other" in found.stderr
    found = typed("--text", "robot", "--min-probability", 0.9, "--at-least-one")
    assert found.exit_code == 2
    assert "--min-probability and --at-least-one exclude each other" in found.stderr
    with pytest.raises(InputError, match="at_least_one and min_probability exclude each other"):
        model.classify_files("lines.txt", "out.csv", at_least_one=True, min_probability=0.9)
    found = typed("--text", "robot", "--label", "zen", "--at-least-one")
    assert found.exit_code == 2
    assert "--label and --at-least-one exclude each other" in found.stderr
    model_of(thresholds=None).save("m")
    for words in (("--text", "robot"), ("--corpus", "lines.txt", "-o", "out.csv")):
        found = typed(*words, "--at-least-one")
        assert isinstance(found.exception, InputError)
        assert str(found.exception).startswith("m: --at-least-one: each document has one label")


def test_an_unknown_word_has_no_answer_but_base_rates(model: Model) -> None:
    said = typed("--text", "unheard").stderr
    assert "no known word; P of each label is " in said
    assert "the answer is" not in said


def test_a_label_named_as_no_answer_is_told(model: Model) -> None:
    model_of(["a", "no label"], np.full(2, 0.5)).save("m")
    assert "has a label 'no label' of its own" in typed("--text", "robot").stderr
    assert "of its own" not in typed("--text", "robot", "--json").stderr
    assert "has a label" not in typed("--text", "robot").stdout


# ------------------------------------------------------------------------------------------- files
def columns_of(path: str) -> dict[str, list[Any]]:
    if path.endswith("parquet"):
        table = pq.read_table(path)
    elif path.endswith("arrow"):
        table = feather.read_table(path)
    else:
        rows = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
        return {name: [row[name] for row in rows] for name in rows[0]}
    assert table.schema.field("predicted").type == pa.list_(pa.string())
    return dict(table.to_pydict())


@pytest.mark.parametrize("ending", ["parquet", "arrow", "jsonl"])
@pytest.mark.parametrize("asked", [{}, {"at_least_one": True}, {"min_probability": 0.9}], ids=str)
def test_predictions_are_lists(model: Model, ending: str, asked: dict[str, Any]) -> None:
    path = f"out.{ending}"
    done = model.classify_files("lines.txt", path, top=2, each_label=True, **asked)
    found, own = columns_of(path), answers(model, **asked)
    assert found["predicted"] == [[label for label, _ in one] for one in own]
    assert found["probability"] == [[p for _, p in one] for one in own]
    two = answers(model, top=2)
    for rank in (1, 2):
        assert found[f"predicted_{rank}"] == [one[rank - 1][0] for one in two]
        assert found[f"probability_{rank}"] == [one[rank - 1][1] for one in two]
    p = model.probabilities(DOCUMENTS)
    for i, label in enumerate(LABELS):
        assert found[f"P({label})"] == p[:, i].tolist()
    counts = {label: sum(label in dict(one) for one in own) for label in LABELS}
    assert done["predicted"] == counts
    assert done["without_labels"] == own.count([])
    assert "unsure" not in done


@pytest.mark.parametrize(("ending", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_predictions_in_text_are_joined(model: Model, ending: str, delimiter: str) -> None:
    words = ("--corpus", "lines.txt", "-o", f"out.{ending}", "--top", 1)
    found = typed(*words)
    assert found.exit_code == 0, found.output
    assert "no label" in found.stderr
    with open(f"out.{ending}", encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file, delimiter=delimiter)]
    own = answers(model)
    assert [row["predicted"] for row in rows] == ["|".join(map(str, dict(one))) for one in own]
    assert [[float(p) for p in row["probability"].split("|") if p] for row in rows] == [
        [p for _, p in one] for one in own
    ]
    assert [row["predicted_1"] for row in rows] == [one[0][0] for one in answers(model, top=1)]


def test_one_column_of_a_label_and_none_of_lists(model: Model) -> None:
    model.classify_files("lines.txt", "out.csv", label="zen")
    with open("out.csv", encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert [*rows[0]] == ["text", "P(zen)"]


def test_a_text_that_is_null_has_no_answer(model: Model) -> None:
    texts = ["a robot", None, "the sheriff rode"]
    pq.write_table(pa.table({"text": texts}), "in.parquet")
    done = model.classify_files("in.parquet", "out.parquet", at_least_one=True)
    found = columns_of("out.parquet")
    assert [own is None for own in found["predicted"]] == [False, True, False]
    assert [own is None for own in found["probability"]] == [False, True, False]
    assert (done["missing"], done["without_labels"]) == (1, 0)
    assert sum(done["predicted"].values()) == sum(map(len, filter(None, found["predicted"])))


def test_a_separator_in_a_label_is_refused(model: Model) -> None:
    odd = model_of(["a|b", "c"], np.full(2, 0.5))
    with pytest.raises(InputError, match=r"out.csv: label 'a\|b' holds '\|'"):
        odd.classify_files("lines.txt", "out.csv")
    odd.classify_files("lines.txt", "out.csv", label="c")
    odd.classify_files("lines.txt", "out.jsonl")
    found = {label for one in columns_of("out.jsonl")["predicted"] for label in one}
    assert found <= {"a|b", "c"}


def test_one_label_a_document_is_not_at_least_one(model: Model) -> None:
    single = model_of(thresholds=None)
    with pytest.raises(InputError, match="at_least_one: each document has one label"):
        single.classify_files("lines.txt", "out.csv", at_least_one=True)
    with pytest.raises(InputError, match="label leaves no room"):
        model.classify_files("lines.txt", "out.csv", at_least_one=True, label="zen")
    assert THRESHOLDS.tolist() == model.parts.thresholds.tolist()  # type: ignore[union-attr]
