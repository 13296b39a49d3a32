"""JSON as people have it: arrays, lines, objects on many lines; nested keys, lists of labels."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from spelled_errors import as_typed

from textmlr.base.errors import InputError
from textmlr.cli import cli
from textmlr.cli.value_types import ReadFormat
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.formats import json_values
from textmlr.corpus.notes import ReadingNotes
from textmlr.corpus.reading import read_corpus, scan
from textmlr.corpus.reading_options import FORMATS, ReadingOptions

ROWS = [
    {"text": 'a "quoted" text, {with} [signs]', "label": "x"},
    {"text": "ein schöner Tag — 好天气 \U0001f600", "label": "y"},
    {"text": "", "label": "x", "tags": [{"a": [1, {"b": "]}"}]}]},
    {"text": "back\\slash\n\ttab\u2028", "label": "z", "n": -1.5e-3},
    {"label": "y", "text": "other order"},
]
PAIRS = [(str(row["text"]), str(row["label"])) for row in ROWS]
SKIP = "or pass --skip-bad-lines"


def _forms() -> Iterator[tuple[str, str]]:
    yield "array", json.dumps(ROWS)
    yield "array on many lines", json.dumps(ROWS, indent=2, ensure_ascii=False)
    yield "array of a line a row", "[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n"
    yield "array with tabs", json.dumps(ROWS, indent="\t").replace("\n", "\r\n")
    yield "lines", "\n".join(map(json.dumps, ROWS))
    yield "lines with blank ones", "\n\n".join(map(json.dumps, ROWS)) + "\n\n"
    yield "objects on many lines", "\n".join(json.dumps(row, indent=4) for row in ROWS)
    yield "objects without space", "".join(map(json.dumps, ROWS))
    yield "two arrays", json.dumps(ROWS[:2]) + "\n" + json.dumps(ROWS[2:], indent=1)
    yield "within an object", json.dumps({"version": 1, "data": ROWS, "meta": {"n": [1, 2]}})
    yield "within two objects", json.dumps({"a": {"b": ROWS}}, indent=1)


FORMS = dict(_forms())


def write(folder: Path, text: str | bytes, name: str = "a.json") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def pairs(corpus: Corpus) -> list[tuple[str, str]]:
    return [(text, label) for text, label in corpus]


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_corpus(path, ReadingOptions(**options))
    message = as_typed(caught.value)
    assert "\n" not in message
    return message.removeprefix(str(path))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "a"])
def test_every_form_gives_the_same_rows(tmp_path: Path, form: str, name: str) -> None:
    path = write(tmp_path, FORMS[form], name)
    if form != "objects without space" or name.startswith("a.json"):
        assert pairs(read_corpus(path)) == PAIRS
    assert pairs(read_corpus(path, ReadingOptions(format="json"))) == PAIRS
    assert pairs(read_corpus(path, ReadingOptions(format="jsonl"))) == PAIRS
    stdin = io.BytesIO(FORMS[form].encode())
    assert pairs(read_corpus("-", ReadingOptions(format="json"), stdin=stdin)) == PAIRS


@pytest.mark.parametrize("form", FORMS)
def test_bytes_of_every_kind(tmp_path: Path, form: str) -> None:
    text = FORMS[form]
    for name, data in (
        ("bom.json", b"\xef\xbb\xbf" + text.encode()),
        ("utf16.json", text.encode("utf-16")),
        ("utf32.json", text.encode("utf-32")),
        ("a.json.gz", gzip.compress(text.encode())),
        ("a.json.bz2", bz2.compress(text.encode())),
    ):
        assert pairs(read_corpus(write(tmp_path, data, name))) == PAIRS, name


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_blocks_may_be_cut_anywhere(tmp_path: Path, form: str, size: int) -> None:
    path = write(tmp_path, FORMS[form])
    chunks = list(scan(path, chunk_bytes=size, tables=True))
    found = [
        (chunk.batch[i].decode(), chunk.labels[1][chunk.labels[0][i]])
        for chunk in chunks
        if chunk.labels is not None
        for i in range(len(chunk))
    ]
    assert found == PAIRS
    assert sum(chunk.table.num_rows for chunk in chunks) == len(ROWS)


def test_rows_are_told_by_number_and_line(tmp_path: Path) -> None:
    rows: list[Any] = [*ROWS[:2], {"text": "no label"}, *ROWS[2:]]
    path = write(tmp_path, json.dumps(rows, indent=1))
    message = f": no label: no key 'label', only text; fill it in, {SKIP}"
    assert refusal(path) == f", row 3, line 10{message}"
    lines = write(tmp_path, "\n".join(map(json.dumps, rows)), "a.jsonl")
    assert refusal(lines) == f", line 3{message}"
    for one in (path, lines):
        corpus = read_corpus(one, ReadingOptions(skip_bad_lines=True))
        assert pairs(corpus) == PAIRS
        assert corpus.skipped == 1


def test_bad_values_are_left_out_by_their_brackets(tmp_path: Path) -> None:
    bad = ['{"text": oops, "label": "x"}', "3", '"a string, with ]"', "null", "{'text': 'x'}", "{}"]
    deep = '{"text": "x", "label": "x", "z": ' + "[" * 5000 + "]" * 5000 + "}"
    digits = '{"text": "x", "label": ' + "7" * 5000 + "}"
    good = list(map(json.dumps, ROWS))
    text = "[" + ",\n".join([*bad, good[0], deep, *good[1:], digits]) + "]"
    corpus = read_corpus(write(tmp_path, text), ReadingOptions(skip_bad_lines=True))
    assert pairs(corpus) == PAIRS
    assert corpus.skipped == len(bad) + 2
    assert corpus.skipped_examples[1].endswith(", row 2, line 2: not an object: '3'")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", ": no rows in it; write an object a document"),
        ("[", ", line 1: the array is not closed: the file ends within it; write the file again"),
        ('[{"text": "x", "label": "y"}', ", line 1: the array is not closed"),
        ('[{"text": "x", "label": "y"', ", line 1: not JSON: Expecting ',' delimiter at character"),
        ('[{"text": "x", "label": "y"} {"text"', ", line 1: no comma between two rows"),
        ('[{"text": "x", "label": "y"}\n3', ", line 2: no comma between two rows"),
        ('[{"text": "x", "label": NaN}]', ", row 1, line 1: the label in 'label' is NaN, not a"),
        ('[{"text": "x", "label": 1e999}]', ", row 1, line 1: the label in 'label' is Infinity"),
        (
            '[{"text": "x", "label": ' + "7" * 9999 + "}]",
            ", row 1, line 1: an integer of more digits than can be read; write it as a string",
        ),
        ("[" * 99999, ", line 1: not JSON: it is nested too deeply in '[["),
        (
            '{"a": [{"text": "x"}], "b": [{"text": "y"}]}',
            ": one object that holds several lists: a",
        ),
        ('{"text": ["x", "y"], "label": ["a", "b"]}', ": one object of columns (text, label)"),
        ('{"text": {"0": "x"}, "label": {"0": "a"}}', ": one object of columns (text, label)"),
        (
            '{"columns": ["text", "label"], "index": [0], "data": [["x", "y"]]}',
            ": one object of columns (columns, index, data), not rows; write rows, as",
        ),
        ('[{"text": {"en": "x"}, "label": "y"}]', ": no column has a plain name for the text"),
        ('[{"text": "x", "label": "y"}, {"text": "\0', ", line 1: binary data (a NUL byte)"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(write(tmp_path, text)).startswith(message)


def test_nested_keys(tmp_path: Path) -> None:
    rows = [
        {"id": i, "data": {"text": text, "n": {"of": 1}}, "annotation": {"label": label}}
        for i, (text, label) in enumerate(PAIRS)
    ]
    for name, text in (("a.json", json.dumps(rows)), ("a.jsonl", "\n".join(map(json.dumps, rows)))):
        path = write(tmp_path, text, name)
        corpus = read_corpus(path, text="data.text", label="annotation.label")
        assert pairs(corpus) == PAIRS
        assert (
            corpus.taken[0].sentence() == "text: column data.text, label: column annotation.label"
        )
        assert pairs(read_corpus(path, text="2", label="4")) == PAIRS
        assert refusal(path) == (
            ": no column has a plain name for the text, such as text or document, nor for the "
            "label, such as label or class; say which with --text-column and --label-column: the "
            "columns are id, data.text, data.n.of, annotation.label; they are those of the "
            "first row"
        )
        assert refusal(path, text_column="data", label_column="annotation.label").endswith(
            "1: the text in 'data' is an object, not a string; name a key within it: "
            "--text-column data.text"
        )
        assert refusal(path, text_column="data.text", label_column="annotation").endswith(
            "1: the label in 'annotation' is an object, not a name; name a key within it: "
            "--label-column annotation.label"
        )


def test_a_key_with_a_dot_wins_over_nested_ones(tmp_path: Path) -> None:
    rows = [{"data.text": "literal", "data": {"text": "nested"}, "label": "x"}]
    corpus = read_corpus(write(tmp_path, json.dumps(rows)), text="data.text")
    assert pairs(corpus) == [("literal", "x")]
    within = [{"a": {"b.c": {"text": "deep"}}, "label": "x"}]
    corpus = read_corpus(write(tmp_path, json.dumps(within)), text="a.b.c.text")
    assert pairs(corpus) == [("deep", "x")]


def test_lists_of_labels(tmp_path: Path) -> None:
    rows: list[Any] = [
        {"text": "one", "label": ["x"]},
        {"text": ["in a list of one"], "label": [3]},
        {"text": "two", "label": ["y", "x", "y"]},
        {"text": "twice", "label": ["x", "x"]},
        {"text": "none", "label": []},
    ]
    corpus = read_corpus(write(tmp_path, json.dumps(rows)))
    assert [label for _, label in corpus] == [("x",), ("3",), ("x", "y"), ("x",), ()]
    corpus = read_corpus(write(tmp_path, json.dumps(rows[:2] + rows[3:])))  # none has several
    assert [label for _, label in corpus] == ["x", "3", "x"]
    assert corpus.notes == ["1 row has no label, and is left out"]
    single = ReadingOptions(multilabel=False)
    corpus = read_corpus(write(tmp_path, json.dumps(rows)), single)
    assert [label for _, label in corpus] == ["x", "3", "y", "x"]
    assert corpus.text(1) == "in a list of one"
    assert corpus.notes == [
        "1 document has several labels, of which the first is used",
        "1 row has no label, and is left out",
    ]
    rows = [
        {"text": "a", "of": [{"label": "x"}]},
        {"text": "b", "of": [{"label": "y"}, {"label": "x"}]},
    ]
    corpus = read_corpus(write(tmp_path, json.dumps(rows)), single, label="of.label")
    assert pairs(corpus) == [("a", "x"), ("b", "y")]
    wrong: list[Any] = [{"text": ["a", "b"], "label": "x"}]
    assert refusal(write(tmp_path, json.dumps(wrong))).startswith(
        ", row 1, line 1: the text in 'text' is a list, not a string"
    )


def test_names_of_other_labels(tmp_path: Path) -> None:
    rows = '[{"text":"a","label":true},{"text":"b","label":123456789012345678901234567890}]'
    assert read_corpus(write(tmp_path, rows)).labels == ["123456789012345678901234567890", "true"]
    twice = '[{"text":"a","text":"b","label":"x","label":"\\ud800y"}]'
    assert pairs(read_corpus(write(tmp_path, twice))) == [("b", "\ufffdy")]


@pytest.mark.slow
def test_an_array_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the file: an array of one line, of many, and within an object."""
    monkeypatch.setattr(json_values, "PART_BYTES", 1 << 14)
    monkeypatch.setattr(json_values, "LARGEST_ROW", 1 << 16)
    row = {"text": "some words of a text " * 10, "label": "x"}
    forms: dict[str, tuple[str, str, str]] = {
        "line.json": ("[", ",", "]"),
        "lines.json": ("[\n", ",\n", "\n]\n"),
        "within.json": ('{"data": [', ",", "]}"),
    }
    for name, (begin, between, end) in forms.items():
        peaks = []
        for n in (2_000, 20_000):
            with (tmp_path / name).open("w") as file:
                file.write(begin + between.join([json.dumps(row)] * n) + end)
            tracemalloc.start()
            found = sum(map(len, scan(tmp_path / name, tables=False)))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert found == n
        assert peaks[1] < 2 * peaks[0] + (1 << 18), name


