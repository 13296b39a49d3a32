"""Help: options under headings, pages that fit, and examples that work as they stand."""

from __future__ import annotations

import bz2
import gzip
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from conftest import documents, mostly_slow

from textmlr import Corpus
from textmlr.base.option_headings import FURTHER, HEADINGS, LEARN, READ, WRITE
from textmlr.cli import HEADINGS as VERB_HEADINGS
from textmlr.cli import VERBS, cli
from textmlr.cli.value_types import Number
from textmlr.cli.verb import Verb, VerbOption, heading_of
from textmlr.model.model import Model
from textmlr.training.train import train

GENRES_OF_FASTTEXT = Path(__file__).parent.parent / "data" / "genres.ftz"
MOST_FIRST = 18  # options of --help: "about ten", and those of every verb
WIDTHS = (60, 80, 100)
# What an example writes to: the file comes after these.
OUTPUTS = ("-o", "--output", "--html", "--report", "--scorer", "--journal", ">")
# Without a line of text in them, or files of other programs.
NOT_MADE = ("report",)


def command_of(verb: str) -> click.Command:
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    return found


COMMANDS = {verb: command_of(verb) for verb in VERBS}
VERBS_OF_OURS = [verb for verb, one in COMMANDS.items() if isinstance(one, Verb)]
EXAMPLES = [
    (verb, line) for verb, one in COMMANDS.items() if isinstance(one, Verb) for line in one.examples
]


def page(*arguments: str, width: int = 80) -> str:
    found = CliRunner().invoke(cli, arguments, terminal_width=width, max_content_width=100)
    assert found.exit_code == 0, (arguments, found.output, found.exception)
    return found.output


def options(verb: str) -> Iterator[click.Option]:
    for one in COMMANDS[verb].get_params(click.Context(COMMANDS[verb])):
        if isinstance(one, click.Option) and not one.hidden:
            yield one


def test_every_verb_is_one_of_ours() -> None:
    assert set(VERBS_OF_OURS) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_a_heading(verb: str) -> None:
    for one in options(verb):
        if "--help" not in one.opts:
            assert isinstance(one, VerbOption), one.opts
            assert heading_of(one) is not FURTHER, one.opts
        assert heading_of(one) in HEADINGS


@pytest.mark.parametrize("verb", VERBS)
def test_few_options_first_and_all_with_help_all(verb: str) -> None:
    first = [one for one in options(verb) if heading_of(one).first]
    rest = [one for one in options(verb) if not heading_of(one).first]
    assert len(first) <= MOST_FIRST
    told = page(verb, "--help")
    for one in first:
        assert re.search(rf"^  .*{re.escape(_term(one))}", told, re.MULTILINE), one.opts
    for one in rest:
        assert not re.search(rf"^  {re.escape(_term(one))}\b", told, re.MULTILINE), one.opts
    if not rest and "\f" not in (COMMANDS[verb].help or ""):
        assert "--help-all" not in told
        return
    everything = page(verb, "--help-all")
    for one in (*first, *rest):
        assert _term(one) in everything, one.opts


def _term(option: click.Option) -> str:
    name = max(option.opts, key=len)
    return f"--[no-]{name[2:]}" if option.secondary_opts else name


def test_train_begins_with_what_to_read_to_learn_and_to_write() -> None:
    told = page("train", "--help")
    titles = re.findall(r"^(\w[^\n]*):$", told, re.MULTILINE)
    assert titles[:3] == [READ.title, LEARN.title, WRITE.title]
    assert titles[-1] == "Examples"
    for name in ("--text-column", "--label-column", "--ngrams", "--epochs", "--class-weight", "-o"):
        assert name in told
    for name in ("--learning-rate", "--memory", "--hidden", "‖", "θ", "λ"):
        assert name not in told
        assert name in page("train", "--help-all")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("verb", ["", *VERBS])
def test_pages_fit(verb: str, width: int) -> None:
    for asked in ("--help", "--help-all"):
        if asked == "--help-all" and not any(asked in one.opts for one in _params(verb)):
            continue
        told = page(*([verb] if verb else []), asked, width=width)
        for line in told.partition("\nExamples:")[0].splitlines():
            assert len(line) <= width, line
        for line in told.splitlines():
            assert len(line) <= max(80, width), line
        assert told.endswith("\n")
        assert not told.endswith("\n\n")
        assert "\f" not in told
        assert "\b" not in told


