"""Tables of three columns with tabs between are no label<TAB>text; verbs with a model read lines of
other programs as in training, and say what they read."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from textmlr import InputError, ReadingOptions, read_corpus
from textmlr.cli import cli
from textmlr.corpus.formats.usual_lines import shape_of, usual_mallet, usual_prefix
from textmlr.corpus.reading import scan
from textmlr.corpus.taken_columns import Taken

_WORDS = {"scifi": ("robot", "orbit", "laser"), "western": ("sheriff", "saddle", "horse")}
OWN = [
    (label, f"the {_WORDS[label][i % 3]} of number {i} came at noon")
    for i, label in enumerate(["scifi", "western"] * 15)
]
FAST = ("--holdout", 0, "--epochs", 1, "--ngrams", 1)
HEADLESS = {  # a line, the place of the label and that of the text
    "id label text": ("{i}\t{label}\t{text}\n", "2", "3"),
    "text label id": ("{text}\t{label}\t{i}\n", "2", "1"),
    "id text label": ("{i}\t{text}\t{label}\n", "3", "2"),
    "id date label text": ("{i}\t2024-05-{i}\t{label}\t{text}\n", "3", "4"),
}


def _lines(form: str) -> str:
    return "".join(form.format(i=i, label=label, text=text) for i, (label, text) in enumerate(OWN))


def _write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def _run(*words: object, code: int = 0, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(cli, list(map(str, words)), input=stdin)
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def _refused(*words: object, stdin: str | None = None) -> str:
    """The error of a command."""
    return str(_run(*words, code=1, stdin=stdin).exception)


def _pairs(path: Path, options: ReadingOptions) -> list[tuple[str, str]]:
    corpus = read_corpus(path, options)
    return [(corpus.labels[y], corpus.text(i)) for i, y in enumerate(corpus.y.tolist())]


# ------------------------------------------------------------------ tables with tabs
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["a.tsv", "a.txt", "a"])
@pytest.mark.parametrize("names", ["id\tlabel\ttext", "Nr\tReview\tClass", "label\ttext\tid"])
def test_plain_names(tmp_path: Path, names: str, name: str, encoding: str) -> None:
    first = names.lower().split("\t")
    form = "\t".join(
        {"id": "{i}", "nr": "{i}", "label": "{label}", "class": "{label}"}.get(one, "{text}")
        for one in first
    )
    path = _write(tmp_path / name, f"{names}\n" + _lines(form + "\n"), encoding)
    with pytest.raises(InputError, match=r"names of 3 columns .* line of names: .*format='csv'"):
        read_corpus(path)
    assert _pairs(path, ReadingOptions("csv")) == OWN


def test_plain_names_from_standard_input_and_of_many_labels(tmp_path: Path) -> None:
    text = "id\tlabel\ttext\n" + _lines("1\t{label}\t{text}\n")  # the "labels" stand again
    said = _refused("train", "-", "-o", tmp_path / "m", stdin=text)
    assert said.endswith("read it by its line of names: --format csv")
    path = _write(tmp_path / "two.tsv", "id\tlabel\ttext\n1\ta\tb\n")
    with pytest.raises(InputError, match="names of 3 columns"):
        read_corpus(path)


@pytest.mark.parametrize("kind", HEADLESS)
def test_without_names(tmp_path: Path, kind: str) -> None:
    form, label, text = HEADLESS[kind]
    path = _write(tmp_path / "a.tsv", _lines(form))
    said = _refused("train", path, "-o", tmp_path / "m")
    mend = f"--format csv --no-header --label-column {label} --text-column {text}"
    assert said.endswith(f"say {mend}")
    options = ReadingOptions("csv", header=False, label_column=label, text_column=text)
    assert _pairs(path, options) == OWN
    with pytest.raises(InputError, match="30 of 30 labels stand once"):
        list(scan(path, labelled=False, chunk_bytes=100))


def test_with_names_of_its_own(tmp_path: Path) -> None:
    text = "Nr\tBeschreibung\tAbteilung\n" + _lines("{i}\t{text}\t{label}\n")
    path = _write(tmp_path / "a.txt", text, "utf-16")
    columns = ("--text-column", "Beschreibung", "--label-column", "Abteilung")
    said = _refused("train", path, "-o", tmp_path / "m")
    assert said.endswith(f"read it by its line of names: {' '.join(columns)}")
    own = ReadingOptions(text_column="Beschreibung", label_column="Abteilung")
    assert _pairs(path, own) == OWN


def test_a_verb_without_labels_names_no_label_column(tmp_path: Path) -> None:
    model = tmp_path / "m"
    _run("train", _write(tmp_path / "t.tsv", _lines("{label}\t{text}\n")), "-o", model, "-q", *FAST)
    for form in ("{text}\t{label}\n", "{i}\t{label}\t{text}\n"):
        path = _write(tmp_path / "a.tsv", _lines(form))
        words = ("--corpus", path, "-o", tmp_path / "answers.csv")
        said = _refused("classify", "-m", model, *words)
        assert "--no-header --text-column " in said
        assert "label_column" not in said
        assert "--label-column" not in said


@pytest.mark.parametrize(
    "lines",
    [
        [f"{label}\t{i}\t{text}\n" for i, (label, text) in enumerate(OWN)],
        [f"{label}\t{text}\tsame\tother\n" for label, text in OWN],
        [f"{label}\t{text}" + "\tx" * (i % 3) + "\n" for i, (label, text) in enumerate(OWN)],
        [f"word{i}\t{text}\t{text[::-1]}\n" for i, (_, text) in enumerate(OWN)],
        [f"word{i}\tsame\t{text}\n" for i, (_, text) in enumerate(OWN)],
        [f"word{i}\t{label}\t{text}\n" for i, (label, text) in enumerate(OWN[:7])],
        ["topic\tthe text\tof label\n", *(f"{label}\t{text}\n" for label, text in OWN)],
    ],
)
def test_genuine_lines(tmp_path: Path, lines: list[str]) -> None:
    """Labels that stand again; words and what they mean; few lines; a first line of prose."""
    path = _write(tmp_path / "a.tsv", "".join(lines))
    corpus = read_corpus(path)
    pairs = [(corpus.labels[y], corpus.text(i)) for i, y in enumerate(corpus.y.tolist())]
    assert pairs == [tuple(line.rstrip("\n").split("\t", 1)) for line in lines]


def test_weights_stand_between(tmp_path: Path) -> None:
    lines = "".join(f"word{i}\t{1 + i % 2}\t{text}\n" for i, (_, text) in enumerate(OWN))
    path = _write(tmp_path / "a.tsv", lines)
    assert len(read_corpus(path, ReadingOptions(weighted=True))) == len(OWN)


# ------------------------------------------------------------------ lines as in training
LINES = {  # a line, options of training, what is said
    "mallet": ("doc{i} {label} {text}\n", ("--format", "mallet"), "MALLET's lines"),
    "tabs": ("doc{i}\t{label}\t{text}\n", ("--format", "mallet"), "MALLET's lines"),
    "prefix": (
        "#cat/{label} {text}\n",
        ("--label-prefix", "#cat/"),
        "fastText's lines with labels after #cat/",
    ),
    "end": ("{text} __label__{label}\n", ("--format", "fasttext"), "fastText's lines"),
}


@pytest.mark.parametrize("kind", LINES)
def test_verbs_with_a_model_read_its_lines(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    form, options, shape = LINES[kind]
    _write(tmp_path / "a.txt", _lines(form))
    assert (
        f"read as {shape} (2 labels)" in _run("train", "a.txt", *options, *FAST, "-o", "m").stdout
    )
    told = f"read as {shape}, as in training"
    evaluated = _run("evaluate", "-m", "m", "a.txt").stdout
    assert told in evaluated
    assert "2 labels" in evaluated
    done = _run("classify", "-m", "m", "--corpus", "a.txt", "-o", "a.csv")
    assert f"corpus     {told}" in done.stderr
    texts = [line.split(",")[0] for line in (tmp_path / "a.csv").read_text().splitlines()[1:]]
    assert [text.strip() for text in texts] == [text for _, text in OWN]
    assert told in _run("explain", "-m", "m", "--corpus", "a.txt", "--number", 2).stderr
    # Other lines are read as ever, and that is said.
    _write(tmp_path / "b.txt", _lines("{text}\n"))
    said = _run("classify", "-m", "m", "--corpus", "b.txt", "-o", "b.csv").stderr
    assert "corpus     read as a document a line\n" in said
    _write(tmp_path / "b.tsv", _lines("{label}\t{text}\n"))
    said = _run("classify", "-m", "m", "--corpus", "b.tsv", "-o", "b.csv").stderr
    assert "corpus     read as lines of label<TAB>text\n" in said


def test_mallet_is_known_by_its_ending(tmp_path: Path) -> None:
    for number, form in enumerate(("d{i} {label} {text}\n", "d{i}\t{label}\t{text}\n")):
        path = _write(tmp_path / f"{number}.mallet", _lines(form))
        assert _pairs(path, ReadingOptions()) == OWN


def test_what_is_no_line_of_the_model() -> None:
    mallet = [Taken("MALLET's lines")]
    generator = random.Random(3)
    words = [f"word{i}" for i in range(90)]
    prose = "".join(" ".join(generator.sample(words, 6)) + "\n" for _ in range(40)).encode()
    for head in (b"", b"\n\n", b"word\n", prose, b"a x y\n" * 9):
        assert not usual_mallet(head, mallet)
    for shape in (shape_of(None), shape_of("__label__")):
        assert shape == "fastText's lines"
    prefix = [Taken(shape_of("#"))]
    assert usual_prefix(b"#a text\n", prefix) == "#"
    assert usual_prefix(b"a text\n#a text\n", prefix) is None
    assert usual_prefix(b"#a text\n", mallet) is None
