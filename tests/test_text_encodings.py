"""Text in other encodings: by its mark, by name, and what is said where it is not UTF-8."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

import textmlr
from tests.spelled_errors import as_typed
from textmlr import InputError, ReadingOptions, read_corpus
from textmlr.cli import cli
from textmlr.corpus.formats.lines import read_lines
from textmlr.corpus.likely_encoding import likely_encoding
from textmlr.corpus.reading import scan
from textmlr.corpus.text_encodings import DecodedReader, first_invalid, unmarked

ROWS = [
    ("gut", "Die Straße ist schön"),
    ("schlecht", "Über 100 € für 1 Bier"),
    ("gut", "ja"),
]


def tsv() -> str:
    return "".join(f"{label}\t{text}\n" for label, text in ROWS)


def csv() -> str:
    return "label,text\r\n" + "".join(f'{label},"{text}"\r\n' for label, text in ROWS)


def jsonl() -> str:
    return "".join(
        json.dumps({"label": label, "text": text}, ensure_ascii=False) + "\n"
        for label, text in ROWS
    )


def fasttext() -> str:
    return "".join(f"__label__{label} {text}\n" for label, text in ROWS)


FORMATS: dict[str, Callable[[], str]] = {
    "tsv": tsv,
    "csv": csv,
    "jsonl": jsonl,
    "ft": fasttext,
}
MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
NAMED = ("cp1252", "iso8859-15", "utf-16-le", "utf-16-be", "utf-32-le", "utf-7", "gb18030", "utf-8")


def rows_of(corpus: textmlr.Corpus) -> list[tuple[str, str]]:
    return [(corpus.labels[corpus.y[i]], corpus.text(i)) for i in range(len(corpus))]


def run(*arguments: object, **options: Any) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)), **options)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("encoding", MARKED)
def test_a_mark_says_the_encoding(tmp_path: Path, encoding: str, ending: str) -> None:
    data = MARKED[encoding] + FORMATS[ending]().encode(encoding)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(data)
    assert rows_of(read_corpus(path)) == ROWS
    # The mark wins over a name.
    assert rows_of(read_corpus(path, ReadingOptions(encoding="cp1252"))) == ROWS
    for pack, packed in ((gzip.compress, ".gz"), (bz2.compress, ".bz2")):
        Path(f"{path}{packed}").write_bytes(pack(data))
        assert rows_of(read_corpus(f"{path}{packed}")) == ROWS
    named = ReadingOptions(format="fasttext" if ending == "ft" else ending)  # type: ignore[arg-type]
    assert rows_of(read_corpus("-", named, stdin=io.BytesIO(data))) == ROWS
    assert rows_of(read_corpus("-", named, stdin=io.BytesIO(gzip.compress(data)))) == ROWS
    for size in (1, 7, 1 << 20):
        texts = [
            chunk.batch[i] for chunk in scan(path, chunk_bytes=size) for i in range(len(chunk))
        ]
        assert [text.decode() for text in texts] == [text for _, text in ROWS]
    live = [chunk.batch[i] for chunk in scan(path, live=True) for i in range(len(chunk))]
    assert [text.decode() for text in live] == [text for _, text in ROWS]


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("encoding", NAMED)
def test_an_encoding_is_named(tmp_path: Path, encoding: str, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(FORMATS[ending]().encode(encoding))
    assert rows_of(read_corpus(path, ReadingOptions(encoding=encoding))) == ROWS
    assert rows_of(read_corpus(path, ReadingOptions(encoding=encoding.upper()))) == ROWS


@pytest.mark.slow
def test_files_of_other_encodings_give_the_same_model(tmp_path: Path) -> None:
    text = "".join(f"{label}\t{text} {i}\n" for i in range(20) for label, text in ROWS)
    models = []
    for encoding in ("utf-8", "utf-16", "cp1252"):
        path = tmp_path / "a.tsv"
        path.write_bytes(text.encode(encoding))
        own = encoding if encoding == "cp1252" else None
        models.append(textmlr.train(path, reading=ReadingOptions(encoding=own)))
    assert all((models[0].theta == other.theta).all() for other in models[1:])


def test_folders_of_text(tmp_path: Path) -> None:
    for number, (label, text) in enumerate(ROWS):
        (tmp_path / "c" / label).mkdir(parents=True, exist_ok=True)
        encoding = "utf-16" if number else "utf-8"
        (tmp_path / "c" / label / f"{number}.txt").write_bytes(text.encode(encoding))
    assert sorted(rows_of(read_corpus(tmp_path / "c"))) == sorted(ROWS)
    (tmp_path / "c" / "gut" / "0.txt").write_bytes(ROWS[0][1].encode("cp1252"))
    corpus = read_corpus(tmp_path / "c")
    assert re.search(r"0\.txt, line 1: not UTF-8, .* looks like cp1252: ", corpus.notes[0])
    (tmp_path / "c" / "gut" / "0.txt").write_bytes("good\ntoo".encode("utf-16-be"))
    with pytest.raises(InputError, match=r"0\.txt: looks like UTF-16 .*utf-16-be"):
        read_corpus(tmp_path / "c")


def test_pipes_of_a_slow_writer() -> None:
    """train --stream reads what is there, in other encodings too: a character may be cut."""
    data = codecs.BOM_UTF16_LE + tsv().encode("utf-16-le")
    reader, writer = os.pipe()

    def write() -> None:
        for i in range(0, len(data), 3):
            os.write(writer, data[i : i + 3])
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    with open(reader, "rb", buffering=0) as file:
        chunks = list(scan("-", ReadingOptions(format="tsv"), live=True, stdin=file))
    thread.join()
    assert [chunk.batch[i].decode() for chunk in chunks for i in range(len(chunk))] == [
        text for _, text in ROWS
    ]


# ------------------------------------------------------------------ what is not as it is said
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_no_mark_and_no_name(tmp_path: Path, encoding: str, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(FORMATS[ending]().encode(encoding))
    with pytest.raises(InputError) as caught:
        read_corpus(path)
    assert as_typed(caught.value) == (
        f"{path}: looks like {encoding[:6].upper()} without a byte order mark, by its zero bytes; "
        f"say --encoding {encoding}"
    )
    with pytest.raises(InputError, match="without a byte order mark"):
        read_lines(path)
    assert read_lines(path, encoding=encoding)[0].decode() == FORMATS[ending]().splitlines()[0]


def test_utf_16_of_other_letters() -> None:
    for text in ("好\t你好，世界。\n坏\t再见\n", "да\tпривет мир\n", "נכון\tשלום\n"):
        for encoding in ("utf-16-le", "utf-16-be"):
            assert unmarked((text * 5).encode(encoding)) == encoding
    for data in (b"", b"a\0b\0", b"a\tx\n", b"a\tb\0\nc\td\0\n", b"\0\0", tsv().encode()):
        assert unmarked(data * 5) is None or data == b"a\0b\0"


BAD_BYTES = [
    ("cp1252", b"a\tx\nb\ty\x81\n", 2, 7, "81"),
    ("shift-jis", b"a\t\x82\xa0\nb\t\xff\n", 2, 7, "ff"),
    ("utf-8", b"a\t\xc3\xa9\nb\n\xe9\n", 3, 7, "e9"),
    ("utf-16-le", "a\tx\n".encode("utf-16-le") + b"\x00\xd8a\0", 2, 8, "00 d8"),
    ("ascii", b"a\t\xe9\n", 1, 2, "e9"),
    ("gb18030", b"a\tx\n\x81", 2, 4, "81"),
]


@pytest.mark.parametrize(("encoding", "data", "line", "at", "shown"), BAD_BYTES)
def test_bytes_that_the_encoding_does_not_have(
    tmp_path: Path, encoding: str, data: bytes, line: int, at: int, shown: str
) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(data)
    told = f"{path}, line {line}: byte {at} ({shown}) is not {encoding}; make sure that it is "
    for size in (1, 2, 3, 100):
        with pytest.raises(InputError) as caught:
            list(
                scan(
                    path,
                    ReadingOptions("lines", encoding=encoding),
                    labelled=False,
                    chunk_bytes=size,
                )
            )
        assert str(caught.value).startswith(told)
    assert as_typed(caught.value).endswith(f"{encoding}, or say another --encoding")


def test_half_a_character(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(b"a\tx\nb\t+2AA-\n")
    with pytest.raises(InputError, match=r"line 2: half a character \('\\ud800'\)"):
        read_corpus(path, ReadingOptions(encoding="utf-7"))


@pytest.mark.parametrize("ending", FORMATS)
def test_what_is_not_utf_8_is_told_with_line_and_likely_encoding(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(FORMATS[ending]().encode("cp1252"))
    line = 2 if ending == "csv" else 1
    told = (
        f"{path}, line {line}: not UTF-8, and read as U+FFFD; it looks like cp1252: "
        "--encoding cp1252 reads it so"
    )
    assert told in read_corpus(path).notes
    for size in (1, 1 << 20):
        invalid = [chunk.invalid for chunk in scan(path, chunk_bytes=size) if chunk.invalid]
        assert [(one.name, one.line) for one in invalid] == [(str(path), line)]
    done = run("train", path, "-q", "-o", tmp_path / "m")
    assert told in " ".join(done.stderr.split()), done.stderr
    assert not read_corpus(path, ReadingOptions(encoding="cp1252")).notes


def test_other_verbs_tell_it_too(tmp_path: Path) -> None:
    model, text = tmp_path / "m.textmlr", tmp_path / "a.txt"
    textmlr.train([text for _, text in ROWS], [label for label, _ in ROWS]).save(model)
    corpus = tmp_path / "a.tsv"
    corpus.write_bytes(tsv().encode("cp1252"))
    text.write_bytes("Straße\nund schöne Wege\n".encode("cp1252"))
    plain = tmp_path / "u.txt"
    plain.write_text("Straße\nund schöne Wege\n")
    told = "not UTF-8, and read as U+FFFD; it looks like cp1252: --encoding cp1252 reads it so"
    for words in (
        ["evaluate", model, corpus],
        ["classify", model, "--corpus", corpus, "-o", tmp_path / "o.csv"],
        ["featurize", corpus, "-o", tmp_path / "o.npz"],
        ["update", model, corpus, "-o", tmp_path / "n"],
        ["classify", model, "--lines", text],
        ["classify", model, text],
    ):
        done = run(*words)
        assert done.exit_code == 0, done.output
        assert told in " ".join(done.stderr.split()), (words, done.stderr)
        done = run(*words, "--encoding", "cp1252")
        assert done.exit_code == 0, done.output
        assert "UTF-8" not in done.stderr, done.stderr
    for words in (["classify", model], ["classify", model, "--lines"], ["explain", model]):
        right = run(*words, plain)
        again = run(*words, text, "--encoding", "cp1252")
        assert right.stdout.replace("u.txt", "a.txt") == again.stdout


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_documents_with_a_mark(tmp_path: Path, encoding: str) -> None:
    model, text = tmp_path / "m.textmlr", tmp_path / "a.txt"
    textmlr.train([text for _, text in ROWS], [label for label, _ in ROWS]).save(model)
    text.write_text("Die schöne Straße")
    right = run("classify", model, text).stdout
    text.write_bytes("Die schöne Straße".encode(encoding))
    assert run("classify", model, text).stdout == right
    assert run("classify", model, "-", input=text.read_bytes()).stdout == right.replace(
        str(text), "-"
    )
    text.write_bytes("Die schöne Straße".encode("utf-16-be"))
    done = run("classify", model, text)
    assert "say --encoding utf-16-be" in as_typed(done.exception)  # type: ignore[arg-type]


def test_tables_have_no_encoding(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"label": ["a", "b"], "text": ["x", "y"]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"whose text is UTF-8 always; leave .*encoding"):
        read_corpus(tmp_path / "a.parquet", ReadingOptions(encoding="cp1252"))


@pytest.mark.parametrize("name", ["base64", "rot13", "zlib", "hex", "bz2", "quopri", "uu", "idna"])
def test_codecs_that_are_no_text(name: str) -> None:
    with pytest.raises(InputError, match=f"encoding='{name}' is not one that Python has for text"):
        ReadingOptions(encoding=name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("utf8x", "utf-8"), ("cp125", "cp1252"), ("shiftjis2", "shift-jis")],
)
def test_names_that_are_slips(name: str, meant: str) -> None:
    with pytest.raises(InputError) as caught:
        ReadingOptions(encoding=name)
    assert f"did you mean {meant}?" in str(caught.value)
    for odd in ("", "a\0b", "ü", "x" * 10_000, "klingon"):
        with pytest.raises(InputError, match="is not one that Python has for text"):
            ReadingOptions(encoding=odd)


# ------------------------------------------------------------------ guesses
SENTENCES = {
    "fr": "Le café était fermé à cause d’une grève générale; nous y allons, ça va",
    "de": "Die Straße nach Köln war für Fußgänger gesperrt, über Nacht",
    "es": "El niño pequeño comió una manzana en la montaña; ¿qué pasó mañana?",
    "pt": "A situação não é boa, o coração e as mãos estão cansados, você já está",
    "sv": "Hästen gick över ån för att äta gräs på ängen, flickan såg på",
    "pl": "Chrząszcz brzmi w trzcinie, książka była świetna, zażółć gęślą jaźń",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy, to je velmi hezké město v Čechách",
    "hu": "Árvíztűrő tükörfúrógép, a gyönyörű kislány és a nagyon jó könyv őszintén",
    "tr": "Bugün hava çok güzel, çocuklar dışarıda oynuyor, öğretmen şimdi geliyor mu",
    "lt": "Šiandien labai gražus oras, vaikai žaidžia kieme, ąžuolas ir ežeras čia",
    "ru": "Сегодня хорошая погода, и мы пошли гулять в парк. Книга была интересной",
    "el": "Σήμερα ο καιρός είναι καλός και πήγαμε στο πάρκο. Το βιβλίο ήταν καλό",
    "he": "היום מזג האוויר יפה והלכנו לפארק. הספר היה מעניין מאוד",
    "ar": "الطقس جميل اليوم وذهبنا إلى الحديقة. كان الكتاب مثيرا للاهتمام",
    "th": "วันนี้อากาศดีมาก เราไปเดินเล่นในสวนสาธารณะ หนังสือน่าสนใจมาก",
    "ja": "今日は天気がいいので、公園を散歩しました。この本はとても面白かったです。",
    "zh": "今天天气很好，我们去公园散步。这本书非常有意思，但是有点长。",
    "tw": "今天天氣很好，我們去公園散步。這本書非常有意思，但是有點長。",
    "ko": "오늘은 날씨가 좋아서 공원에서 산책했습니다. 이 책은 아주 재미있었습니다.",
}
ENCODINGS = {
    "fr de es pt sv": "cp1252 latin-1 cp850 mac-roman",
    "pl cs hu": "cp1250 iso8859-2 cp852",
    "tr": "cp1254 iso8859-9",
    "lt": "cp1257",
    "ru": "cp1251 koi8-r iso8859-5 cp866 mac-cyrillic",
    "el": "cp1253 iso8859-7",
    "he": "cp1255",
    "ar": "cp1256 iso8859-6",
    "th": "cp874",
    "ja": "shift-jis euc-jp",
    "zh": "gb18030 gbk",
    "tw": "big5",
    "ko": "cp949 euc-kr",
}


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        (language, encoding)
        for languages, encodings in ENCODINGS.items()
        for language in languages.split()
        for encoding in encodings.split()
    ],
)
def test_likely_encodings(language: str, encoding: str) -> None:
    """The guess reads the text as it is, by whatever name."""
    data = f"pos\t{SENTENCES[language]}\n".encode(encoding, "ignore")
    found = likely_encoding(data)
    assert found is not None
    assert data.decode(found) == data.decode(encoding)


@pytest.mark.parametrize("text", ["café", "naïve", "Straße", "señor", "10 €", "it’s", "«oui»", "Å"])
def test_one_letter_is_enough(text: str) -> None:
    data = f"a\t{text} and words\n".encode("cp1252")
    assert data.decode(likely_encoding(data) or "") == f"a\t{text} and words\n"


def test_damaged_utf_8_is_no_other_encoding() -> None:
    damaged = ("Die Straße ist schön und für alle da. " * 20).encode() + b"\xff"
    assert likely_encoding(damaged) is None
    assert likely_encoding(b"\x00\x01\xff\xfe\x81\x8d" * 20) is None


# ------------------------------------------------------------------ properties
@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=60),
    st.sampled_from(["utf-8", "utf-16-le", "utf-32-be", "gb18030", "utf-7"]),
    st.integers(0, 5),
    st.integers(1, 9),
)
def test_decoding_in_pieces(text: str, encoding: str, head: int, size: int) -> None:
    data = text.encode(encoding)
    reader = DecodedReader(data[:head], io.BytesIO(data[head:]), encoding, "f")
    found = b""
    while piece := reader.read(size):
        assert len(piece) <= size
        found += piece
    assert found.decode() == text


@given(st.lists(st.sampled_from([b"a", b"\n", "é".encode(), "好".encode(), b"\xff", b"\xc3"])))
def test_first_invalid(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    try:
        data.decode()
        right = -1
    except UnicodeDecodeError as error:
        right = error.start
    assert first_invalid(np.frombuffer(data, np.uint8)) == right


def test_first_invalid_across_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textmlr.corpus.text_encodings._PIECE", 4)
    for n in range(12):
        for text in ("é", "好", "🙂"):
            data = b"x" * n + text.encode() * 3
            assert first_invalid(np.frombuffer(data, np.uint8)) == -1
            for cut in range(1, len(text.encode())):
                bad = data[:-cut]
                with pytest.raises(UnicodeDecodeError) as caught:
                    bad.decode()
                assert first_invalid(np.frombuffer(bad, np.uint8)) == caught.value.start