def _params(verb: str) -> list[click.Parameter]:
    return COMMANDS[verb].params if verb else cli.params


@pytest.mark.parametrize("verb", VERBS)
def test_defaults_and_metavars_say_something(verb: str) -> None:
    """No default stands in brackets of its own or ends in .0, and no metavar repeats its name."""
    told = page(verb, "--help-all" if "--help-all" in page(verb, "--help") else "--help")
    flat = " ".join(told.split())
    assert "[default: (" not in flat
    assert not re.search(r"\[default: [\d.]*\.0\]", flat)
    assert "[default: None]" not in flat
    for one in options(verb):
        name = max(one.opts, key=len).strip("-")
        if isinstance(one.type, Number):
            assert (one.metavar or "").lower() != name, one.opts
        assert one.help, one.opts
        assert one.help[0].isupper() or one.help.split()[0].islower()
        sentence = one.help.rstrip("]").split("  [")[0]
        assert sentence.endswith((".", ")")), one.opts


def test_the_verbs_stand_under_headings() -> None:
    told = page("--help")
    assert [verb for verbs in VERB_HEADINGS.values() for verb in verbs] == list(VERBS)
    for heading, verbs in VERB_HEADINGS.items():
        assert f"\n{heading}:\n  {verbs[0]} " in told
    assert "..." not in told.partition("Options:")[2]  # no summary is cut


# ---------------------------------------------------------------- examples
@pytest.fixture(scope="module")
def genres(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, str]]]:
    """A model with the labels that examples name, and its documents."""
    names = {"romance": "fantasy"}
    rows = [(names.get(label, label), text) for label, text in documents(300, 1)]
    labels, texts = zip(*rows, strict=True)
    path = tmp_path_factory.mktemp("examples") / "genres.textmlr"
    train(Corpus.of(list(texts), list(labels))).save(path)
    return path, rows


def make(word: str, model: Path, rows: list[tuple[str, str]]) -> None:
    """The file that a word of an example names, if it names one."""
    path = Path(word)
    ending = "".join(path.suffixes)
    texts = [text for _, text in rows]
    tsv = "".join(f"{label}\t{text}\n" for label, text in rows).encode()
    table = {"review": [text for _, text in rows], "stars": [label for label, _ in rows]}
    plain = word.startswith(("shop", "frame")) or "--text-column" in word
    if not plain:
        table = {"text": table["review"], "label": table["stars"]}
    lines = zip(*table.values(), strict=True)
    csv = ",".join(table) + "\n" + "".join(",".join(row) + "\n" for row in lines)
    made: dict[str, bytes] = {
        ".tsv": tsv,
        ".tsv.gz": gzip.compress(tsv),
        ".tsv.bz2": bz2.compress(tsv),
        ".csv": csv.encode(),
        ".jsonl": "".join(
            json.dumps({"text": text, "label": label}) + "\n" for label, text in rows
        ).encode(),
        ".txt": "\n".join(texts[:5] if word.startswith("d") else texts * 4).encode(),
        ".textmlr": model.read_bytes(),
        ".bin": GENRES_OF_FASTTEXT.read_bytes(),
        ".ftz": GENRES_OF_FASTTEXT.read_bytes(),
        ".toml": b"[train]\nepochs = 2\n",
    }
    if ending == ".parquet":
        pyarrow.parquet.write_table(pa.table(table), word)
    elif ending in made:
        path.write_bytes(made[ending])


def asked(line: str) -> tuple[list[str], bytes | None, set[str]]:
    """The words after textmlr of an example, its standard input by the file that it comes from, and
    the files that it writes."""
    stdin = None
    written: set[str] = set()
    words: list[str] = []
    for part in line.partition("#")[0].split(" | "):
        own = shlex.split(part.replace(" > ", " '>' "))
        if own[0] in ("zcat", "tail", "cat", "head"):
            stdin = own[-1].encode()
        elif own[0] == "echo":
            stdin = None
        elif own[0] == "textmlr":
            words = own[1:]
    for before, word in pairwise(words):
        if before in OUTPUTS:
            written.add(word)
    if ">" in words:
        words = words[: words.index(">")]
    assert words, line
    return words, stdin, written


