"""The refusals of each format and their messages; names, patterns and URLs; the command."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from conftest import documents, write_tsv
from corpora import COMPRESSORS, NASTY, WRITERS, as_csv, as_parquet, pairs_of, write, write_folder

from tests.spelled_errors import as_typed
from textmlr.base.errors import InputError
from textmlr.cli import cli
from textmlr.corpus.reading import read_corpus, scan
from textmlr.corpus.reading_options import FORMATS, ReadingOptions

SKIP = "or pass --skip-bad-lines"
CP1252 = f"say --encoding cp1252, which it looks like, {SKIP}"
FILL = f"fill it in, {SKIP}"
OBJECT = f'write an object such as {{"label": ..., "text": ...}}, {SKIP}'
NUMBER = f"write a number such as 1 or 0.5, {SKIP}"
BINARY = "binary data (a NUL byte); give text, in UTF-8 or as --encoding says"
EMPTY = "the file is empty; write one document a line"


def refusal(path: Any, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_corpus([path], ReadingOptions(**options))
    assert str(caught.value).isprintable()
    return as_typed(caught.value).removeprefix(str(path))


BAD_ROWS = [
    (
        "csv",
        b'text,label\nx,a\n"two\nlines",b\ny, z,c\n',
        ", line 5: 3 fields, where the first line names 2 columns; put text that holds a comma in "
        f"double quotes, {SKIP}",
    ),
    (
        "csv",
        b"text;label\nx;a\ny\n",
        ", line 3: 1 field, where the first line names 2 columns; put text that holds a ; in "
        f"double quotes, {SKIP}",
    ),
    (
        "csv",
        b'text,label\nx,a\n"y\nz,b\n',
        ", line 3: a double quote opened in this row is never closed, and 1 line below belongs to "
        f"the row; close it, write quotes within quotes twice, {SKIP}, which loses them all",
    ),
    (
        "csv",
        b"text,label\r\nx,a\r\n\r\ny, \r\n",
        f", line 4: empty label in column 'label'; {FILL}",
    ),
    (
        "csv",
        b'text,label\nx,a\ny,"b\xff"\n',
        rf", line 3: label 'b\xff' is not UTF-8; {CP1252}",
    ),
    ("csv", b"text,label\nx,a\n\0,b\n", f", line 3: {BINARY}, {SKIP}"),
    ("csv", b'text,label\nx,a\n"\0",b\n', f", line 3: {BINARY}, {SKIP}"),
    ("csv", b'text,label\nx,"a\0"z\n', f", line 2: {BINARY}, {SKIP}"),
    (
        "csv",
        "text,label\nx,a\n".encode("utf-16-le"),
        ": looks like UTF-16 without a byte order mark, by its zero bytes; say --encoding "
        "utf-16-le",
    ),
    (
        "jsonl",
        b'{"text": "x", "label": "a"}\n\n{"text": "x",\n',
        ", line 3: not JSON: Expecting property name enclosed in double quotes at character 14 of "
        f'\'{{"text": "x",\'; {OBJECT}',
    ),
    ("jsonl", b'{"text": "x", "label": "a"}\n[1]\n', f", line 2: not an object: '[1]'; {OBJECT}"),
    (
        "jsonl",
        b'{"text": "x", "label": "a"} 3\n',
        ", line 1: not JSON: Extra data at character 29 of "
        f'\'{{"text": "x", "label": "a"}} 3\'; {OBJECT}',
    ),
    ("jsonl", b'{"text": "x", "label": "a"}\n\0\n', f", line 2: {BINARY}"),
    (
        "jsonl",
        b'{"text": "x", "label": "a"}\n{"text": null, "label": "a"}\n',
        f", line 2: no text: 'text' is null; {FILL}",
    ),
    (
        "jsonl",
        b'{"text": "x", "label": "a"}\n{"text": "y"}\n',
        f", line 2: no label: no key 'label', only text; {FILL}",
    ),
    (
        "jsonl",
        b'{"text": "x", "label": "a"}\n{}\n',
        f", line 2: no text: the object is empty; {FILL}",
    ),
    (
        "jsonl",
        b'{"text": "x", "label": "a"}\n{"text": 3, "label": "a"}\n',
        f", line 2: the text in 'text' is a number, not a string; {OBJECT}",
    ),
    (
        "jsonl",
        b'{"text": "x", "label": [["a", 3]]}\n',
        ", line 1: the label in 'label' is a list of lists, as spans are, not a name; write "
        f"each document's labels in one list, {SKIP}",
    ),
    ("jsonl", b'{"text": "x", "label": " "}\n', f", line 1: empty label in 'label'; {FILL}"),
    (
        "fasttext",
        b"__label__a x\nnone\n",
        ", line 2: no label (a word that begins with __label__) in 'none'; begin it with __label__ "
        f"and the label's name, {SKIP}",
    ),
    (
        "fasttext",
        b"__label__a x\n__label__ y\n",
        ", line 2: no label (a word that begins with __label__) in '__label__ y'; begin it with "
        f"__label__ and the label's name, {SKIP}",
    ),
    ("fasttext", b"__label__a x\n \n__label__b y\n", f", line 2: blank line; delete it, {SKIP}"),
    ("fasttext", b"__label__a x\n__label__b \0\n", f", line 2: {BINARY}"),
    (
        "fasttext",
        b"__label__\xff x\n",
        r", line 1: the label in '__label__\xff x' is not UTF-8; "
        f"{CP1252}",
    ),
]


@pytest.mark.parametrize(("ending", "data", "message"), BAD_ROWS)
def test_bad_rows(tmp_path: Path, ending: str, data: bytes, message: str) -> None:
    path = write(tmp_path / f"bad.{ending}", data)
    assert refusal(path) == message
    for size in (1, 1 << 20):
        with pytest.raises(InputError) as caught:
            list(scan([path], chunk_bytes=size))
        assert as_typed(caught.value) == path + message
    if "utf-16-le" in message:  # of which no line of names can be read
        return
    fine = write(tmp_path / "fine.tsv", b"fine\tx\n")
    corpus = read_corpus([path, fine], ReadingOptions(skip_bad_lines=True))
    assert corpus.skipped == 1 + ("1 line below" in message)
    # What is wrong, without the mend.
    assert (path + message).startswith(f"{corpus.skipped_examples[0]}; ")


def test_bad_rows_of_tables(tmp_path: Path) -> None:
    rows = [
        ("x", "a", 1.0),
        (None, "a", 1.0),
        ("x", None, 1.0),
        ("x", " ", 1.0),
        ("x", "a", -1.0),
        ("x", "a", float("nan")),
        ("x", "a", None),
        ("x", "a", 1e39),
    ]
    messages = [
        f", row 2: no text: column 'text' is null; {FILL}",
        f", row 2: no label: column 'label' is null; {FILL}",
        f", row 2: empty label in column 'label'; {FILL}",
        f", row 2: weight '-1.0' is not a finite number >= 0; {NUMBER}",
        f", row 2: weight 'nan' is not a finite number >= 0; {NUMBER}",
        f", row 2: no weight: column 'weight' is null; {FILL}",
        f", row 2: weight '1e+39' is not a finite number >= 0; {NUMBER}",
    ]
    for row, message in zip(rows[1:], messages, strict=True):
        columns = dict(
            zip(("text", "label", "weight"), zip(rows[0], row, strict=True), strict=True)
        )
        table = pa.table({name: list(values) for name, values in columns.items()})
        pq.write_table(table, tmp_path / "a.parquet")
        feather.write_feather(table, tmp_path / "a.arrow")
        for name in ("a.parquet", "a.arrow"):
            assert refusal(tmp_path / name, weighted=True) == message
    table = pa.table(
        {
            name: list(values)
            for name, values in zip(
                ("text", "label", "weight"), zip(*rows, strict=True), strict=True
            )
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    corpus = read_corpus(
        [tmp_path / "a.parquet"], ReadingOptions(weighted=True, skip_bad_lines=True)
    )
    assert (len(corpus), corpus.skipped) == (1, 7)
    assert (
        corpus.skipped_examples[0]
        == f"{tmp_path / 'a.parquet'}, row 2: no text: column 'text' is null"
    )
    assert len(corpus.skipped_examples) == 5
    numbers = [", row 2:", ", row 3:", ", row 4:", ", row 5:", ", row 6:"]
    for example, number in zip(corpus.skipped_examples, numbers, strict=True):
        assert number in example
    binary = pa.table({"text": ["x"], "label": pa.array([b"\xff"], pa.binary())})
    pq.write_table(binary, tmp_path / "b.parquet")
    assert refusal(tmp_path / "b.parquet") == (
        rf", row 1: label '\xff' is not UTF-8; convert it to UTF-8, {SKIP}"
    )


def test_bad_weights_of_csv_and_json(tmp_path: Path) -> None:
    for number in ("-1", "nan", "1e39", "", "x"):
        path = write(tmp_path / "a.csv", f"text,label,weight\nx,a,1\ny,b,{number}\n".encode())
        assert refusal(path, weighted=True) == (
            f", line 3: weight '{number}' is not a finite number >= 0; {NUMBER}"
        )
        assert len(read_corpus([path], ReadingOptions(weighted=True, skip_bad_lines=True))) == 1
    for number, problem in (
        ("-1", "weight '-1' is not a finite number >= 0"),
        ("NaN", "weight 'nan' is not a finite number >= 0"),
        ("true", "the weight in 'weight' is a boolean, not a number"),
        ('"1"', "the weight in 'weight' is a string, not a number"),
    ):
        path = write(
            tmp_path / "a.jsonl", f'{{"text": "x", "label": "a", "weight": {number}}}\n'.encode()
        )
        assert refusal(path, weighted=True) == f", line 1: {problem}; {NUMBER}"


def test_lines_that_end_in_carriage_returns(tmp_path: Path) -> None:
    assert refusal(write(tmp_path / "a.csv", b"text,label\rx,a\r")) == (
        r": its lines end in carriage returns alone; convert them, as tr '\r' '\n' does"
    )


def test_files_that_are_not_what_they_seem(tmp_path: Path) -> None:
    for ending in (".parquet", ".feather"):
        kind = {".parquet": "Parquet", ".feather": "Arrow"}[ending]
        assert refusal(write(tmp_path / f"a{ending}", b"text,label\nx,a\n")) == (
            f": not {kind} data, though its name ends so; say what it is with --format, or write "
            "the file again"
        )
        assert refusal(write(tmp_path / f"b{ending}", b"")) == (
            ": the file is empty; write the table again"
        )
        whole = WRITERS[ending](NASTY)
        cut = write(tmp_path / f"c{ending}", whole[: len(whole) // 2])
        assert refusal(cut).startswith(f": cannot be read as {kind}: ")
        assert refusal(write(tmp_path / "d.csv", whole), format="csv") == (
            f": the file is {kind}, not CSV; say --format {kind.lower()}, or leave --format out"
        )
        assert refusal(write(tmp_path / "e.csv", b"a,b\n"), format=kind.lower()) == (
            f": not {kind} data, as --format says; say what it is with --format, or write the "
            "file again"
        )
    cut_stream = WRITERS[".arrows"](NASTY)[:-200]
    assert refusal(write(tmp_path / "c.arrows", cut_stream)).startswith(": cannot be read as Arrow")
    assert refusal(write(tmp_path / "a.json", b'[{"text": "x", "label": "a"}')) == (
        ", line 1: the array is not closed: the file ends within it; write the file again, as "
        "json.dump does"
    )
    for ending in (".csv", ".jsonl", ".ft"):
        assert refusal(write(tmp_path / f"a{ending}", b"")) == f": {EMPTY}"
        assert refusal(write(tmp_path / f"b{ending}", b"\xef\xbb\xbf")) == f": {EMPTY}"
    for data in (b"text,label", b"text,label\r\n", b"\n\ntext,label\n\n"):
        assert refusal(write(tmp_path / "h.csv", data)) == (
            ": nothing below the line of column names; write a row a document"
        )
    assert refusal(write(tmp_path / "long.csv", b"x" * 100_000)).startswith(
        ": the first line is longer than 65,536 bytes; "
    )
    told = refusal(write(tmp_path / "a.tsv", b"a\tx\n"), format="xml")
    assert told.startswith("--format xml is not one of ")


def test_labels_of_tsv_may_look_like_other_formats(tmp_path: Path) -> None:
    for label in ("__label__a", '{"a": 1}', "PAR"):
        for data in (f"{label}\tx", f"{label}\tx\nb\ty\n"):
            path = write(tmp_path / "a.tsv", data.encode())
            assert pairs_of(read_corpus([path]))[0] == (label, "x")
    marked = write(tmp_path / "b.tsv", b"__label__a x\n")
    assert pairs_of(read_corpus([marked])) == [("a", "x")]
    # An object longer than what is looked at.
    long = json.dumps({"text": "x" * 100_000, "label": "a"}).encode()
    assert read_corpus([write(tmp_path / "corpus", long)]).labels == ["a"]


def test_tables_may_be_empty_but_not_all(tmp_path: Path) -> None:
    table = pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.string())})
    pq.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, tmp_path / "a.arrow")
    paths = [tmp_path / "a.parquet", tmp_path / "a.arrow"]
    with pytest.raises(InputError, match=r"no documents; write one a row$"):
        read_corpus(paths)
    fine = write(tmp_path / "a.csv", b"text,label\nx,a\n")
    assert pairs_of(read_corpus([*paths, fine])) == [("a", "x")]


def test_all_rows_are_bad(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"text,label\nx,\n")
    with pytest.raises(InputError) as caught:
        read_corpus([path], ReadingOptions(skip_bad_lines=True))
    assert as_typed(caught.value) == (
        f"all 1 lines are bad; the first: {path}, line 2: empty label in column 'label'; write "
        "documents with text and label"
    )


def test_columns_of_json_lines_are_those_of_the_first(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b'{"text": "x", "label": "a"}\n{"n": 1, "label": "b"}\n')
    assert "no text: no key 'text', only n, label" in refusal(path)
    named = ReadingOptions(text_column="n", label_column="label", skip_bad_lines=True)
    path = write(tmp_path / "b.jsonl", b'{"text": "x", "label": "a"}\n{"n": "y", "label": "b"}\n')
    assert pairs_of(read_corpus([path], named)) == [("b", "y")]


def test_a_header_over_lines_of_tsv_is_told(tmp_path: Path) -> None:
    for data in (b"label\ttext\na\tx\n", b"Text\tSentiment\na\tx\n"):
        path = write(tmp_path / "a.tsv", data)
        corpus = read_corpus([path])
        assert len(corpus) == 2
        assert corpus.notes == [
            f"{path}: its first line looks like column names, and was read as a document; "
            "--format csv reads it as names"
        ]
        assert len(read_corpus([path], ReadingOptions(format="csv"))) == 1
    assert read_corpus([write(tmp_path / "b.tsv", b"label\tthe text\n")]).notes == []


# ------------------------------------------------------------------ names


def test_numbered_labels_of_hugging_face_have_names(tmp_path: Path) -> None:
    features = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "text": {}}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    table = pa.table({"text": ["x", "y", "z"], "label": [1, 0, -1]})
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    assert refusal(tmp_path / "a.parquet") == (
        f", row 3: label '-1' has no name; give one label a document, {SKIP}"
    )
    corpus = read_corpus([tmp_path / "a.parquet"], ReadingOptions(skip_bad_lines=True))
    assert pairs_of(corpus) == [("pos", "x"), ("neg", "y")]
    for other in (b"{", b"[]", b'{"info": {"features": {"label": {"names": [1]}}}}'):
        odd = table.replace_schema_metadata({b"huggingface": other})
        pq.write_table(odd, tmp_path / "b.parquet")
        assert read_corpus([tmp_path / "b.parquet"]).labels == ["-1", "0", "1"]


def test_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, label in (("part-2.tsv", "b"), ("part-1.tsv", "a"), ("part-x.csv", "c")):
        text = f"{label}\tx\n" if name.endswith("tsv") else f"label,text\n{label},x\n"
        write(tmp_path / name, text.encode())
    corpus = read_corpus(["part-*.tsv"])
    assert corpus.names == ["part-1.tsv", "part-2.tsv"]
    assert pairs_of(read_corpus(["part-*"])) == [("a", "x"), ("b", "x"), ("c", "x")]
    assert pairs_of(read_corpus(["**/part-[!1]*.tsv"])) == [("b", "x")]
    with pytest.raises(InputError) as caught:
        read_corpus(["none-*.tsv"])
    assert as_typed(caught.value) == "none-*.tsv: no file matches this pattern; check the path"
    # A file that has the name itself wins.
    write(tmp_path / "part-[12].tsv", b"z\tx\n")
    assert pairs_of(read_corpus(["part-[12].tsv"])) == [("z", "x")]


def test_folders_that_are_no_corpus(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", NASTY[:2])
    write(tmp_path / "a" / "notes.md", b"x")
    assert refusal(tmp_path / "a") == (
        ": holds files (notes.md), not only a folder a label; move them into folders named by "
        f"label, or name the files: '{tmp_path / 'a' / '*.md'}'"
    )
    write(tmp_path / "a" / "more.md", b"x")
    assert ": holds files (more.md, ...), not only" in refusal(tmp_path / "a")
    (tmp_path / "b" / "empty").mkdir(parents=True)
    assert refusal(tmp_path / "b") == ": no documents in the folder; write a file a document"
    bad = write(tmp_path / "b" / "empty" / "x", b"\0")
    assert refusal(bad.removesuffix("/empty/x")) == f"/empty/x: {BINARY}, {SKIP}"
    write(tmp_path / "b" / "empty" / "y", b"y")
    corpus = read_corpus([tmp_path / "b"], ReadingOptions(skip_bad_lines=True))
    assert (pairs_of(corpus), corpus.skipped) == ([("empty", "y")], 1)
    with pytest.raises(InputError, match=r"has no place for .*weighted=….*; leave it out"):
        read_corpus([tmp_path / "b"], ReadingOptions(weighted=True))
    with pytest.raises(InputError, match=r"have no place for .*weighted=….*; leave it out"):
        read_corpus([write(tmp_path / "a.ft", b"__label__a x\n")], ReadingOptions(weighted=True))


# ------------------------------------------------------------------ URLs


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_file_urls(tmp_path: Path, compression: str) -> None:
    for ending, writer in WRITERS.items():
        path = write(tmp_path / f"a{ending}{compression}", COMPRESSORS[compression](writer(NASTY)))
        corpus = read_corpus([f"file://{path}"])
        assert pairs_of(corpus) == NASTY
        assert corpus.names == [f"file://{path}"]
    # What a URL gives is known by its first bytes, whatever it is called.
    path = write(tmp_path / "corpus", COMPRESSORS[compression](as_csv(NASTY)))
    assert pairs_of(read_corpus([f"file://{path}"])) == NASTY
    with pytest.raises(InputError, match=r"^file:///none\.tsv: .*[Nn]o such file"):
        read_corpus(["file:///none.tsv"])


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no names for open pipes here")
@pytest.mark.parametrize("compression", COMPRESSORS)
def test_pipes_are_known_by_their_first_bytes(compression: str) -> None:
    """As <(...) gives them, by a name that the shell has chosen."""
    data = COMPRESSORS[compression](as_csv(NASTY))
    read, end = os.pipe()

    def send() -> None:
        with os.fdopen(end, "wb") as file:
            file.write(data)

    writer = threading.Thread(target=send)
    writer.start()
    assert pairs_of(read_corpus([f"/dev/fd/{read}"])) == NASTY
    writer.join()
    os.close(read)


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        ("https://example.invalid/a.csv", "fsspec aiohttp"),
        ("hf://datasets/a/b.parquet", "huggingface_hub"),
        ("other://a/b.csv", "fsspec and a driver for them"),
    ],
)
def test_urls_that_nothing_reads(monkeypatch: pytest.MonkeyPatch, url: str, needed: str) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    scheme = url.split(":")[0]
    assert refusal(url) == (
        f": {scheme}:// addresses need a library that is not installed; pip install {needed}, or "
        "copy the file here first"
    )


def test_urls_that_fsspec_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """By one that stands for it, so that it need not be installed."""
    files = {
        "https://x.invalid/a.csv": as_csv(NASTY),
        "https://x.invalid/b": as_parquet(NASTY),
        "https://x.invalid/c.csv.gz?v=1": COMPRESSORS[".gz"](as_csv(NASTY)),
    }
    refused: dict[str, Exception] = {
        "https://x.invalid/none": FileNotFoundError("https://x.invalid/none"),
        "https://x.invalid/late": RuntimeError("cannot connect"),
        "https://x.invalid/other": ValueError("Protocol not known: https"),
    }

    def open_url(url: str, mode: str) -> Any:
        assert mode == "rb"

        def opened() -> Any:
            if url in refused:
                raise refused[url]
            return io.BytesIO(files[url])

        return SimpleNamespace(open=opened)

    monkeypatch.setitem(sys.modules, "fsspec", SimpleNamespace(open=open_url))
    for url in files:
        assert pairs_of(read_corpus([url])) == NASTY
    assert refusal("https://x.invalid/none") == ": https://x.invalid/none; check the address"
    assert refusal("https://x.invalid/late") == (
        ": cannot be read: RuntimeError: cannot connect; check the address"
    )
    assert refusal("https://x.invalid/other").startswith(": Protocol not known: https; pip install")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serves tmp_path on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_http(server: str, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    for ending, writer in WRITERS.items():
        for compression in ("", ".gz"):
            name = f"a{ending}{compression}"
            write(tmp_path / name, COMPRESSORS[compression](writer(NASTY)))
            assert pairs_of(read_corpus([f"{server}/{name}"])) == NASTY
    assert refusal(f"{server}/none.csv").startswith(": ")


# ------------------------------------------------------------------ the command line


def run(*arguments: str, stdin: bytes | None = None) -> Any:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same documents as lines of label<TAB>text and in a table with names of its own."""
    folder = tmp_path_factory.mktemp("corpora")
    pairs = documents(120, 5)
    write_tsv(folder / "a.tsv", pairs)
    columns = {
        "id": list(range(120)),
        "film": [text for _, text in pairs],
        "kind of": [label for label, _ in pairs],
        "w": [1.0, 2.0] * 60,
    }
    table = pa.table(columns)
    pq.write_table(table, folder / "a.parquet")
    table.to_pandas().to_csv(folder / "a.csv", index=False)
    return folder


