"""One grammar of the command line: models, documents and messages in every verb alike."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from conftest import shown_in_terminal

from textmlr.base.errors import InputError
from textmlr.base.magic_bytes import is_model_file, models_in
from textmlr.cli import VERBS, cli, suggestions
from textmlr.cli.answer_bars import BarWriter
from textmlr.cli.terminal import cells
from textmlr.corpus.formats.mistaken_document import corpus_in

MODELS = Path(__file__).parent / "models"
CORPUS = "romance\ta wedding and a kiss\nscifi\ta robot in orbit\nwestern\tthe sheriff's horse\n"
# What each verb needs besides its model.
AFTER = {
    "classify": "doc.txt",
    "explain": "doc.txt",
    "evaluate": "test.tsv",
    "top": "",
    "info": "",
    "featurize": "test.tsv -o x.npz",
    "export": "-o out.json",
    "compress": "-o small.textmlr --max-size 100kB",
    "update": "test.tsv -o new.textmlr --no-holdout",
}
NO_USUAL_MODEL = ("featurize",)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: two models, a corpus and a document."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TEXTMLR_MODEL", raising=False)
    for number, name in enumerate(("genres.textmlr", "other.textmlr")):
        shutil.copy(MODELS / "linear.textmlr", name)
        os.utime(name, (1e9 - number, 1e9 - number))  # genres is the newest
    Path("test.tsv").write_text(CORPUS, encoding="utf-8")
    Path("doc.txt").write_text("a robot in orbit", encoding="utf-8")
    return tmp_path


def run(line: str) -> Result:
    return CliRunner().invoke(cli, shlex.split(line))


def answered(line: str) -> str:
    """What a command prints, without the times in it."""
    result = run(line)
    assert result.exit_code == 0, (line, result.output, result.exception)
    for name in ("new.textmlr", "small.textmlr"):  # they would be models like any other
        Path(name).unlink(missing_ok=True)
    return "\n".join(row for row in result.stdout.split("\n") if "seconds" not in row)


def refused(line: str) -> str:
    """The message of a command that is refused."""
    result = run(line)
    assert result.exit_code != 0, (line, result.output)
    if isinstance(result.exception, InputError):
        return str(result.exception)
    assert result.exit_code == 2, (line, result.output, result.exception)
    return result.stderr


def mended(line: str) -> str:
    """The command that the message of a refused one names, which must work."""
    found = re.search("[:;] textmlr (.*)", refused(line))
    assert found is not None, refused(line)
    answered(found[1])
    return found[1]


@pytest.mark.parametrize("verb", AFTER)
def test_the_model_goes_the_same_way_in_every_verb(
    verb: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = AFTER[verb]
    named = answered(f"{verb} -m genres.textmlr {after}")
    assert answered(f"{verb} --model genres.textmlr {after}") == named
    assert answered(f"{verb} {after} -m genres.textmlr") == named
    assert answered(f"{verb} genres.textmlr {after}") == named
    if verb in NO_USUAL_MODEL:
        return
    assert "no model is named, and there is no model.textmlr here" in refused(f"{verb} {after}")
    monkeypatch.setenv("TEXTMLR_MODEL", "genres.textmlr")
    assert answered(f"{verb} {after}") == named
    monkeypatch.setenv("TEXTMLR_MODEL", "")
    shutil.copy("genres.textmlr", "model.textmlr")
    plain = answered(f"{verb} {after}").replace("model.textmlr", "genres.textmlr")
    assert plain.replace("model.json", "genres.json") == named


@pytest.mark.parametrize("verb", AFTER)
def test_what_is_mixed_up_is_mended(verb: str, folder: Path) -> None:
    after = AFTER[verb]
    good = f"{verb} -m genres.textmlr {after}".strip()
    assert mended(f"{verb} -m genres.textmlr other.textmlr {after}") == good
    assert mended(f"{verb} genres.textmlr other.textmlr {after}") == good
    assert mended(f"{verb} -m genres.textmlr -m other.textmlr {after}") == good
    assert mended(f"{verb} -m nothing.textmlr {after}") == good
    assert mended(f"{verb} nothing.textmlr {after}") == good
    assert mended(f"{verb} -m test.tsv {after}") == good
    if verb not in NO_USUAL_MODEL:
        assert mended(f"{verb} {after}") == good
    shutil.move("genres.textmlr", "deep.textmlr")
    os.mkdir("models")
    shutil.move("deep.textmlr", "models/genres.textmlr")
    assert mended(f"{verb} -m models {after}") == good.replace("genres", "models/genres")


@pytest.mark.parametrize("verb", [verb for verb, after in AFTER.items() if after[:1].isalpha()])
def test_words_in_the_wrong_order_are_mended(verb: str, folder: Path) -> None:
    first, *rest = AFTER[verb].split()
    good = f"{verb} -m genres.textmlr {AFTER[verb]}"
    assert mended(f"{verb} {first} genres.textmlr {' '.join(rest)}") == good
    assert mended(f"{verb} -m {first} genres.textmlr {' '.join(rest)}".strip()) in (
        good,
        " ".join([f"{verb} -m genres.textmlr", *rest, first]),
    )


def test_compare_takes_two_models(folder: Path) -> None:
    both = answered("compare genres.textmlr other.textmlr test.tsv")
    assert answered("compare -m genres.textmlr other.textmlr test.tsv") == both
    assert answered("compare -m genres.textmlr -m other.textmlr test.tsv") == both
    good = "compare genres.textmlr other.textmlr test.tsv"
    shutil.copytree(folder, "deep")
    for line in (
        "compare genres.textmlr test.tsv other.textmlr",
        "compare test.tsv genres.textmlr other.textmlr",
        "compare genres.textmlr other.textmlr test.tsv deep/other.textmlr",
        "compare genres.textmlr nothing.textmlr test.tsv",
        "compare test.tsv",
    ):
        assert mended(line) == good
    assert mended("compare other.textmlr test.tsv") == good
    assert "CORPUS" in refused("compare genres.textmlr other.textmlr")
    assert "nothing: no such file" in refused("compare genres.textmlr nothing test.tsv")


def test_a_verb_that_takes_a_model_alone(folder: Path) -> None:
    assert "top takes a model alone, not test.tsv" in refused("top genres.textmlr test.tsv")
    assert "is not a textmlr model" in refused("top test.tsv")


@pytest.mark.parametrize(
    "line",
    [
        "train genres.textmlr -o new.textmlr",
        "train genres.textmlr test.tsv -o new.textmlr",
        "tune genres.textmlr -o new.textmlr",
        "train test.tsv --validation genres.textmlr -o new.textmlr",
        "update -m genres.textmlr test.tsv --test other.textmlr -o new.textmlr",
        "classify -m genres.textmlr --corpus other.textmlr -o out.csv",
        "classify -m genres.textmlr --lines other.textmlr",
    ],
)
def test_a_model_is_no_corpus(line: str, folder: Path) -> None:
    assert "is a model, not " in refused(line)


def test_the_variable_that_names_no_model_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMLR_MODEL", "gone.textmlr")
    assert "TEXTMLR_MODEL=gone.textmlr: no such file" in refused("top")
    monkeypatch.setenv("TEXTMLR_MODEL", "doc.txt")  # no word of the command is left out
    assert refused("classify doc.txt -k 1").endswith("-m genres.textmlr doc.txt -k 1")


def test_a_missing_argument_is_told_before_the_model(folder: Path) -> None:
    for verb in ("evaluate", "update", "compare"):
        options = "-m genres.textmlr other.textmlr" if verb == "compare" else ""
        assert "Missing argument 'CORPUS...'" in refused(f"{verb} {options}")


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.textmlr")), ids=lambda path: path.stem)
def test_every_model_is_known_by_its_bytes(path: Path) -> None:
    assert is_model_file(str(path))


def test_no_other_file_is_taken_for_a_model(folder: Path) -> None:
    os.mkfifo("pipe")
    os.mkdir("x.textmlr")
    Path("empty").touch()
    Path("foreign.safetensors").write_bytes(b'\x18\0\0\0\0\0\0\0{"__metadata__":{"a":"b"}}')
    for name in ("pipe", "x.textmlr", "empty", "foreign.safetensors", "test.tsv", "gone", "a\0b"):
        assert not is_model_file(name)
    assert models_in(".") == ["genres.textmlr", "other.textmlr"]
    assert models_in("gone") == []


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        ("'a robot in orbit'", "--text 'a robot in orbit'"),
        ("a robot in orbit", "--text 'a robot in orbit'"),
        ("'a robot' doc.txt", "--text 'a robot'"),
        (f"'{'a robot in orbit ' * 100}'", f"--text '{'a robot in orbit ' * 100}'"),
    ],
)
def test_a_text_in_place_of_a_document(words: str, mend: str, folder: Path) -> None:
    message = refused(f"classify -m genres.textmlr {words}")
    assert "no such file; if that is the text itself: " in message
    assert mend in message
    if "doc.txt" not in words:
        assert mended(f"classify -m genres.textmlr {words}").endswith(mend)


def test_a_name_that_is_no_text(folder: Path) -> None:
    message = refused("classify -m genres.textmlr nothing.txt")
    assert message.startswith("nothing.txt: no such file; name a readable file")
    assert "--text" in message
    assert refused("classify -m genres.textmlr doc.txt gone.txt").startswith("gone.txt: no such")


def test_text_is_answered_as_the_file_of_it(folder: Path) -> None:
    Path("second.txt").write_text("der Bär", encoding="utf-8")
    of_files = answered("classify -m genres.textmlr doc.txt second.txt")
    of_texts = "classify -m genres.textmlr --text 'a robot in orbit' --text 'der Bär'"
    assert answered(of_texts) == of_files
    named = [json.loads(line)["document"] for line in answered(f"{of_texts} --json").splitlines()]
    assert named == ["“a robot in orbit”", "“der Bär”"]
    (broken,) = answered("classify -m genres.textmlr --json --text '\udcff robot'").splitlines()
    assert json.loads(broken)["document"] == "“\ufffd robot”"
    for others in ("doc.txt", "--lines doc.txt", "--corpus test.tsv -o x.csv"):
        assert "--text" in refused(f"classify -m genres.textmlr {others} --text x")


CORPORA = {
    "test.tsv": CORPUS.encode(),
    "crlf.tsv": CORPUS.replace("\n", "\r\n").encode(),
    "a.csv": b"id,text,label\n1,a robot,scifi\n2,a horse,western\n",
    "b.csv": b'Review;Stars\n"good; very";5\nbad;1\n',
    "c.jsonl": b'{"text": "a robot", "label": "x"}\n{"text": "a horse", "label": "y"}\n',
    "d.ft": b"__label__scifi a robot\n__label__western a horse\n",
    "e.parquet": b"PAR1\x15\x04\0",
    "f.arrow": b"ARROW1\0\0",
    "g.tsv.gz": gzip.compress(CORPUS.encode()),
}


@pytest.mark.parametrize("name", CORPORA)
def test_a_corpus_in_place_of_a_document(name: str, folder: Path) -> None:
    Path(name).write_bytes(CORPORA[name])
    command = f"classify -m genres.textmlr --corpus {name} -o answers.csv"
    message = refused(f"classify genres.textmlr {name}".replace("genres", "-m genres"))
    assert message.endswith(f"textmlr {command}"), message
    if name not in ("e.parquet", "f.arrow"):  # they are not whole
        answered(command)


def test_a_folder_in_place_of_a_document(folder: Path) -> None:
    os.makedirs("all/scifi")
    shutil.copy("doc.txt", "all/scifi")
    assert mended("classify all -m genres.textmlr") == (
        "classify -m genres.textmlr --corpus all -o answers.csv"
    )


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.bin"])
def test_other_binary_files_are_no_documents(name: str, folder: Path) -> None:
    content = {"a.pdf": b"%PDF-1.7 x", "a.docx": b"PK\x03\x04x", "a.bin": b"a\0b"}[name]
    Path(name).write_bytes(content)
    message = refused(f"classify -m genres.textmlr {name}")
    assert "give plain text" in message
    assert "--corpus" not in message


GENUINE = {
    "one line": "scifi\ta robot in orbit",
    "two columns of other names": "horse\ta\nrobot\tb\n" * 9,
    "numbers after labels": "scifi\t1\t0\nwestern\t2\t0\n",
    "a label here and there": "scifi\ta robot\nand then\nthe sheriff\ncame\n",
    "a poem": "Title, and text\nof a song, and more,\nis all there is, alas, alas\n",
    "code": "import os, text\nprint(os, text)\nx = 1\n",
    "one object": '{"text": "a robot",\n "label": "x"}\n',
    "one line of JSON": '{"text": "a robot"}\n',
    "a log of JSON without text": '{"level": 1}\n{"level": 2}\n',
    "a table without text": "a,b\n1,2\n3,4\n",
    "a heading": "text\n\nA robot.\n",
    "pipes": "| text | b |\n|---|---|\n| x | y |\n",
    "empty": "",
}


@pytest.mark.parametrize("name", GENUINE)
def test_a_genuine_document_is_never_refused(name: str, folder: Path) -> None:
    Path("genuine.txt").write_text(GENUINE[name], encoding="utf-8")
    answered("classify -m genres.textmlr genuine.txt")
    assert run("classify -m genres.textmlr -").exit_code == 0


@pytest.mark.slow
def test_no_text_of_this_machine_is_taken_for_a_corpus() -> None:
    """Python's own files, and those of the checkout's tests and documents."""
    roots = (Path(os.__file__).parent, Path(__file__).parent.parent / "textmlr")
    labels = [*"0123456789abcdefxyz", "the", "import", "def", "class", "a", "positive", "scifi"]
    wrong, seen = [], 0
    for path in sorted(path for root in roots for path in root.rglob("*") if path.is_file()):
        text = path.read_bytes()[: 1 << 17]
        if b"\0" in text or path.suffix in (".csv", ".tsv", ".jsonl"):
            continue
        seen += 1
        if (why := corpus_in(text, labels)) is not None:
            wrong.append((str(path), why))
    assert seen > 500
    assert wrong == []


def test_lines_with_their_labels_are_told_of(folder: Path) -> None:
    done = run("classify -m genres.textmlr --lines test.tsv --top 1")
    assert done.exit_code == 0
    assert "3 of 3 lines begin with a label of the model and a tab" in done.stderr
    assert "--corpus test.tsv -o answers.csv" in done.stderr
    Path("lines.txt").write_text("a robot\na horse\n", encoding="utf-8")
    assert run("classify -m genres.textmlr --lines lines.txt").stderr == ""


def test_top_all(folder: Path) -> None:
    everything = answered("classify -m genres.textmlr doc.txt")
    assert answered("classify -m genres.textmlr doc.txt --top all") == everything
    assert answered("classify -m genres.textmlr doc.txt --top 3") == everything
    assert answered("classify -m genres.textmlr doc.txt --top 2") == everything.replace(
        "\n" + everything.splitlines()[2], ""
    )
    for options in ("--json", "--lines doc.txt"):
        document = "" if "lines" in options else "doc.txt"
        line = f"classify -m genres.textmlr {document} {options}"
        assert answered(f"{line} --top all") == answered(line)
    answered("classify -m genres.textmlr --corpus test.tsv -o all.csv --top all")
    answered("classify -m genres.textmlr --corpus test.tsv -o three.csv --top 3")
    assert Path("all.csv").read_bytes() == Path("three.csv").read_bytes()
    assert "--label and --top exclude each other" in refused(
        "classify -m genres.textmlr doc.txt --label scifi --top all"
    )


class TestBars:
    """Answers in a terminal of 24 lines."""

    @pytest.fixture(autouse=True)
    def _screen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.columns = 80
        monkeypatch.setattr(
            "textmlr.cli.answer_bars.shutil.get_terminal_size",
            lambda: os.terminal_size((self.columns, 24)),
        )

    def shown(
        self, labels: list[str], documents: int, top: Any, capsys: pytest.CaptureFixture[str]
    ) -> list[str]:
        rows = np.zeros((documents, len(labels)))
        rows[:, 3] = 0.75
        rows[:, 5] = 0.25
        writer = BarWriter(labels, top, 0.0, documents)
        writer.show([f"doc{i}" for i in range(documents)], rows)
        writer.finish()
        return click.unstyle(capsys.readouterr().out).splitlines()

    def test_one_document_fits_the_screen(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = self.shown([f"label {i}" for i in range(77)], 1, None, capsys)
        assert len(lines) == 12
        assert lines[1].startswith("  label 3   75.0 %  █████")
        assert lines[-1] == "  67 more: --top all"

    def test_six_documents_nearly_do(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = self.shown([f"label {i}" for i in range(77)], 6, None, capsys)
        assert lines[0] == "doc0"
        assert lines.count("  label 3    75.0 %  " + "█" * 22 + "▌") == 6
        assert lines[-1] == "74 more labels of each document: --top all"

    @pytest.mark.parametrize("count", [6, 10, 11])
    def test_few_labels_are_all_shown(self, count: int, capsys: pytest.CaptureFixture[str]) -> None:
        assert len(self.shown([f"label {i}" for i in range(count)], 1, None, capsys)) == count + 1

    def test_top_is_what_was_asked_for(self, capsys: pytest.CaptureFixture[str]) -> None:
        labels = [f"label {i}" for i in range(77)]
        assert len(self.shown(labels, 1, 4, capsys)) == 5
        assert len(self.shown(labels, 1, 10, capsys)) == 11
        assert len(self.shown(labels, 1, 20, capsys)) == 21
        assert len(self.shown(labels, 2, 1, capsys)) == 4

    def test_the_likeliest_label_is_never_scrolled_away(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        lines = self.shown([f"label {i}" for i in range(77)], 1, "all", capsys)
        assert len(lines) == 79
        assert lines[-1] == "likeliest: label 3, 75.0 %"

    @pytest.mark.parametrize("columns", [40, 60, 80, 160])
    def test_no_line_is_wider_than_the_screen(
        self, columns: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.columns = columns
        labels = ["x" * 10 * i + "好" * i for i in range(9)]
        for documents in (1, 3):
            for line in self.shown(labels, documents, "all", capsys):
                assert cells(line) <= columns, line


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ("predict doc.txt", "'predict'; it is called classify here"),
        ("fit test.tsv", "'fit'; it is called train here"),
        ("test test.tsv", "'test'; it is called evaluate here"),
        ("quantize x", "'quantize'; it is called compress here"),
        ("classfy doc.txt", "'classfy'; did you mean classify?"),
        ("Train test.tsv", "'Train'; did you mean train?"),
        ("feat", "'feat'; did you mean featurize?"),
        ("serve", "textmlr.load(MODEL).predict(texts) answers"),
        ("xyzzy", "'xyzzy'; see 'textmlr --help'"),
        ("test.tsv", "a verb comes before a file: textmlr train test.tsv"),
        ("genres.textmlr", "a verb comes before a file: textmlr info genres.textmlr"),
        ("train x --epoch 3", "'--epoch'; did you mean --epochs?"),
        ("train x --ngram 1-2", "'--ngram'; here it is --ngrams"),
        ("train x --label_column y", "'--label_column'; did you mean --label-column?"),
        ("train x --lr 1", "'--lr'; here it is --learning-rate"),
        ("train x --lr=1", "'--lr'; here it is --learning-rate"),
        ("train x -lr 1", "'-lr'; here it is --learning-rate"),
        ("train x -epoch 1", "'-epoch'; did you mean --epochs?"),
        ("train x -wordNgrams 2", "'-wordNgrams'; here it is --ngrams, a range such as 1-2"),
        ("train x --dim 8", "'--dim'; here it is --hidden, the width of a hidden layer"),
        ("train x -m y", "'-m'; here it is --output"),
        ("train x --test y", "here it is --validation, or 'textmlr evaluate' afterwards"),
        ("train x --input y", "'--input'; files are named without an option"),
        ("train x --flip", "'--flip'; it is an option of explain"),
        ("train x --qqq", "'--qqq'; see 'textmlr train --help-all'"),
        ("classify x --threshold 1", "'--threshold'; here it is --min-probability"),
        ("top --labels x", "'--labels'; here it is --label"),
        ("-m genres.textmlr top", "before the verb; it comes after it: textmlr top -m"),
        ("--versoin", "'--versoin'; did you mean --version?"),
    ],
)
def test_slips_and_names_of_others(line: str, end: str, folder: Path) -> None:
    result = run(line)
    assert result.exit_code == 2
    assert result.stderr.rstrip().endswith(end), result.stderr


def test_what_is_suggested_is_there() -> None:
    """Every verb and option that a suggestion names."""
    commands = {verb: cli.get_command(click.Context(cli), verb) for verb in VERBS}
    options = {
        name
        for command in commands.values()
        if command is not None
        for one in command.params
        for name in (*one.opts, *one.secondary_opts)
    }
    assert set(suggestions.VERBS_OF_OTHERS.values()) <= {*VERBS, "guide"}
    assert not suggestions.VERBS_OF_OTHERS.keys() & {*VERBS}
    for meant in suggestions.OPTIONS_OF_OTHERS.values():
        for one in meant:
            assert set(re.findall("--[a-z0-9-]+", one)) <= options, one


def test_no_verb_has_the_option_that_another_name_stands_for() -> None:
    """A verb's own option is never taken for that of another program."""
    for name in suggestions.NO_OPTIONS_OF_OTHERS:
        for verb in VERBS:
            command = cli.get_command(click.Context(cli), verb)
            assert command is not None
            assert all(f"--{name}" not in one.opts for one in command.params), (verb, name)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("exact", "--solver exact --tolerance 1e-06"),
        ("hashed", "--no-idf --hash-bits 5 --solver sgd --l2 1e-06"),
        ("hidden", "--hidden 3 --activation relu --step adagrad --dropout 0.5"),
    ],
)
def test_info_tells_options_as_they_are_typed(name: str, options: str) -> None:
    rows = answered(f"info {shlex.quote(str(MODELS / name))}.textmlr").splitlines()
    (row,) = (row for row in rows if row.startswith("  options "))
    assert options in " ".join(row.split())
    typed = row.split()[1:]
    train = cli.get_command(click.Context(cli), "train")
    assert train is not None
    train.make_context("train", [*typed, "corpus.tsv"])