def test_examples_are_walked() -> None:
    assert len(EXAMPLES) > 25
    assert {verb for verb, _ in EXAMPLES} == set(VERBS)
    for verb, line in EXAMPLES:
        assert f"textmlr {verb}" in line, line


@pytest.mark.parametrize(
    ("verb", "line"),
    mostly_slow(EXAMPLES, [one for one in EXAMPLES if "--report" not in one[1]]),
    ids=[line for _, line in EXAMPLES],
)
def test_examples_work(
    verb: str,
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    genres: tuple[Path, list[tuple[str, str]]],
) -> None:
    monkeypatch.chdir(tmp_path)
    model, rows = genres
    words, source, written = asked(line)
    for word in ["model.textmlr", "doc.txt", *words, (source or b"").decode()]:
        if word not in written and word not in NOT_MADE:
            make(word, model, rows)
    stdin = None
    if source is not None:
        stdin = Path(source.decode()).read_bytes()
        if source.endswith(b".gz"):
            stdin = gzip.decompress(stdin)
    if verb == "tune":
        words += ["--trials", "2"]
    if "onnx" in line:
        pytest.importorskip("onnx")
    if "--report" in line:
        pytest.importorskip("matplotlib")
    done = CliRunner().invoke(cli, words, input=stdin)
    assert done.exit_code == 0, (line, done.output, done.exception)
    for one in written - {"-"}:
        if ">" not in line:
            assert Path(one).exists(), line
    if verb == "train":
        Model.load("model.textmlr" if not written else written.pop())


def test_help_imports_little() -> None:
    """Pages are quick: they import nothing that computes, reads or draws."""
    heavy = "numba scipy pyarrow numpy rich tomllib textmlr.kernels".split()
    code = (
        "import sys\nfrom textmlr.__main__ import main\ntry:\n    main()\nexcept SystemExit:\n"
        f"    print([one for one in {heavy} if one in sys.modules])\n"
    )
    for arguments in (["--help"], ["train", "--help"], ["train", "--help-all"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True)
        assert done.stdout.decode().splitlines()[-1] == "[]", arguments


def test_quiet_where_there_is_something_to_hide(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    genres: tuple[Path, list[tuple[str, str]]],
) -> None:
    """Every verb that writes a file has --quiet, and then says nothing."""
    monkeypatch.chdir(tmp_path)
    for word in ("m.textmlr", "m.ftz", "c.tsv", "d.txt"):
        make(word, *genres)
    commands = {
        "train": "c.tsv --epochs 1",
        "import": "m.ftz",
        "tune": "c.tsv --trials 1",
        "update": "m.textmlr c.tsv",
        "classify": "-m m.textmlr --corpus c.tsv -o a.csv",
        "featurize": "c.tsv -o X.npz",
        "export": "m.textmlr -o m.json",
        "compress": "m.textmlr -o s.textmlr --max-size 20kB",
    }
    assert set(commands) == {
        verb for verb in VERBS for one in options(verb) if "--quiet" in one.opts
    }
    writing = {verb for verb in VERBS for one in options(verb) if "--output" in one.opts}
    assert writing == set(commands)
    for verb, words in commands.items():
        loud = CliRunner().invoke(cli, [verb, *words.split()])
        assert loud.exit_code == 0, (verb, loud.output)
        assert loud.output, verb
        quiet = CliRunner().invoke(cli, [verb, *words.split(), "-q"])
        assert quiet.exit_code == 0, (verb, quiet.output)
        told = [line for line in quiet.output.splitlines() if not line.startswith("Warning")]
        assert told == [], verb
    refused = CliRunner().invoke(cli, ["classify", "-m", "m.textmlr", "d.txt", "-q"])
    assert "--quiet is for --corpus CORPUS" in refused.output


def test_a_file_of_options_may_have_those_of_a_corpus_for_documents(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    genres: tuple[Path, list[tuple[str, str]]],
) -> None:
    monkeypatch.chdir(tmp_path)
    for word in ("m.textmlr", "d.txt"):
        make(word, *genres)
    Path("o.toml").write_text('text-column = "text"\nquiet = true\n')
    done = CliRunner().invoke(cli, ["classify", "-m", "m.textmlr", "d.txt", "--config", "o.toml"])
    assert done.exit_code == 0, done.output
    assert "scifi\t" in done.output