NAMED = ("--text-column", "film", "--label-column", "kind of")


@pytest.mark.slow
def test_train_from_any_format_is_the_same(corpora: Path, tmp_path: Path) -> None:
    from textmlr import Model

    thetas = []
    for name, options in (("a.tsv", ()), ("a.csv", NAMED), ("a.parquet", NAMED)):
        done = run("train", corpora / name, *options, "-q", "-o", tmp_path / "m.textmlr")
        assert (done.exit_code, done.stdout) == (0, "")
        thetas.append(Model.load(tmp_path / "m.textmlr").theta[0].tobytes())
    assert thetas[0] == thetas[1] == thetas[2]
    for verb in (
        ("evaluate", "-m", tmp_path / "m.textmlr"),
        ("compare", tmp_path / "m.textmlr", tmp_path / "m.textmlr"),
    ):
        shown = [
            json.loads(run(*verb, corpora / name, *options, "--json").stdout)
            for name, options in (("a.tsv", ()), ("a.csv", NAMED))
        ]
        taken = [one.pop("taken")[0]["text"] for one in shown]
        assert taken == ["", NAMED[NAMED.index("--text-column") + 1]]
        assert shown[0] == shown[1]


def test_a_wrong_column(corpora: Path, tmp_path: Path) -> None:
    done = run("train", corpora / "a.csv", "--text-column", "films", "-o", tmp_path / "m.textmlr")
    assert done.exit_code == 2 or isinstance(done.exception, InputError)
    with pytest.raises(InputError, match=r"a\.csv: no column 'films'; the columns are id, film, "):
        raise done.exception
    assert not (tmp_path / "m.textmlr").exists()


