"""Hostile sizes and names: long documents, endless decompression, archives, labels and texts that
would act on a terminal."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import sys
import unicodedata
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from conftest import shown_in_terminal
from corpora import zstd

from textmlr import FeaturizerOptions
from textmlr.__main__ import main
from textmlr.base.errors import InputError
from textmlr.base.printable import plain, to_json
from textmlr.corpus import blocks as blocks_module
from textmlr.corpus import byte_streams, decompression
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.formats import csv as csv_corpus
from textmlr.corpus.formats.lines import read_lines
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.reading import read_corpus, scan
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.features import long_documents
from textmlr.features.featurizer import Featurizer
from textmlr.features.ngrams import Hasher
from textmlr.model.model import Model
from textmlr.model.record import Record

TEXTS = [
    b"The cat sat; the CAT ran, and the dog sat on the cat.",
    "中文́字,和 e\u0301mojis \U0001f600\U0001f600 \U0001f468\u200d\U0001f469 x".encode(),
    b"\xff\xfe\xc3\xc3 a\xe4\xb8 b\xf0\x9f\x98 \xed\xa0\x80 c\x80\x80\x80",
    b"abcdefghij" * 30,
    ("\u0301" * 40 + "a" + "\u0301" * 40).encode(),
    b"   ",
    b"a",
]
WAYS = [
    FeaturizerOptions(ngrams=(1, 2)),
    FeaturizerOptions(ngrams=(2, 5), char_ngrams=(3, 5)),
    FeaturizerOptions(ngrams=None, char_ngrams=(1, 4), lowercase=False),
    FeaturizerOptions(ngrams=(3, 3), punctuation=False, min_token_length=2),
]


class TestLongDocuments:
    @pytest.mark.parametrize("options", WAYS)
    @pytest.mark.parametrize("tokens", [1, 2, 7])
    def test_pieces_are_read_as_the_whole(
        self, options: FeaturizerOptions, tokens: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hasher = Hasher(options.decided())
        blocks = [batches_of([text])[0] for text in (*TEXTS, b" ".join(TEXTS))]
        whole = [hasher.hash(block) for block in blocks]
        monkeypatch.setattr(blocks_module, "GIANT_BYTES", 0)
        monkeypatch.setattr(long_documents, "PIECE_TOKENS", tokens)
        for block, expected in zip(blocks, whole, strict=True):
            found = hasher.hash(block)
            for name in ("hashes", "counts", "places", "offsets"):
                assert np.array_equal(getattr(found, name), getattr(expected, name)), name
            assert np.array_equal(found.tokens.starts, expected.tokens.starts)
            assert found.invalid == expected.invalid

    def test_tables_grow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        text = " ".join(map(str, range(70_000))).encode()
        block = batches_of([text])[0]
        hasher = Hasher(FeaturizerOptions(ngrams=(1, 1)).decided())
        expected = hasher.hash(block)
        monkeypatch.setattr(blocks_module, "GIANT_BYTES", 0)
        found = hasher.hash(block)
        assert len(found.hashes) == 70_000
        assert np.array_equal(found.hashes, expected.hashes)

    @pytest.mark.parametrize("hash_bits", [None, 3])
    def test_answers_are_the_same(
        self, hash_bits: int | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        options = FeaturizerOptions(ngrams=(1, 2), char_ngrams=(4, 4), hash_bits=hash_bits)
        featurizer = Featurizer(options).fit(TEXTS)
        theta = np.random.default_rng(1).normal(size=(featurizer.columns, 3)).astype(np.float32)
        model = Model(["a", "b", "c"], featurizer, [theta], Record())
        expected = model.probabilities(TEXTS), featurizer.transform(TEXTS)
        monkeypatch.setattr(blocks_module, "GIANT_BYTES", 8)
        monkeypatch.setattr(long_documents, "PIECE_TOKENS", 3)
        assert np.array_equal(model.probabilities(TEXTS), expected[0])
        rows = featurizer.transform(TEXTS)
        assert np.array_equal(rows.toarray(), expected[1].toarray())

    def test_long_documents_are_blocks_of_their_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        batch = batches_of(["a", "b" * 20, "c", "d", "e" * 30, "f" * 30])[0]
        monkeypatch.setattr(blocks_module, "GIANT_BYTES", 10)
        assert [len(block) for block in blocks_of([batch])] == [1, 1, 2, 1, 1]
        assert [len(block) for block in blocks_of([batch], most=1)] == [1] * 6

    def test_more_ngrams_than_can_be_numbered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(blocks_module, "GIANT_BYTES", 0)
        monkeypatch.setattr(long_documents, "MOST_GRAMS", 10)
        with pytest.raises(InputError, match="53 bytes has more than 10 n-grams; cut it"):
            Hasher(WAYS[0].decided()).hash(batches_of(TEXTS[:1])[0])


def _feather(table: pa.Table, path: Path) -> None:
    feather.write_feather(table, str(path), compression="zstd")


class TestDecompression:
    @pytest.mark.parametrize(
        ("ending", "compress"),
        [(".gz", gzip.compress), (".bz2", bz2.compress), (".zst", zstd), (".xz", lzma.compress)],
    )
    def test_bombs(
        self,
        ending: str,
        compress: Callable[[bytes], bytes],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        path = tmp_path / f"bomb.tsv{ending}"
        path.write_bytes(compress(b"a\tb\n" * 500_000))
        assert len(read_corpus([path])) == 500_000  # no more than any file may come to
        monkeypatch.setattr(decompression, "FREE_BYTES", 1 << 20)
        monkeypatch.setattr(decompression, "MOST_RATIO", 100)
        with pytest.raises(InputError, match=r"over 100 times as many.*compression_limit=False"):
            read_corpus([path])
        with pytest.raises(InputError, match="over 100 times as many"):
            list(scan([path]))
        with pytest.raises(InputError, match="over 100 times as many"):
            read_lines(path)
        assert len(read_corpus([path], ReadingOptions(compression_limit=False))) == 500_000
        assert len(read_lines(path, compression_limit=False)) == 500_000
        assert sum(map(len, scan([path], ReadingOptions(compression_limit=False)))) == 500_000

    @pytest.mark.parametrize("dictionary", [False, True])
    @pytest.mark.parametrize("kind", ["parquet", "feather"])
    def test_bombs_of_tables(
        self, kind: str, dictionary: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table = pa.table({"label": ["a"] * 300, "text": ["x" * 10_000] * 300})
        path = tmp_path / f"bomb.{kind}"
        if kind == "parquet":
            pq.write_table(table, path, compression="zstd", use_dictionary=dictionary)
        else:
            _feather(table, path)
        assert len(read_corpus([path])) == 300
        monkeypatch.setattr("textmlr.corpus.decompression.FREE_BYTES", 1 << 20)
        monkeypatch.setattr("textmlr.corpus.decompression.MOST_RATIO", 20)
        with pytest.raises(InputError, match="over 20 times as many"):
            read_corpus([path])
        assert len(read_corpus([path], ReadingOptions(compression_limit=False))) == 300

    def test_windows_that_take_too_much_memory(self, tmp_path: Path) -> None:
        frame = b"\x28\xb5\x2f\xfd\x00\xa8" + ((4 << 3) | 1).to_bytes(3, "little") + b"a\tb\n"
        (tmp_path / "window.tsv.zst").write_bytes(frame)  # of 2 GiB, RFC 8878, 3.1.1.1.2
        with pytest.raises(InputError, match="more than 128 MiB of memory"):
            read_corpus([tmp_path / "window.tsv.zst"])
        path = tmp_path / "dictionary.tsv.xz"
        own = {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 26}
        path.write_bytes(lzma.compress(b"a\tb\n", filters=[own]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(byte_streams, "XZ_MEMORY", 1 << 25)
            with pytest.raises(InputError, match="more than 32 MiB of memory"):
                read_corpus([path])
        assert len(read_corpus([path])) == 1

    def test_xz_streams_one_after_the_other(self, tmp_path: Path) -> None:
        path = tmp_path / "two.tsv.xz"
        path.write_bytes(lzma.compress(b"a\tb\n") + lzma.compress(b"c\td\n") + b"\0junk")
        assert read_corpus([path]).labels == ["a", "c"]

    @pytest.mark.parametrize("ending", [".zip", ".tar", ".tgz", ".tar.gz", ".7z"])
    def test_archives_by_name(self, ending: str, tmp_path: Path) -> None:
        path = tmp_path / f"corpus{ending}"
        path.write_bytes(gzip.compress(b"a\tb\n") if ending.endswith("gz") else b"a\tb\n")
        with pytest.raises(InputError, match="archives are not unpacked; unpack it"):
            read_corpus([path])

    @pytest.mark.parametrize(
        "magic", [b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"\0" * 257 + b"ustar"]
    )
    def test_archives_by_their_bytes(self, magic: bytes, tmp_path: Path) -> None:
        for name, data in (("x.tsv", magic), ("y.tsv.gz", gzip.compress(magic))):
            (tmp_path / name).write_bytes(data)
            with pytest.raises(InputError, match="archives are not unpacked"):
                read_corpus([tmp_path / name])


class TestFolders:
    def test_links(self, tmp_path: Path) -> None:
        (tmp_path / "there" / "a").mkdir(parents=True)
        (tmp_path / "there" / "a" / "1.txt").write_text("one")
        corpus = tmp_path / "corpus"
        (corpus / "b").mkdir(parents=True)
        (corpus / "a").symlink_to(tmp_path / "there" / "a")
        (corpus / "b" / "2.txt").symlink_to(tmp_path / "there" / "a" / "1.txt")
        assert read_corpus([corpus]).labels == ["a", "b"]
        (corpus / "b" / "loop").symlink_to(corpus)
        with pytest.raises(InputError, match="loop: a link to a folder"):
            read_corpus([corpus])

    def test_pipes_are_not_waited_for(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        os.mkfifo(tmp_path / "a" / "pipe")
        with pytest.raises(InputError, match="pipe: neither a file nor a folder"):
            read_corpus([tmp_path])


class TestManyColumns:
    def test_rows_come_in_blocks_of_bounded_size(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "wide.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label", *map(str, range(8))])
            for i in range(50):
                writer.writerow([f"text\n{i}", "ab"[i % 2], *["\n"] * 8])
        whole = pa.Table.from_batches([chunk.table for chunk in scan([path])])
        monkeypatch.setattr(csv_corpus, "MOST_FIELDS", 60)
        for size in (1 << 20, 100):
            chunks = list(scan([path], chunk_bytes=size))
            assert max(map(len, chunks)) <= 7
            assert pa.Table.from_batches([chunk.table for chunk in chunks]).equals(whole)
            assert [chunk.first for chunk in chunks][-1] + len(chunks[-1]) == 51


def test_json_nested_deep_and_huge_numbers(tmp_path: Path) -> None:
    path = tmp_path / "deep.jsonl"
    good = json.dumps({"text": "x", "label": "a"})
    for bad, told in (
        (f'{{"text": {"[" * 10**5}', "nested too deeply|not JSON"),
        (f'{{"text": "x", "label": {"9" * 10_000}}}', "an integer of more digits than can be read"),
        ('{"text": "x", "label": 1e999}', "is Infinity, not a name"),
    ):
        path.write_text(f"{good}\n{bad}\n")
        with pytest.raises(InputError, match=told) as caught:
            read_corpus([path])
        assert len(str(caught.value)) < 500


def test_blank_lines_alone(tmp_path: Path) -> None:
    path = tmp_path / "blank.tsv"
    path.write_bytes(b"\n" * 1000)
    with pytest.raises(InputError, match="line 1: blank line"):
        read_corpus([path])
    with pytest.raises(InputError, match="all 1000 lines are bad"):
        read_corpus([path], ReadingOptions(skip_bad_lines=True))


# What acts on a terminal, hides, or turns the direction of writing.
HOSTILE = [
    "\x1b[2J\x1b[31mred",
    "\x1b]52;c;aGk=\x07",
    "\x1b]8;;http://x.invalid\x1b\\link",
    "\x9b2J",
    "\u202eevil\u202c",
    "\u2067iso\u2069",
    "\u200fmark\u200e",
    "ze\u200bro\ufeff",
    "\u2028line\u2029",
    "tab\tin",
    "line\nin\r\nit",
    "[bold]rich[/x]",
    "emoji \U0001f600",
    "a\x7fb\x08c",
    "q\"uo'te",
    "<script>alert(1)</script>&amp;",
    "=1+1",
]


def unsafe(text: str, keep: str = "\n") -> set[str]:
    """What must not be shown."""
    kinds = {c: unicodedata.category(c) for c in set(text).difference(keep)}
    return {c for c, kind in kinds.items() if kind[0] == "C" or kind in ("Zl", "Zp")}


def test_plain_and_json() -> None:
    for text in HOSTILE:
        assert not unsafe(plain(text), "")
        assert not unsafe(to_json({text: [text]}), "")
        assert json.loads(to_json({text: [text]})) == {text: [text]}
    assert plain("é 中\u00a0") == "é 中\u00a0"
    assert plain("a\u200db\n", "\u200d") == "a\u200db\\n"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, a document and a model, whose names are hostile too."""
    folder = tmp_path_factory.mktemp("hostile")
    with (folder / "c\x1b[2J\u202e.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for label in HOSTILE:
            for i in range(6):
                writer.writerow([f"word{i} {label} own{HOSTILE.index(label)}", label])
    (folder / "d\x1b[2J\u202e.txt").write_text(" ".join(HOSTILE), encoding="utf-8")
    run(folder, "train", "c\x1b[2J\u202e.csv", "-o", "m\x1b[2J\u202e.textmlr")
    return folder


def run(folder: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    """stdout and stderr of a command, which are safe to show."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    ended = 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setenv("COLUMNS", "300")
        patch.setattr(sys, "argv", ["textmlr", *arguments])
        try:
            main()
        except SystemExit as left:
            ended = int(left.code or 0)
    shown = []
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
        shown.append(stream.read())
    assert ended == code, shown
    assert unsafe(shown[0], "\n\t\u200d") == set(), arguments
    assert unsafe(shown[1]) == set(), arguments
    return shown[0], shown[1]


C, D, M = "c\x1b[2J\u202e.csv", "d\x1b[2J\u202e.txt", "m\x1b[2J\u202e.textmlr"
VERBS = [
    ["train", C, "-o", "again\x1b[2J.textmlr", "--ngrams", "1-1", "--char-ngrams", "none"],
    ["tune", C, "-o", "tuned\x1b[2J.textmlr", "--trials", "1", "--cv", "2"],
    ["update", M, C, "-o", "updated\x1b[2J.textmlr"],
    ["update", M, C, "-o", "updated\x1b[2J.textmlr", "--test", C],
    ["classify", "-m", M, D],
    ["classify", "-m", M, "--lines", D, "--top", "1"],
    ["classify", "-m", M, "--corpus", C, "-o", "o\x1b[2J.csv"],
    ["explain", "-m", M, D, "--flip", "--html", "why\x1b[2J.html"],
    ["explain", "-m", M, D, "--label", "[bold]rich[/x]", "--against", "\x1b[2J\x1b[31mred"],
    ["evaluate", "-m", M, C],
    ["compare", M, M, C],
    ["top", M],
    ["top", M, "-k", "3"],
    ["info", M],
    ["featurize", C, "-o", "x\x1b[2J.svm"],
    ["export", M, "--output-format", "json", "-o", "m\x1b[2J.json"],
    ["compress", M, C, "-o", "small\x1b[2J.textmlr", "--max-size", "20kB"],
]
WITH_JSON = [verb for verb in VERBS if "--html" not in verb]


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_every_verb_shows_nothing_that_acts(verb: list[str], hostile: Path) -> None:
    run(hostile, *verb)


@pytest.mark.slow
@pytest.mark.parametrize("verb", WITH_JSON, ids=lambda verb: verb[0])
def test_json_of_every_verb(verb: list[str], hostile: Path) -> None:
    out, _ = run(hostile, *verb, "--json")
    for line in out.splitlines():
        json.loads(line)


def test_what_is_refused_shows_nothing_that_acts(hostile: Path) -> None:
    for arguments in (
        ["classify", "-m", "no\x1b[2J\u202e.textmlr", D],
        ["classify", "-m", M, D, "--label", "\x1b[2Jno"],
        ["classify", "-m", D, D],
        ["train", "no\x1b[2J\u202e.tsv"],
        ["train", C, "--text-column", "\x1b[2J"],
        ["train", C, "--\x1b[2J"],
        ["\x1b[2J"],
        ["top", M, "--label", "\u202eno"],
        ["evaluate", "-m", M, D],
    ):
        _, err = run(hostile, *arguments, code=2)
        assert "Error: " in err


def test_warnings_show_nothing_that_acts(hostile: Path) -> None:
    name = "bad\x1b[2J\u202e.tsv"
    (hostile / name).write_text("a\tone\nno tab\nb\ttwo\n" * 9, encoding="utf-8")
    _, err = run(hostile, "train", name, "-o", "w.textmlr", "--skip-bad-lines")
    assert "Warning: skipped 9 bad lines (first: bad\\x1b[2J\\u202e.tsv, line 2" in err


def test_probabilities_that_do_not_fit(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", lambda name: 1)
    _, err = run(hostile, "evaluate", "-m", M, C, code=2)
    assert "probabilities of 102 documents × 17 labels need" in err


def test_labels_are_carried_exactly(hostile: Path) -> None:
    out, _ = run(hostile, "info", M, "--json")
    assert json.loads(out)["labels"] == sorted(HOSTILE)
    run(hostile, "classify", "-m", M, "--corpus", C, "-o", "exact.csv")
    with (hostile / "exact.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == set(HOSTILE)
    assert {row["predicted"] for row in rows} <= set(HOSTILE)
    assert "=1+1" in {row["label"] for row in rows}  # formulas are text, and stay what they are


def test_pages(hostile: Path) -> None:
    run(hostile, "explain", "-m", M, D, "--flip", "--html", "why.html")
    page = (hostile / "why.html").read_text(encoding="utf-8")
    assert unsafe(page, "\n\t\u200c\u200d") == set()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("verb", [["classify"], ["explain"]], ids=lambda verb: verb[0])
def test_terminals(verb: list[str], hostile: Path) -> None:
    command = [sys.executable, "-m", "textmlr", *verb, "-m", M, D]
    shown, code = shown_in_terminal(command, hostile)
    assert code == 0
    for payload in ("\x1b[2J", "\x1b]", "\x9b", "\x07", "\u202e", "\u2067", "\u200b"):
        assert payload not in shown
