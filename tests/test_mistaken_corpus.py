"""A corpus that is given as one document, or as plain lines: whatever its kind, it is refused where
that is certain, and told of where it is likely."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import textmlr
from textmlr.cli import cli
from textmlr.corpus.formats.mistaken_document import corpus_in, likely_corpus_in

TEXTS = [
    "a robot in a lonely orbit",
    "the sheriff rode into town",
    "robot engine, and a laser",
    "an old saddle, a new horse",
]
OWN = ["scifi", "western"] * 2
OTHERS = ["spam, bought", "ham"] * 2


def _table(labels: list[str], *, delimiter: str = ",", header: str = "") -> str:
    rows = [
        f'"{label}"{delimiter}"{number} {text}"'
        for number, (label, text) in enumerate(zip(labels * 5, TEXTS * 5, strict=True))
    ]
    return "\n".join([*([header] if header else []), *rows]) + "\n"


def _tsv(labels: list[str]) -> str:
    pairs = zip(labels * 5, TEXTS * 5, strict=True)
    return "".join(f"{label}\t{text}\n" for label, text in pairs)


def _objects(labels: list[str], key: str) -> list[dict[str, object]]:
    return [{key: text, "is": label} for label, text in zip(labels * 5, TEXTS * 5, strict=True)]


CERTAIN = {
    "labels of the model, tabs": _tsv(OWN),
    "several labels of the model, tabs": _tsv(["scifi|western", "western"] * 2),
    "several labels of the model, commas": _table(["scifi;western", "western;scifi"] * 2),
    "labels of the model, commas": _table(OWN),
    "labels of the model, semicolons": _table(OWN, delimiter=";"),
    "a named column": _table(OTHERS, header="kind,review"),
    "fastText's lines": "".join(f"__label__{t.split()[0]} {t}\n" for t in TEXTS),
    "lines of another prefix": "".join(f"__class__{t.split()[0]} {t}\n" for t in TEXTS),
    "JSON lines": "".join(json.dumps(o) + "\n" for o in _objects(OTHERS, "text")),
    "nested JSON lines": "".join(
        json.dumps({"data": o, "id": 1}) + "\n" for o in _objects(OTHERS, "text")
    ),
    "a JSON array": json.dumps(_objects(OTHERS, "sentence"), indent=2),
    "a JSON array on one line": json.dumps(_objects(OTHERS, "text")) + "\n\n",
    "an export of nested objects": json.dumps([{"data": o} for o in _objects(OTHERS, "text")]),
}
LIKELY = {
    "other labels, tabs": _tsv(OTHERS),
    "other labels, commas": _table(OTHERS),
    "other labels, pipes": _table(OTHERS, delimiter="|", header="kind|words"),
    "other keys": "".join(json.dumps(o) + "\n" for o in _objects(OTHERS, "prompt")),
}
# The text's column has to be named, or the export to be known.
NO_MEND = ("other keys", "an export of nested objects")
NEITHER = {
    "prose": "Robots, and the like,\nfly in orbit. The sheriff,\nhowever, rides.\n" * 9,
    "a list of words": "robot\norbit\nengine\nlaser\n" * 9,
    "columns of one word": "robot\torbit\nhorse\tsaddle\n" * 9,
    "lines that never repeat": "".join(f"name {i}\twords of number {i}\n" for i in range(50)),
    "a JSON array of numbers": json.dumps(list(range(50)), indent=1),
    "one object": json.dumps(_objects(OWN, "text")[0], indent=2),
    "code": "import os, re\nprint(os, re)\nfor a, b in c:\n    d = [a, b]\n" * 9,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model") / "genres.textmlr"
    textmlr.train(TEXTS * 3, OWN * 3).save(path)
    return str(path)


def _run(*words: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, words)))


def _mend(said: str, path: Path) -> list[str]:
    """The words of the command that a message gives, from --corpus on."""
    command = said[said.index("--corpus") :].split(" reads the text")[0].strip()
    words = shlex.split(command)
    assert words[1] == str(path)
    return words


@pytest.mark.parametrize("kind", CERTAIN)
@pytest.mark.parametrize("verb", ["classify", "explain"])
def test_a_corpus_is_no_document(kind: str, verb: str, model: str, tmp_path: Path) -> None:
    path = tmp_path / "given.txt"
    path.write_text(CERTAIN[kind], encoding="utf-8")
    done = _run(verb, "-m", model, path)
    assert isinstance(done.exception, textmlr.InputError)
    assert "is a corpus, not one document" in str(done.exception)
    assert f"--corpus {path}" in str(done.exception)


@pytest.mark.parametrize("kind", LIKELY)
@pytest.mark.parametrize("verb", ["classify", "explain"])
def test_what_looks_like_a_corpus_is_told_of(
    kind: str, verb: str, model: str, tmp_path: Path
) -> None:
    path = tmp_path / "given.txt"
    path.write_text(LIKELY[kind], encoding="utf-8")
    done = _run(verb, "-m", model, path)
    assert done.exit_code == 0, done.output
    assert "given.txt looks like a corpus" in done.stderr
    assert f"--corpus {path}" in done.stderr


@pytest.mark.parametrize("kind", NEITHER)
def test_other_texts_pass_in_silence(kind: str, model: str, tmp_path: Path) -> None:
    text = NEITHER[kind].encode()
    assert corpus_in(text, OWN) is None
    assert likely_corpus_in(text) is None
    path = tmp_path / "given.txt"
    path.write_bytes(text)
    for words in (["classify", path], ["classify", "--lines", path], ["explain", path]):
        done = _run(*words, "-m", model)
        assert done.exit_code == 0, done.output
        assert "corpus" not in done.stderr


@pytest.mark.parametrize("kind", [*CERTAIN, *LIKELY])
def test_lines_of_a_corpus_are_told_of(kind: str, model: str, tmp_path: Path) -> None:
    path = tmp_path / "given.txt"
    path.write_text((CERTAIN | LIKELY)[kind], encoding="utf-8")
    for words in (["classify", "--lines", path], ["explain", "--lines", path, "--number", 1]):
        done = _run(*words, "-m", model)
        assert done.exit_code == 0, done.output
        assert "each was taken whole" in done.stderr
        assert f"--corpus {path}" in done.stderr


@pytest.mark.parametrize("verb", ["classify", "explain"])
def test_long_lines_of_a_corpus_are_told_of(verb: str, model: str, tmp_path: Path) -> None:
    """Though the bytes that are looked at end within one of the first rows."""
    path = tmp_path / "given.txt"
    row = {"text": "a robot in a lonely orbit " * 400, "is": "scifi"}
    path.write_text((json.dumps(row) + "\n") * 20, encoding="utf-8")
    number = ["--number", 1] if verb == "explain" else []
    done = _run(verb, "--lines", path, *number, "-m", model)
    assert done.exit_code == 0, done.output
    assert "each was taken whole" in done.stderr


@pytest.mark.parametrize("kind", [kind for kind in [*CERTAIN, *LIKELY] if kind not in NO_MEND])
def test_the_mend_reads_the_text_alone(kind: str, model: str, tmp_path: Path) -> None:
    """The command that the message gives works, and its predictions are those of the texts."""
    path = tmp_path / "given.txt"
    path.write_text((CERTAIN | LIKELY)[kind], encoding="utf-8")
    told = _run("classify", "-m", model, "--lines", path).stderr
    words = _mend(told, path)
    words[words.index("-o") + 1] = str(tmp_path / "answers.jsonl")
    done = _run("classify", "-m", model, *words)
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    texts = TEXTS * (len(rows) // len(TEXTS))
    plain = textmlr.load(model).predict(texts).tolist()
    assert [row["predicted"] for row in rows] == plain