def test_standard_input_and_notes(tmp_path: Path) -> None:
    lines = b"".join(
        f"__label__{label} __label__more {text}\n".encode() for label, text in documents(60, 6)
    )
    done = run("train", "-", "-o", tmp_path / "m.textmlr", "--no-holdout", stdin=lines)
    assert done.exit_code == 0
    assert "Warning: documents have several labels: each label is learnt by itself" in done.stderr
    assert done.output.count("several labels") == 1
    first = run(
        *("train", "-", "-o", tmp_path / "m.textmlr", "--no-holdout", "--no-multilabel"),
        stdin=lines,
    )
    assert "Warning: 60 documents have several labels, of which the first is used" in first.stderr


def test_weights_on_the_command_line(corpora: Path, tmp_path: Path) -> None:
    from textmlr import Model

    done = run(
        "train",
        corpora / "a.parquet",
        *NAMED,
        "--weight-column",
        "w",
        "-q",
        "-o",
        tmp_path / "m.textmlr",
    )
    assert done.exit_code == 0
    assert Model.load(tmp_path / "m.textmlr").record.corpus.weighted
    done = run("train", corpora / "a.csv", *NAMED, "--weighted", "-o", tmp_path / "m.textmlr")
    assert "no column is called weight; say which with --weight-column" in str(done.exception)
    done = run(
        "evaluate", "-m", tmp_path / "m.textmlr", corpora / "a.csv", *NAMED, "--weight-column", "w"
    )
    assert done.exit_code == 2
    assert "--weight-column is for --training" in done.output


def test_the_command_that_tune_prints_reads_the_same(corpora: Path, tmp_path: Path) -> None:
    done = run(
        "tune",
        corpora / "a.csv",
        *NAMED,
        "--trials",
        "1",
        "--format",
        "csv",
        "--json",
        "-q",
        "--skip-bad-lines",
        "--weight-column",
        "w",
        "-o",
        tmp_path / "m.textmlr",
    )
    assert done.exit_code == 0, done.output
    command = json.loads(done.stdout)["tuning"]["command"]
    for words in (
        "--format csv",
        "--text-column film",
        "--label-column 'kind of'",
        "--weight-column w",
        "--skip-bad-lines",
    ):
        assert words in command
    assert "--weighted" not in command


def test_formats_are_those_that_the_options_name() -> None:
    help_of_train = run("train", "--help-all").output
    named = ", ".join(form for form in FORMATS if form != "lines")
    assert named in " ".join(help_of_train.split())