@pytest.mark.parametrize("verb", ["classify", "classify --corpus test.tsv -o x.csv", "explain"])
def test_a_mistyped_label_is_told_the_nearest(verb: str, folder: Path) -> None:
    document = "" if "corpus" in verb else "doc.txt"
    line = f"{verb} -m genres.textmlr {document} --label"
    assert refused(f"{line} SciFy").endswith("no label 'SciFy'; did you mean scifi?")
    assert refused(f"{line} opera").endswith("the labels are romance, scifi, western")
    assert refused("top genres.textmlr --label wester").endswith("did you mean western?")


def test_a_terminal_gets_the_command_on_a_line_of_its_own(folder: Path) -> None:
    words = ["classify", "-m", "genres.textmlr", "test.tsv"]
    shown, code = shown_in_terminal([sys.executable, "-m", "textmlr", *words], folder)
    assert code == 2
    *told, command = shown.replace("\r\n", "\n").rstrip().split("\n")
    assert command == "  textmlr classify -m genres.textmlr --corpus test.tsv -o answers.csv"
    assert told[0].startswith("Error: test.tsv: is a corpus, not one document (3 of 3 lines begin")
    assert told[-1].endswith("take it as one:")
    assert all(len(line) <= 80 for line in told)


def test_a_model_that_is_typed_wins_over_one_of_a_file_of_options(folder: Path) -> None:
    shutil.copy(MODELS / "hidden.textmlr", "typed.textmlr")
    Path("options.toml").write_text('model = "genres.textmlr"\n', encoding="utf-8")
    both = "classify --config options.toml doc.txt"
    assert answered(both) == answered("classify -m genres.textmlr doc.txt")
    typed = answered("classify -m typed.textmlr doc.txt")
    assert answered(f"{both} -m typed.textmlr") == typed
    assert answered("classify typed.textmlr doc.txt --config options.toml") == typed
    assert typed != answered(both)


@pytest.mark.parametrize("verb", ["classify", "explain"])
@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "CSV"])
def test_a_table_of_unusual_columns_is_no_document(verb: str, ending: str, folder: Path) -> None:
    """Nothing in it says that it is a corpus, but its name does; one line may be a document."""
    Path(f"odd.{ending}").write_text("nr,who,words\n1,Ann,a robot in orbit\n", encoding="utf-8")
    told = refused(f"{verb} -m genres.textmlr odd.{ending}")
    assert f"is a corpus, not one document (its name ends in .{ending.lower()})" in told
    assert f"--corpus odd.{ending}" in told
    Path(f"one.{ending}").write_text("a robot in orbit\n", encoding="utf-8")
    assert answered(f"{verb} -m genres.textmlr one.{ending}")
