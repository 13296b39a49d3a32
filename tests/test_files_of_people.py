"""Files as people have them: CSV of spreadsheets and databases, lines of other programs, columns
the wrong way round.  Each kind is made in several ways, and with words of several languages."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from corpora import goes_on_behind_lines
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import textmlr
from tests.spelled_errors import as_typed
from textmlr import InputError, ReadingOptions, read_corpus
from textmlr.cli import cli
from textmlr.corpus.formats.mallet import parse as parse_mallet
from textmlr.corpus.formats.vw import looks_like_vw
from textmlr.corpus.formats.vw import parse as parse_vw
from textmlr.corpus.reading import scan

Rows = list[tuple[str, str]]
SUPPORT: Rows = [
    ("Billing, fees", "the invoice shows the wrong amount, please refund"),
    ("Delivery", 'the driver left the parcel "with a neighbour"; nobody rang'),
    ("Delivery", "where is my parcel, it is late again"),
    ("Tech", "the app crashes when I open the settings page"),
    ("Billing, fees", "I was charged twice for one order, says my bank"),
    ("Tech", "update broke the search field, order 583"),
] * 4
BOOKS: Rows = [
    ("Roman", "ein alter Mann fährt über den Fluß; er kommt nie an"),
    ("Lyrik", "О, как убийственно мы любим, как в буйной слепоте страстей"),
    ("Roman", "die Erbin sucht ihren Bruder, und findet einen Brief"),
    ("Lyrik", 'sie sagt: "nie wieder", und schweigt'),
] * 5
CORPORA = {"support": SUPPORT, "books": BOOKS}


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def rows_of(corpus: textmlr.Corpus) -> Rows:
    return [(corpus.labels[corpus.y[i]], corpus.text(i)) for i in range(len(corpus))]


def table(rows: Sequence[Sequence[str]], **options: Any) -> str:
    out = io.StringIO()
    csv.writer(out, **options).writerows(rows)
    return out.getvalue()


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_corpus(path, ReadingOptions(**options))
    with pytest.raises(InputError):
        list(scan(path, ReadingOptions(**options), chunk_bytes=50))
    assert str(caught.value).isprintable()
    return as_typed(caught.value).removeprefix(str(path))


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(map(str, arguments)))
    said = done.output if done.exception is None or done.exit_code == 2 else str(done.exception)
    return done.exit_code, " ".join(said.split())


# ------------------------------------------------------------------ CSV without names
@pytest.mark.parametrize("rows", CORPORA.values(), ids=CORPORA)
@pytest.mark.parametrize("delimiter", ",;\t|")
def test_files_without_names(tmp_path: Path, rows: Rows, delimiter: str) -> None:
    """Two columns, the label first or last, and three: told without --no-header, read with it."""
    three = [(label, " ".join(text.split()[:2]), text) for label, text in rows]
    for made, label, text in (
        (rows, 1, 2),
        ([(text, label) for label, text in rows], 2, 1),
        (three, 1, 3),
        ([(f"{i}", *row) for i, row in enumerate(three)], 2, 4),
    ):
        path = write(tmp_path / "a.csv", table(made, delimiter=delimiter))
        numbers = {"label_column": f"{label}", "text_column": f"{text}"}
        corpus = read_corpus(path, ReadingOptions(header=False, **numbers))
        assert rows_of(corpus) == rows
        told = (
            ", line 1: the first line looks like a row, not like the names of columns; if it is "
            f"one, say --no-header --label-column {label} --text-column {text}; else name the "
            "columns in it"
        )
        assert refusal(path) == told
        # A document would be lost.
        assert "--no-header" in refusal(path, **numbers)
        bare = refusal(path, header=False)
        assert bare.startswith(": columns without names are called by number: 1 (")
        assert f"--label-column {label}" in bare
        assert f"--text-column {text}" in bare
        assert textmlr.read_corpus(
            path, ReadingOptions(header=False), text=f"{text}", label=f"{label}"
        ).labels == sorted({label for label, _ in rows})


def test_a_label_that_comes_again_late(tmp_path: Path) -> None:
    rows = [("rare", "short one"), *(("common", f"item {i} of it") for i in range(300))]
    rows.append(("rare", "another"))
    path = write(tmp_path / "a.csv", table(rows))
    assert "--no-header --label-column 1 --text-column 2" in refusal(path)
    assert "--no-header" in refusal(path, label_column="1", text_column="2")


def test_a_name_wins_over_a_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "1,2,text\nx,a,u\ny,b,v\n")
    assert rows_of(read_corpus(path, label="2")) == [("a", "u"), ("b", "v")]
    path = write(tmp_path / "a.csv", "2,1,text\nx,a,u\ny,b,v\n")
    assert rows_of(read_corpus(path, label="2")) == [("x", "u"), ("y", "v")]
    assert rows_of(read_corpus(path, label="2", text="3")) == [("x", "u"), ("y", "v")]


def test_names_by_number(tmp_path: Path) -> None:
    """A line of names is none of the rows, however its columns are called."""
    path = write(tmp_path / "a.csv", "what,was said, in which words of yours?\na,b,c\nd,e,f\n")
    assert rows_of(read_corpus(path, label="1", text="3")) == [("a", "c"), ("d", "f")]
    told = refusal(path, label_column="1", text_column="9")
    assert "no column '9'; there are 3 columns: what, " in told


@pytest.mark.slow
def test_every_verb_takes_files_without_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", table(SUPPORT))
    model = tmp_path / "m.textmlr"
    options = ["--no-header", "--label-column", 1, "--text-column", 2]
    assert run("train", path, "-o", model, *options)[0] == 0
    named = write(tmp_path / "b.csv", "label,text\n" + table(SUPPORT))
    assert (
        textmlr.train(named).theta == textmlr.load(model).theta  # type: ignore[attr-defined]
    ).all()
    for verb in (
        ["evaluate", model, path, *options],
        ["evaluate", model, path, "--no-header"],  # as the model was trained
        [
            "classify",
            model,
            "--corpus",
            path,
            "-o",
            tmp_path / "o.jsonl",
            "--no-header",
            "--text-column",
            2,
        ],
        ["featurize", path, "-o", tmp_path / "o.npz", *options],
        ["update", model, path, "-o", tmp_path / "n.textmlr", *options],
        ["tune", path, "--trials", 1, "-o", tmp_path / "t.textmlr", *options],
        ["train", path, "--stream", "-o", tmp_path / "s.textmlr", *options],
    ):
        code, said = run(*verb)
        assert code == 0, said
        if verb[0] == "tune":
            assert "--no-header" in said
    code, said = run("evaluate", model, path)
    assert "--no-header" in said


# ------------------------------------------------------------------ spreadsheets
@pytest.mark.parametrize("delimiter", [";", "\t", "|", "^", "§", "!"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_line_that_says_the_delimiter(tmp_path: Path, delimiter: str, encoding: str) -> None:
    if not delimiter.isascii():
        return
    body = table([("label", "text"), *SUPPORT], delimiter=delimiter)
    for first in (f"sep={delimiter}\r\n", f"SEP={delimiter}\n", f'"sep={delimiter}"\r\n'):
        path = write(tmp_path / "a.csv", (first + body).encode(encoding))
        named = encoding if encoding == "utf-16-le" else None
        assert rows_of(read_corpus(path, ReadingOptions(encoding=named))) == SUPPORT
        bare = write(tmp_path / "a", (first + body).encode(encoding))
        assert rows_of(read_corpus(bare, ReadingOptions(encoding=named))) == SUPPORT
    rows = table(SUPPORT, delimiter=delimiter)
    path = write(tmp_path / "a.csv", f"sep={delimiter}\n{rows}".encode(encoding))
    options = ReadingOptions("csv", "2", "1", header=False, encoding=named)
    assert rows_of(read_corpus(path, options)) == SUPPORT


@pytest.mark.parametrize("delimiter", [":", "^", "\x01", "tab", "\\t", "a"])
def test_delimiters_are_named(tmp_path: Path, delimiter: str) -> None:
    sign = "\t" if delimiter in ("tab", "\\t") else delimiter
    body = table([("label", "text"), *SUPPORT], delimiter=sign, quoting=csv.QUOTE_ALL)
    for name in ("a.csv", "a.txt", "a.tsv"):
        path = write(tmp_path / name, body)
        assert rows_of(read_corpus(path, ReadingOptions(delimiter=delimiter))) == SUPPORT


def test_delimiters_that_are_none() -> None:
    for bad in ("||", "::", "", '"', "\n", "§", "tabs"):
        with pytest.raises(InputError, match=r"is not (one character of ASCII|a character other)"):
            ReadingOptions(delimiter=bad)
    with pytest.raises(
        InputError, match="give one such as ';', and put it in the place of this in the file"
    ):
        ReadingOptions(delimiter="||")
    with pytest.raises(InputError, match="are one character; leave out csv_escape"):
        ReadingOptions(delimiter="\\", csv_escape="\\")


def test_empty_fields_behind_the_last_column_are_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'label,text\na,x,,\nb,y,""\nc,z\n')
    assert rows_of(read_corpus(path)) == [("a", "x"), ("b", "y"), ("c", "z")]
    assert [chunk.table.num_columns for chunk in scan(path)] == [2]
    path = write(tmp_path / "b.csv", "label,text,,\na,x,,\nb,y,,\n")
    assert rows_of(read_corpus(path)) == [("a", "x"), ("b", "y")]
    path = write(tmp_path / "c.csv", "label,text\na,x\nb,y, z,,\n")
    assert refusal(path) == (
        ", line 3: 3 fields, where the first line names 2 columns; put text that holds a comma in "
        "double quotes, or pass --skip-bad-lines"
    )
    path = write(tmp_path / "d.csv", 'a,"x\ny"\nb,y\nc\n')
    assert refusal(path, header=False, label_column="1", text_column="2").startswith(
        ", line 4: 1 field, where the first row has 2 columns; "
    )


@pytest.mark.parametrize("ending", ["tsv", "csv", "ft", "vw", "mallet"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n\n", " \r\n\r\n", "\n \n"])
def test_blank_lines_at_the_end_are_none(tmp_path: Path, ending: str, end: str) -> None:
    line, form = {
        "tsv": ("{}\t{}", None),
        "csv": ("{},{}", None),
        "ft": ("__label__{} {}", None),
        "vw": ("{} | {}", "vw"),
        "mallet": ("doc {} {}", "mallet"),
    }[ending]
    if ending == "csv" and " " in end:
        return  # a row of one field that is a space
    rows = [("1", "x y"), ("2", "y"), ("1", "z")]
    begin = "label,text\n" if ending == "csv" else ""
    text = begin + "".join(line.format(*row) + "\n" for row in rows) + end
    path = write(tmp_path / f"a.{ending}", text)
    options = ReadingOptions(form)  # type: ignore[arg-type]
    assert rows_of(read_corpus(path, options)) == rows
    for size in (1, 2, 5, 1 << 20):
        for live in (False, True):
            chunks = list(scan(path, options, chunk_bytes=size, live=live))
            assert sum(map(len, chunks)) == 3
            assert not sum(chunk.skipped for chunk in chunks)
    if ending != "csv":  # in the middle they stay bad
        write(path, text + line.format("2", "w") + "\n")
        with pytest.raises(InputError, match="line 4: blank line"):
            read_corpus(path, options)
        with pytest.raises(InputError, match="line 4: blank line"):
            list(scan(path, options, chunk_bytes=3))


# ------------------------------------------------------------------ escapes
QUOTED = [
    ("Tech, app", 'he said "error 500", order 327, then left'),
    ("Delivery", '"never" rang; a back\\slash, and "quotes"'),
    ("Delivery", 'two\nlines, "both"'),
    ("Tech, app", 'ends in a quote "'),
    ("Roman", '"beginnt so", и так'),
]


@pytest.mark.parametrize("escape", ["\\", "~", "/"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
def test_quotes_behind_an_escape(tmp_path: Path, escape: str, quoting: int) -> None:
    body = table(
        [("label", "text"), *QUOTED], doublequote=False, escapechar=escape, quoting=quoting
    )
    path = write(tmp_path / "a.csv", body)
    options = ReadingOptions(csv_escape=escape)
    assert rows_of(read_corpus(path, options)) == QUOTED
    for size in (1, 7, 1 << 20):
        found = [
            chunk.batch[i].decode()
            for chunk in scan(path, options, chunk_bytes=size)
            for i in range(len(chunk))
        ]
        assert found == [text for _, text in QUOTED]
    if escape == "\\":
        told = refusal(path)
        assert "a quote that stands behind a backslash closes the field" in told
        assert told.endswith("say --csv-escape '\\', or write quotes within quotes twice")


def test_an_escape_changes_nothing_else(tmp_path: Path) -> None:
    rows = [("a", "C:\\new\\table"), ("b", 'a "b" c'), ("c", "x,y\nz"), ("d", "")]
    path = write(tmp_path / "a.csv", table([("label", "text"), *rows]))
    assert rows_of(read_corpus(path, ReadingOptions(csv_escape="\\"))) == rows
    assert rows_of(read_corpus(path)) == rows


pieces = st.text('ab\\",;\n\r é', max_size=8)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(st.lists(pieces, min_size=2, max_size=3), min_size=1, max_size=6),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from([None, "\\"]),
    st.sampled_from(",;"),
    st.integers(1, 40),
)
def test_what_the_csv_module_writes(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    quoting: int,
    escape: str | None,
    delimiter: str,
    size: int,
) -> None:
    rows = [[f"l{i}", *row[1:2]] for i, row in enumerate(rows)]
    rows = [[label, text.replace("\r", "")] for label, text in rows]
    own: dict[str, Any] = {"quoting": quoting, "delimiter": delimiter, "lineterminator": "\n"}
    if escape:
        own |= {"escapechar": escape, "doublequote": False}
    path = tmp_path_factory.getbasetemp() / "property.csv"
    for names in ([["label", "text"]], []):
        write(path, table([*names, *rows], **own))
        options = ReadingOptions(
            "csv", "2", "1", header=bool(names), csv_escape=escape, delimiter=delimiter
        )
        if names:
            options = replace(options, text_column=None, label_column=None)
        found = [
            (chunk.labels[1][chunk.labels[0][i]], chunk.batch[i].decode())  # type: ignore[index]
            for chunk in scan(path, options, chunk_bytes=size)
            for i in range(len(chunk))
        ]
        if escape is None or "\\" not in "".join(text for _, text in rows):
            assert found == [(label, text) for label, text in rows]
        else:  # a backslash before a letter stands for itself; Python's writer may double it
            assert len(found) == len(rows)


def naive_escaped(text: str, delimiter: str) -> list[list[str]]:
    """Records, character by character, where a backslash is an escape."""
    rows: list[list[str]] = []
    row: list[str] = []
    field, inside, quoted, i = "", False, False, 0
    while i < len(text):
        c, after = text[i], text[i + 1 : i + 2]
        if c == "\\" and after and after in f'"\\{delimiter}\n\r':
            field, i = field + after, i + 2
            continue
        if inside and c == '"':
            if after == '"':
                field, i = field + c, i + 1
            else:
                inside = False
        elif not inside and not field and not quoted and c == '"':
            inside = quoted = True
        elif not inside and c in (delimiter, "\n"):
            row.append(field)
            field, quoted = "", False
            if c == "\n":
                rows.append(row)
                row = []
        else:
            field += c
        i += 1
    return rows


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text('ab\\",\n', max_size=30), st.integers(1, 40))
@example('a,,""\n', 1)  # nothing in quotes is nothing, too
def test_escapes_as_a_naive_reader_has_them(
    tmp_path_factory: pytest.TempPathFactory, body: str, size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "naive.csv"
    body = "q,begin\n" + body + '","\nend,end\n'
    if goes_on_behind_lines(body, escape="\\"):
        return
    right = [row for row in naive_escaped(body, ",") if row != [""]]
    write(path, body)
    options = ReadingOptions("csv", "2", "1", header=False, csv_escape="\\", skip_bad_lines=True)
    found = []
    for chunk in scan(path, options, chunk_bytes=size):
        assert chunk.labels is not None
        found += [
            [chunk.labels[1][chunk.labels[0][i]], chunk.batch[i].decode()]
            for i in range(len(chunk))
        ]
    good = [row[:2] for row in right if len(row) >= 2 and not any(row[2:]) and row[0].strip()]
    assert found == [[label.strip(), text] for label, text in good]


# ------------------------------------------------------------------ lines of other programs
@pytest.mark.parametrize("prefix", ["__class__", "#", "label:", "ярлык_", "__label__"])
def test_labels_by_another_prefix(tmp_path: Path, prefix: str) -> None:
    rows = [("a", "x y"), ("b", "y z"), ("a", "__label__ is text" if prefix[0] != "_" else "z")]
    path = write(tmp_path / "a.txt", "".join(f"{prefix}{label} {text}\n" for label, text in rows))
    options = ReadingOptions(label_prefix=prefix)
    assert rows_of(read_corpus(path, options)) == rows
    (chunk,) = scan(path, options, labelled=False)
    assert [chunk.batch[i].decode() for i in range(3)] == [text for _, text in rows]
    inside = write(tmp_path / "b.ft", f"x {prefix}a y\n{prefix}b {prefix}c z\n")
    assert [one for _, one in read_corpus(inside, options)] == [("a",), ("b", "c")]
    corpus = read_corpus(inside, replace(options, multilabel=False))
    assert rows_of(corpus) == [("a", "x y"), ("b", "z")]
    assert corpus.notes[0].startswith("1 document has several labels")
    if prefix == "__class__":
        assert refusal(path).endswith("if labels begin so, say --label-prefix __class__")
    with pytest.raises(InputError, match=r"have no use for .*label_prefix=…"):
        read_corpus(write(tmp_path / "a.tsv", "a\tx\n"), options)


@pytest.mark.parametrize("label", ["A,", "Tech,", "я,", "a,__label__b"])
def test_labels_with_commas_between_them_are_told(tmp_path: Path, label: str) -> None:
    text = f"__label__c x\n__label__{label} __label__b y\n__label__b z\n"
    corpus = read_corpus(write(tmp_path / "a.txt", text))
    how = "ends in a comma" if label.endswith(",") else "holds __label__"
    assert f"{tmp_path}/a.txt, line 2: the label '{label}' {how}; " in " ".join(corpus.notes)
    assert "comma" not in " ".join(
        read_corpus(write(tmp_path / "b.txt", "__label__a,b x\n__label__c y, z\n")).notes
    )


MALLET = [
    ("d1 scifi a robot in orbit", "scifi", "a robot in orbit"),
    ("d2\tscifi\ta robot\tx", "scifi", "a robot\tx"),
    ("d3, western, a horse, a man", "western,", "a horse, a man"),
    ("/home/x.txt \t ja  да", "ja", "да"),
    ("d5 empty", "empty", ""),
    ("alone", None, ""),
]


@pytest.mark.parametrize(("line", "label", "text"), MALLET)
def test_mallet(line: str, label: str | None, text: str) -> None:
    own = parse_mallet(line.encode())
    assert (own.label and own.label.decode(), own.text.decode()) == (label, text)


VW = [
    ("1 |a words of it", "1", "words of it", 1.0),
    ("1 2:0.5 |a words", "1", "words", 1.0),
    ("1:1.5 2:0.5 3:2 | words", "2", "words", 1.0),
    ("2 0.5 'tag|f x:2.5 y", "2", "x y", 0.5),
    ("-1 |first x |second y:1 z", "-1", "x y z", 1.0),
    ("1 2 0.3 tag|x y", "1", "y", 2.0),
    ("spam | buy http://x.y/z now", "spam", "buy http://x.y/z now", 1.0),
    ("'tag |f x", None, "x", 1.0),
    ("|f x", None, "x", 1.0),
    ("3 |f:2 да нет", "3", "да нет", 1.0),
    ("3 |", "3", "", 1.0),
]


@pytest.mark.parametrize(("line", "label", "text", "weight"), VW)
def test_vw(line: str, label: str | None, text: str, weight: float) -> None:
    own = parse_vw(line.encode())
    assert (own.label and own.label.decode(), own.text.decode()) == (label, text)
    assert own.weight == weight


def test_files_of_vw(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dat", "1 |f a robot\n2 2 'x|f a horse |g now\n1 |f orbit\n")
    corpus = read_corpus(path)
    assert rows_of(corpus) == [("1", "a robot"), ("2", "a horse now"), ("1", "orbit")]
    assert "line 2: importance weights are left out" in corpus.notes[0]
    assert read_corpus(path, ReadingOptions(weighted=True)).weights.tolist() == [1, 2, 1]
    valued = read_corpus(write(tmp_path / "b.vw", "1 | a:2.5 b\n2 | c:0 d\n"))
    assert rows_of(valued) == [("1", "a b"), ("2", "c d")]
    assert "line 1: values of features, such as word:2.5, cannot be taken" in valued.notes[0]
    for bad, why in (
        ("1 no bar", "no | before the words in '1 no bar'"),
        ("1:2:0.5 | x", "actions of a bandit"),
        ("shared | x", "an example of several lines"),
        ("| x", "no label in '| x'"),
        ("1 -2 | x", "an importance weight that is no finite number"),
        ("1 a b c | x", "more than a label, a weight and a base"),
    ):
        told = refusal(write(tmp_path / "c.vw", f"1 | x\n{bad}\n2 | y\n"))
        assert told.startswith(f", line 2: {why}") or why in told, told
        corpus = read_corpus(tmp_path / "c.vw", ReadingOptions(skip_bad_lines=True))
        assert (len(corpus), corpus.skipped) == (2, 1)
    (chunk,) = scan(path, labelled=False)
    assert chunk.batch[1] == b"a horse now"
    assert rows_of(
        read_corpus(write(tmp_path / "m", "d a x y\ne b z\n"), ReadingOptions("mallet"))
    ) == [("a", "x y"), ("b", "z")]


def test_what_is_no_vw() -> None:
    for text in ("label|text\na|b\n", "1\tx | y\n", "a | b\n", "1 x\n", "", "1,2 | x\n|x\n"):
        assert not looks_like_vw(text.encode())


# ------------------------------------------------------------------ columns the wrong way round
@pytest.mark.parametrize("rows", CORPORA.values(), ids=CORPORA)
@pytest.mark.parametrize("names", ["", "sentence\tlabel\n", "text\tclass\n", "utterance\tgruppe\n"])
def test_text_before_the_label(tmp_path: Path, rows: Rows, names: str) -> None:
    own = [(label, text.replace('"', "") + f" {i}") for i, (label, text) in enumerate(rows)]
    path = write(tmp_path / "a.tsv", names + "".join(f"{text}\t{label}\n" for label, text in own))
    told = refusal(path)
    assert "labels stand once, and the texts are " in told
    assert "the columns look swapped, text<TAB>label; " in told
    if not names:
        assert told.endswith(
            "say --no-header --text-column 1 --label-column 2, or write label<TAB>text"
        )
        options = ReadingOptions(header=False, text_column="1", label_column="2")
    elif "utterance" in names:
        assert told.endswith(
            "read it by its line of names: --text-column utterance --label-column gruppe"
        )
        options = ReadingOptions(text_column="utterance", label_column="gruppe")
    else:
        assert told.endswith("read it by its line of names: --format csv")
        options = ReadingOptions("csv")
    assert rows_of(read_corpus(path, options)) == own
    with pytest.raises(InputError, match="the columns look swapped"):
        list(scan(path, labelled=False))
    with pytest.raises(InputError, match=r"ReadingOptions|text="):
        textmlr.train(path)
    _, said = run("train", path, "-o", tmp_path / "m")
    assert "columns look swapped" in said


def test_few_lines_with_plain_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "text\tlabel\na robot in orbit\tscifi\n")
    with pytest.raises(InputError, match=r"read it by its line of names: .*format='csv'"):
        read_corpus(path)


def test_genuine_corpora_of_a_label_a_document(tmp_path: Path) -> None:
    """Words and what they mean; identifiers; few lines; long labels of few documents."""
    generator = random.Random(7)
    words = [f"word{i}" for i in range(200)]
    lines = [
        [f"{word}\t{' '.join(generator.sample(words, 6))}\n" for word in words],
        [f"{word}\t{generator.choice(words)} {word}\n" for word in words],
        [f"{i}\tyes\n" for i in range(20)],
        [f"a long label of the document {i}\tsame\n" for i in range(5)],
        [f"a long label of one kind\t{i}\n" for i in range(50)],
    ]
    for own in lines:
        path = write(tmp_path / "a.tsv", "".join(own))
        assert len(read_corpus(path)) == len(own)
        assert sum(map(len, scan(path, chunk_bytes=100))) == len(own)


def test_a_column_is_named_in_lines_without_names(tmp_path: Path) -> None:
    """--text-column with label<TAB>text."""
    path = write(tmp_path / "a.tsv", "".join(f"{label}\t{text}\n" for label, text in SUPPORT))
    assert refusal(path, text_column="review") == (
        ", line 1: the first line looks like a row, not like the names of columns; if the lines "
        "are label<TAB>text, leave out --text-column; otherwise say --no-header --label-column 1 "
        "--text-column 2"
    )


@pytest.mark.parametrize("option", [{"header": False}, {"delimiter": ";"}, {"csv_escape": "\\"}])
def test_options_that_a_format_has_no_use_for(tmp_path: Path, option: dict[str, Any]) -> None:
    own = ReadingOptions(**option)
    for name, data in (
        ("a.jsonl", '{"text": "x", "label": "a"}\n'),
        ("a.ft", "__label__a x\n"),
        ("a.vw", "1 | x\n"),
    ):
        with pytest.raises(InputError, match=r"(has|have) no use for .*ReadingOptions"):
            read_corpus(write(tmp_path / name, data), own)
    with pytest.raises(InputError, match="have no use for"):
        read_corpus(write(tmp_path / "a.tsv", "a\tx\n"), replace(own, format="tsv"))


def test_python_says_how_options_of_reading_are_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "a\tx\nb\ty\n")
    for call in (textmlr.train, textmlr.tune, textmlr.featurize):
        with pytest.raises(InputError, match=r"give it in reading=ReadingOptions\(encoding=…\)"):
            call(path, encoding="cp1252")


# ------------------------------------------------------------------ anything at all
ALPHABET = [
    b"a",
    b"label",
    b"text",
    b",",
    b";",
    b"\t",
    b"|",
    b'"',
    b"\\",
    b"\n",
    b"\r\n",
    b" ",
    b"\0",
    b"\xff",
    b"\xe9",
    "é".encode(),
    b"sep=;\n",
    b"__label__",
    b"1 |f ",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"{",
    b"[",
    b"=",
    b"\n\n",
]


def mutated(generator: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(generator.randint(1, 6)):
        at = generator.randint(0, len(out))
        cut = generator.choice([0, 0, 1, 3, 20])
        out[at : at + cut] = generator.choice(ALPHABET) * generator.choice([1, 1, 1, 3])
    return bytes(out)


def options_at_random(generator: random.Random) -> ReadingOptions:
    pick = generator.choice
    often = [None] * 12
    while True:
        try:
            return ReadingOptions(
                pick([*often, "csv", "tsv", "fasttext", "mallet", "vw", "json", "lines"]),
                pick([*often, "text", "2", "1", "9"]),
                pick([*often, "label", "1", "2"]),
                weighted=pick([False] * 9 + [True]),
                skip_bad_lines=pick([False, True]),
                header=pick([True] * 5 + [False]),
                encoding=pick([*often, "cp1252", "utf-16", "shift-jis", "utf-8", "utf-7"]),
                delimiter=pick([*often, ";", "\\t", "\\"]),
                csv_escape=pick([*often, "\\", "\\", ";"]),
                label_prefix=pick([*often, "__class__", "l"]),
            )
        except InputError:
            continue


def read_anything(folder: Path, seeds: range) -> int:
    """Read mutated files with options at random; return how many were read."""
    good = 0
    bodies = [
        table([("label", "text"), *SUPPORT]),
        table(BOOKS, delimiter=";"),
        "sep=;\n" + table([("text", "label"), *QUOTED], delimiter=";"),
        table([("label", "text"), *QUOTED], doublequote=False, escapechar="\\"),
        "".join(f"{label}\t{text}\n" for label, text in BOOKS),
        "".join(f"{text}\t{label}\n" for label, text in SUPPORT),
        "".join(f"__label__{label} {text}\n" for label, text in SUPPORT),
        "1 |a words\n2 0.5 'x|b y:2\n",
    ]
    for seed in seeds:
        generator = random.Random(seed)
        encoding = generator.choice(["utf-8", "utf-8", "utf-16", "cp1252", "utf-16-le", "cp1251"])
        data = mutated(generator, generator.choice(bodies).encode(encoding, "replace"))
        path = write(folder / f"a{generator.choice(['.csv', '.tsv', '.txt', '.vw', ''])}", data)
        own = options_at_random(generator)
        labelled, size = generator.choice([True, False]), generator.choice([1, 30, 1 << 20])
        try:
            for chunk in scan(path, own, labelled=labelled, chunk_bytes=size):
                assert len(chunk) == len(chunk.batch.starts) == len(chunk.batch.stops)
                assert (chunk.batch.starts <= chunk.batch.stops).all()
                assert np.all(chunk.batch.stops <= chunk.batch.text.size)
            good += 1
        except InputError as error:
            told = [str(error), as_typed(error)]
        else:
            continue
        assert all(one.isprintable() for one in told), told
    return good


def test_mutated_files(tmp_path: Path) -> None:
    assert read_anything(tmp_path, range(200)) > 20


@pytest.mark.slow
def test_many_mutated_files(tmp_path: Path) -> None:
    assert read_anything(tmp_path, range(1000, 4000)) > 300
