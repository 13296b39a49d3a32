"""Files that can be read, and yet are not what was meant: quotes that take rows with them, files
put together, columns the wrong way round, encodings mixed or named in vain."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from textmlr import Corpus, InputError, ReadingOptions, read_corpus
from textmlr.corpus.reading import scan

SKIP = ReadingOptions(skip_bad_lines=True)
ROWS = [(f"label {i % 3}", f"Größe und Menge von Äpfeln {i}, früh") for i in range(30)]
QUOTED = [f'{label},"{text}"\n' for label, text in ROWS]
NAMES = "label,text\n"


def read(path: Path, data: str | bytes, options: ReadingOptions | None = None) -> Corpus:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_corpus(path, options)


@pytest.mark.parametrize("escape", [None, "\\"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quote_that_is_never_closed_loses_lines_that_are_counted(
    tmp_path: Path, escape: str | None, end: str
) -> None:
    below = [row.replace('"', "") for row in QUOTED[10:]]
    data = (NAMES + "".join(QUOTED[:10]) + 'a,"open\n' + "".join(below)).replace("\n", end)
    options = ReadingOptions(csv_escape=escape)
    with pytest.raises(InputError, match=r"line 12: .* never closed, and 20 lines below belong"):
        read(tmp_path / "a.csv", data, options)
    corpus = read_corpus(tmp_path / "a.csv", ReadingOptions(csv_escape=escape, skip_bad_lines=True))
    assert (len(corpus), corpus.skipped) == (10, 21)
    with pytest.raises(InputError, match=r"line 12: .* is never closed; close it"):
        read(tmp_path / "b.csv", NAMES + "".join(QUOTED[:10]) + 'a,"open\n', options)


@pytest.mark.parametrize("escape", [None, "\\"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_a_quote_that_another_row_closes(
    tmp_path: Path, escape: str | None, end: str, size: int
) -> None:
    data = (NAMES + "".join(QUOTED[:10]) + 'a,"open\n' + "".join(QUOTED[10:])).replace("\n", end)
    options = ReadingOptions(csv_escape=escape)
    with pytest.raises(InputError, match=r"line 12: .* in another, .* 1 line below belongs"):
        read(tmp_path / "a.csv", data, options)
    path = tmp_path / "a.csv"
    skipping = ReadingOptions(csv_escape=escape, skip_bad_lines=True)
    chunks = list(scan([path], skipping, chunk_bytes=size))
    assert sum(map(len, chunks)) == 29
    assert sum(chunk.skipped for chunk in chunks) == 2


@pytest.mark.parametrize("escape", [None, "\\"])
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_text_behind_a_closing_quote_is_told(tmp_path: Path, escape: str | None, size: int) -> None:
    path = tmp_path / "a.csv"
    path.write_text(NAMES + "a,plain\n" + 'a,"abc" ja\nb,"abc" \nb,"abc"d\n', encoding="utf-8")
    options = ReadingOptions(csv_escape=escape)
    corpus = read_corpus(path, options)
    assert [corpus.text(i) for i in range(4)] == ["plain", "abc ja", "abc ", "abcd"]
    (note,) = corpus.notes
    assert "a.csv, line 3: text behind a closing quote" in note
    assert "(2 such rows)" in note
    told = [chunk.told for chunk in scan([path], options, chunk_bytes=size) if chunk.told]
    assert told == [note]


def test_texts_of_several_lines_are_no_damage(tmp_path: Path) -> None:
    data = NAMES + 'a,"one\ntwo ""three"", \nfour"\nb,"five\n" \n'
    corpus = read(tmp_path / "a.csv", data)
    assert [corpus.text(i) for i in range(2)] == ['one\ntwo "three", \nfour', "five\n "]
    assert not list(corpus.notes)


@pytest.mark.parametrize("names", ["text,label", "class,review"])
def test_names_the_wrong_way_round(tmp_path: Path, names: str) -> None:
    rows = "".join(QUOTED)
    if names.startswith("class"):
        rows = "".join(f'"{text}",{label}\n' for label, text in ROWS)
    first, second = names.split(",")
    text, label = (second, first) if first == "text" else (first, second)
    mend = f"say text={text!r}, label={label!r}"
    with pytest.raises(InputError, match=f"the columns look swapped; {mend}"):
        read(tmp_path / "a.csv", f"{names}\n{rows}")
    right = read_corpus(tmp_path / "a.csv", ReadingOptions(text_column=text, label_column=label))
    assert len(right.labels) == 3
    meant = read_corpus(tmp_path / "a.csv", ReadingOptions(text_column=label, label_column=text))
    assert len(meant.labels) == 30


def test_a_dictionary_has_a_label_a_row(tmp_path: Path) -> None:
    rows = "".join(f"Wort{i},was das Wort {i} heißt\n" for i in range(40))
    assert len(read(tmp_path / "a.csv", NAMES + rows).labels) == 40
    same = "".join(f"w{i},the same long explanation of each word\n" for i in range(40))
    assert len(read(tmp_path / "b.csv", NAMES + same).labels) == 40


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("packed", [False, True])
def test_files_put_together(tmp_path: Path, mark: bytes, packed: bool) -> None:
    part = mark + (NAMES + "".join(QUOTED)).encode()
    data = gzip.compress(part) * 3 if packed else part * 3
    corpus = read(tmp_path / ("a.csv.gz" if packed else "a.csv"), data)
    (note,) = corpus.notes
    assert "line 32: the line of column names again" in note
    assert "(2 such rows)" in note
    table = (NAMES + "".join(QUOTED)).encode() + mark + "".join(QUOTED).encode()
    notes = list(read(tmp_path / "b.csv", table).notes)
    assert len(notes) == bool(mark)
    assert all("line 32: a byte order mark within the file" in note for note in notes)


def test_a_file_of_two_encodings(tmp_path: Path) -> None:
    good, other = "".join(QUOTED[:15]).encode(), "".join(QUOTED[15:]).encode("cp1252")
    for data, line in ((good + other, 17), (other + good, 2)):
        (note,) = read(tmp_path / "a.csv", NAMES.encode() + data).notes
        assert f"line {line}: not UTF-8" in note
        assert "mixes UTF-8 and cp1252" in note
        assert "--encoding" not in note
    (note,) = read(tmp_path / "a.csv", NAMES.encode() + other).notes
    assert "mixes" not in note
    assert "--encoding cp1252 reads it so" in note


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp949", "gb18030"])
def test_an_encoding_is_named_in_vain(tmp_path: Path, encoding: str) -> None:
    text = "ä é ö ü 한국어 한국어\n" if len(encoding) > 5 and encoding != "latin-1" else "grün\n"
    if encoding == "cp949":
        text = "한국어 한국어\n"
    path = tmp_path / "a.tsv"
    path.write_text(f"a\t{text}" * 4, encoding="utf-8")
    try:
        notes = list(read_corpus(path, ReadingOptions(encoding=encoding)).notes)
    except InputError:
        return  # it cannot be decoded so
    assert len(notes) == 1
    assert "valid UTF-8" in notes[0]
    assert f"leave out --encoding {encoding}" in notes[0]
    path.write_bytes(("a\tgrün\n" * 4).encode("cp1252"))
    assert not list(read_corpus(path, ReadingOptions(encoding="cp1252")).notes)


@pytest.mark.parametrize("encoding", ["unicode_escape", "raw_unicode_escape", "Unicode-Escape"])
def test_escapes_of_python_are_no_encoding(encoding: str) -> None:
    with pytest.raises(InputError, match="not one that Python has for text"):
        ReadingOptions(encoding=encoding)


@pytest.mark.parametrize(
    ("name", "data", "options", "said"),
    [
        ("a.tsv", "a\tone\rb\ttwo\r", {}, "carriage returns alone"),
        ("a.ft", "__label__a one\r__label__b two\r", {}, "carriage returns alone"),
        ("a.csv", 'label, text\na, "b, c"\n', {}, "delete the space"),
        ("a.csv", "label,text\na,b\n", {"csv_escape": ","}, "stands between the fields, too"),
        ("a.csv", "label,text\na,b\0\n", {}, "skip"),
    ],
)
def test_what_to_do_is_said(
    tmp_path: Path, name: str, data: str, options: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path / name, data, ReadingOptions(**options))  # type: ignore[arg-type]


def test_rows_are_told_as_they_come() -> None:
    data = io.BytesIO((NAMES + "".join(QUOTED) + NAMES).encode())
    chunks = list(scan(["-"], ReadingOptions("csv"), stdin=data, live=True))
    assert sum(map(len, chunks)) == 31
    assert any("column names again" in chunk.told for chunk in chunks)
