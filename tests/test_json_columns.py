"""JSON lines that Arrow reads give what Python's json gives, or are left to it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from textmlr.base.errors import InputError
from textmlr.corpus.formats import json_columns, json_objects
from textmlr.corpus.reading import read_corpus, scan
from textmlr.corpus.reading_options import ReadingOptions

LABELS = rb"""
"x"  " x "  ""  " "  3  "3"  3.0  3e0  -0  -0.0  true  "true"  null  [1]  {"a":1}  NaN  Infinity
Inf  1e400  01  +1  9223372036854775807  9223372036854775808  123456789012345678901234567890
"\ud800"  "\udc00"  "\ud83d\ude00"  "\u0000"  'x'  "2020-01-01"  "\x"
""".split(b"  ")
# The last two are the largest float32 and the whole number above it.
WEIGHTS = b"""
2 0.1 -0.0 -1 1e400 "1" true null NaN Inf 12345678901234567890123 1e39 [] 3.5e38
340282346638528859811704183484516925440 340282346638528859811704183484516925441
""".split()
OTHERS = [
    *rb'NaN Infinity -Infinity Inf -Inf -NaN [-NaN] "-NaN" "Inf" ":Inf,"'.split(),
    *rb'[Inf] {"text":1} 1. .5 1e 00 tru "\ud800" [{},{}] [1,]'.split(),
    b"-   Inf",
    b"[" * 3000 + b"]" * 3000,
    b"[" * 400 + b"]" * 400,
    b"1" * 5000,
    b"-" + b"1" * 5000,
    b'"' + b"1" * 5000 + b'"',
    b'"\xff"',
    b'"\x00"',
]
GOOD = b'{"text": "a", "label": "x", "weight": 1}'
LINES = [
    *(GOOD.replace(b'"x"', label.strip()) for label in LABELS),
    *(
        GOOD.replace(b'"x"', label)
        for label in (b'"a\tb"', b'"\xff"', b'"\xef\xbf\xbd"', b'"\x7f"')
    ),
    *(GOOD.replace(b"1}", weight + b"}") for weight in WEIGHTS),
    *(GOOD.replace(b"1}", b'1, "z": ' + other + b"}") for other in OTHERS),
    GOOD.replace(b'"a"', b'"a", "text": "b"'),
    GOOD.replace(b'"a"', rb'"a", "te\u0078t": "b"'),
    GOOD.replace(b'"text"', rb'"te\u0078t"'),
    GOOD.replace(b"1}", b'1, "z": 1, "z": 2}'),
    GOOD + b" " + GOOD,
    GOOD + b' {"z": {}\n' + GOOD[1:],
    GOOD + b' {"z": 1,\n' + GOOD[1:],
    GOOD.replace(b", ", b",\r"),
    GOOD.replace(b"}", b",}"),
    GOOD + b"/**/",
    GOOD + b"\x00",
    b" " + GOOD + b" ",
    GOOD.replace(b'"a"', b"5"),
    GOOD.replace(b'"a"', b"null"),
    GOOD.replace(b'"a"', b'"\\ud800 \xff \xc3\xa9 \\u00e9 \\n\\u0000"'),
    *(b'{"label": "x"}', b"{}", b"[1]", b"3", b'"x"', b"", b" ", b"\x0c", b"\xef\xbb\xbf{}"),
]


def outcome(path: Path, options: ReadingOptions) -> Any:
    """Rows of a file, and what is said of its bad ones; or its error."""
    rows: list[Any] = []
    try:
        for chunk in scan([path], options, tables=False):
            assert chunk.labels is not None
            assert chunk.weights is not None
            codes, names = chunk.labels
            texts = (chunk.batch[i] for i in range(len(chunk)))
            rows += zip(texts, (names[i] for i in codes), chunk.weights.tolist(), strict=True)
            rows.append((chunk.first, chunk.skipped, chunk.examples))
    except InputError as error:
        return str(error)
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("first", [b'"y"', b"4", b"false", b"1.5"])
def test_lines_are_read_as_python_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bytes, skip: bool
) -> None:
    """Whatever the first label is, of whose type Arrow expects all to be."""
    tables = []
    own = json_columns.columns_of
    monkeypatch.setattr(
        json_objects, "columns_of", lambda *asked: tables.append(own(*asked)) or tables[-1]
    )
    path = tmp_path / "a.jsonl"
    options = ReadingOptions(weighted=True, skip_bad_lines=skip)
    begin = GOOD.replace(b'"x"', first) + b"\n"
    for line in (one.replace(b'"x"', first) for one in LINES):
        path.write_bytes(begin + line + b"\r\n\n" + begin)
        outcomes = []
        for by_arrow in (True, False):
            monkeypatch.setattr(json_objects, "pays", lambda lines, by_arrow=by_arrow: by_arrow)
            outcomes.append(outcome(path, options))
        assert outcomes[0] == outcomes[1], line
    read = sum(table is not None for table in tables)
    assert read == 0 if first == b"1.5" else read > 20  # or the test has shown nothing


def test_many_lines_are_read_by_arrow_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_objects, "PART_BYTES", 1 << 16)
    rng = random.Random(0)
    rows = [
        {"n": [i], "text": "é[" * rng.randrange(40) + str(i), "label": rng.choice("ab")}
        for i in range(50_000)
    ]
    path = tmp_path / "a.jsonl"
    path.write_text(
        "\n".join(json.dumps(row, ensure_ascii=i % 2 == 0) for i, row in enumerate(rows))
    )
    corpus = read_corpus([path])
    assert len(corpus.batches) > 10
    texts = [batch[i].decode() for batch in corpus.batches for i in range(len(batch))]
    assert texts == [row["text"] for row in rows]
    assert [corpus.labels[code] for code in corpus.y.tolist()] == [row["label"] for row in rows]
    path.write_text(path.read_text() + "\n{}\n")
    with pytest.raises(InputError, match=r"a\.jsonl, line 50001: no text: the object is empty"):
        read_corpus([path])