def test_lines_come_as_they_are_there() -> None:
    """Live: lines are given as soon as they are written, and so are rows of an array."""

    class Slow(io.RawIOBase):
        def __init__(self, parts: list[bytes]) -> None:
            self.parts = parts

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            part = self.parts.pop(0) if self.parts else b""
            buffer[: len(part)] = part
            return len(part)

    for parts in (
        [b'{"text": "a"}\n', b'{"text": "b"}\n'],
        [b'[{"text": "a"},\n', b'{"text": "b"}\n', b"]"],
    ):
        slow = Slow(list(parts))
        options = ReadingOptions("json")
        chunks = scan("-", options, labelled=False, live=True, tables=False, stdin=slow)  # type: ignore[arg-type]
        first = next(chunk for chunk in chunks if len(chunk))
        assert first.batch[0] == b"a"
        assert len(slow.parts) <= 2


def test_every_format_can_be_said_on_the_command_line(tmp_path: Path) -> None:
    for name in FORMATS:
        assert ReadFormat(FORMATS).convert(name, None, None) == name
    path = write(tmp_path, FORMS["array"], "a.txt")
    for name in ("json", "jsonl"):
        own = ["train", str(path), "--format", name, "-o", str(tmp_path / "m.textmlr")]
        done = CliRunner().invoke(cli, own)
        assert "--format" not in done.stderr


# ------------------------------------------------------------------ mutations


def _naive(text: str) -> list[Any] | None:
    """The values of a text, by Python's json alone; None if it is not JSON."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else [found]


def _mutated(rng: random.Random, text: str) -> str:
    signs = '[]{},:"\\ \n\t0-eE.u\ud800é\0x' + "nt"
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(text) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:at] + rng.choice(signs) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + rng.randrange(1, 9) :]
        elif kind == 2:
            text = text[:at]
        elif kind == 3:
            begin = rng.randrange(len(text) + 1)
            text = text[:at] + text[begin : begin + rng.randrange(40)] + text[at:]
        else:
            text = (
                text[:at] + rng.choice(["[" * 50, "{}" * 9, "NaN", "1e999", "\\ud83d"]) + text[at:]
            )
    return text


def _outcome(path: Path, size: int, skip: bool) -> tuple[str, list[tuple[bytes, str]]]:
    rows: list[tuple[bytes, str]] = []
    try:
        for chunk in scan(path, ReadingOptions("json", skip_bad_lines=skip), chunk_bytes=size):
            assert chunk.labels is not None
            codes, names = chunk.labels
            rows += [(chunk.batch[i], names[code]) for i, code in enumerate(codes.tolist())]
            assert chunk.table.num_rows == len(chunk)
    except InputError as error:
        return as_typed(error), rows
    return "", rows


def _mutations(folder: Path, seeds: range) -> None:
    forms = [form for form in FORMS.values() if form.startswith(("[", "{\n"))]
    for seed in seeds:
        rng = random.Random(seed)
        text = _mutated(rng, rng.choice(forms))
        path = write(folder, text.encode("utf-8", "replace"))
        error, rows = _outcome(path, 1 << 22, False)
        assert _outcome(path, rng.choice((1, 3, 50)), False)[1] == rows or error, seed
        skipped = _outcome(path, 1 << 22, True)
        assert skipped[1][: len(rows)] == rows, seed
        values = _naive(text.encode("utf-8", "replace").decode())
        if values is None or error or not all(isinstance(one, dict) for one in values):
            continue
        if not text.lstrip().startswith("["):
            continue
        labels = [one for one in values if isinstance(one.get("label"), str)]
        assert len(rows) == len(labels), seed
        assert [raw.decode() for raw, _ in rows] == [
            one["text"].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            for one in labels
        ], seed


def test_mutations(tmp_path: Path) -> None:
    _mutations(tmp_path, range(200))


@pytest.mark.slow
def test_many_mutations(tmp_path: Path) -> None:
    _mutations(tmp_path, range(200, 3200))


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize("shape", ["array", "lines of an array", "held", "one after another"])
def test_other_encodings_are_told(shape: str, chunk_bytes: int, tmp_path: Path) -> None:
    rows = [{"label": "a", "text": "die T\u00fcr f\u00fcr \u00c4rger und M\u00fche"}] * 4
    text = {
        "array": json.dumps(rows, ensure_ascii=False),
        "lines of an array": json.dumps(rows, ensure_ascii=False, indent=1),
        "held": json.dumps({"data": rows}, ensure_ascii=False, indent=1),
        "one after another": "\n".join(
            json.dumps(row, ensure_ascii=False, indent=1) for row in rows
        ),
    }[shape]
    line = 1 + next(i for i, one in enumerate(text.split("\n")) if "\u00fc" in one)
    for encoding, told in (("cp1252", True), ("utf-8", False)):
        path = tmp_path / "corpus.json"
        path.write_bytes(text.encode(encoding))
        notes = ReadingNotes()
        chunks = list(notes.watch(scan([str(path)], ReadingOptions(), chunk_bytes=chunk_bytes)))
        assert sum(map(len, chunks)) == 4
        assert len(notes.notes) == told
        if told:
            assert f"corpus.json, line {line}: not UTF-8" in notes.notes[0]
            assert "--encoding cp1252" in notes.notes[0]
