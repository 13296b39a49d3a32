"""The command line, through Click's runner and, for what the runner hides, real processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import interrupted, shown_in_terminal

from textmlr.base.errors import InputError
from textmlr.cli import cli
from textmlr.model.model import Model

COMMAND = [sys.executable, "-m", "textmlr"]
ONLY_ANSWERS = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = None  # to import them is an ImportError
from textmlr.__main__ import main
main()
"""
# Nor do they make a table of the whole vocabulary.
NO_TABLE = """
from textmlr.kernels.jit import run_plain
run_plain()
from textmlr.features.vocabulary import HashTable
HashTable.of = None
"""
ROOT = Path(__file__).parent.parent


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, [str(a) for a in arguments], input=stdin)


def good(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def process(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, cwd=ROOT, **options)  # type: ignore[call-overload,no-any-return]


class TestTrain:
    def test_json_says_what_was_done(self, train_tsv: Path, tmp_path: Path) -> None:
        model = tmp_path / "m.textmlr"
        result = good("train", train_tsv, "-o", model, "--json", "-q")
        summary = json.loads(result.stdout)
        assert summary["documents"] == 300
        assert summary["labels"] == 3
        assert summary["bytes"] == model.stat().st_size
        assert summary["held_out"]["documents"] == 300  # so few that each is held out once
        assert summary["held_out"]["folds"] == 10
        assert summary["held_out"]["accuracy"] > 0.7
        assert len(summary["held_out"]["trials"]) >= 3

    def test_summary_names_the_next_command(self, train_tsv: Path, tmp_path: Path) -> None:
        result = good("train", train_tsv, "-o", tmp_path / "m.textmlr")
        told = " ".join(result.stdout.split())
        for part in (
            "documents 300",
            "labels 3",
            "n-grams words 1-2",
            "held out",
            "calibration",
            "file size",
            "Next: textmlr",
        ):
            assert part in told
        assert result.stderr.splitlines()[-1] == "training on all documents"
        assert "held-out log loss" in result.stderr

    def test_quiet_prints_nothing(self, train_tsv: Path, tmp_path: Path) -> None:
        result = good("train", train_tsv, "-o", tmp_path / "m.textmlr", "--quiet")
        assert result.output == ""

    def test_same_seed_same_file_whatever_the_threads(
        self, train_tsv: Path, tmp_path: Path
    ) -> None:
        files = []
        for number, extra in enumerate([["--threads", "1"], ["--threads", "2"], ["--seed", "7"]]):
            files.append(tmp_path / f"{number}.textmlr")
            good("train", train_tsv, "-o", files[-1], "-q", *extra)
        one, two, other = (file.read_bytes() for file in files)
        assert one == two
        assert one != other

    def test_several_files_and_standard_input(self, train_tsv: Path, tmp_path: Path) -> None:
        lines = train_tsv.read_bytes().splitlines(keepends=True)
        (tmp_path / "a.tsv").write_bytes(b"".join(lines[:150]))
        rest = b"".join(lines[150:])
        whole, parts = tmp_path / "whole.textmlr", tmp_path / "parts.textmlr"
        good("train", train_tsv, "-o", whole, "-q")
        good("train", tmp_path / "a.tsv", "-", "-o", parts, "-q", stdin=rest)
        known = [json.loads(good("info", m, "--json").stdout) for m in (whole, parts)]
        assert known[0]["features"] == known[1]["features"]
        assert known[0]["final"] == known[1]["final"]

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["--hash-bits", "10"], {"features": 1024}),
            (["--max-features", "20"], {"features": 21}),
            (["--max-features", "20", "--no-bias"], {"features": 20}),
            (["--no-holdout"], {}),
            (["--no-idf", "--norm", "none", "--term-frequency", "raw"], {}),
            (["--char-ngrams", "2-3", "--ngrams", "none"], {}),
            (["--epochs", "1", "--learning-rate", "1"], {}),
            (["--class-weight", "balanced", "--l2", "0.0001"], {}),
        ],
    )
    def test_options_reach_the_model(
        self, train_tsv: Path, tmp_path: Path, options: list[str], expected: dict[str, int]
    ) -> None:
        model = tmp_path / "m.textmlr"
        good("train", train_tsv, "-o", model, "-q", *options)
        known = json.loads(good("info", model, "--json").stdout)
        for key, value in expected.items():
            assert known[key] == value
        flat = {**known["featurizer"], **known["options"]}
        for name, value in zip(options[::2], options[1::2], strict=False):
            field = name[2:].replace("-", "_")
            if field in flat and isinstance(flat[field], int | float):
                assert flat[field] == pytest.approx(float(value))

    def test_validation_file_is_what_judges(
        self, train_tsv: Path, test_tsv: Path, tmp_path: Path
    ) -> None:
        model = tmp_path / "m.textmlr"
        result = good("train", train_tsv, "--validation", test_tsv, "-o", model, "-q", "--json")
        held = json.loads(result.stdout)["held_out"]
        assert held["documents"] == 90
        assert held["from"] == "validation"

    def test_weights_are_read(self, train_tsv: Path, tmp_path: Path) -> None:
        weighted = tmp_path / "weighted.tsv"
        lines = train_tsv.read_text().splitlines()
        # Documents of weight 0 that call every robot a western must teach nothing.
        made = [line.replace("\t", "\t1\t", 1) for line in lines]
        made += [f"western\t0\t{line.split(chr(9))[1]}" for line in lines if line[0] == "s"] * 3
        weighted.write_text("\n".join(made))
        model = tmp_path / "m.textmlr"
        good("train", weighted, "--weighted", "-o", model, "-q")
        answer = good("classify", "-m", model, "--top", "1", stdin=b"robot orbit engine laser")
        assert answer.stdout.startswith("scifi")
        assert json.loads(good("info", model, "--json").stdout)["corpus"]["weighted"] is True

    def test_divergence_is_told_and_survived(self, train_tsv: Path, tmp_path: Path) -> None:
        model = tmp_path / "m.textmlr"
        result = good("train", train_tsv, "-o", model, "--learning-rate", "1e6", "--no-holdout")
        assert "diverged" in result.stderr
        assert "halved" in result.stdout
        quiet = good(
            "train", train_tsv, "-o", model, "--learning-rate", "1e6", "--no-holdout", "-q"
        )
        assert "diverged" in quiet.stderr
        assert quiet.stdout == ""

    def test_a_few_documents_train_with_a_warning(self, tmp_path: Path) -> None:
        corpus = tmp_path / "few.tsv"
        corpus.write_text("a\tone two\nb\tthree four\n")
        result = good("train", corpus, "-o", tmp_path / "m.textmlr")
        assert "too few documents" in result.stderr

    def test_skipped_lines_are_counted(self, train_tsv: Path, tmp_path: Path) -> None:
        corpus = tmp_path / "bad.tsv"
        corpus.write_bytes(b"no tab here\n\n" + train_tsv.read_bytes())
        result = good("train", corpus, "-o", tmp_path / "m.textmlr", "--skip-bad-lines")
        assert "skipped 2 bad lines" in result.stderr
        assert "line 1" in result.stderr

    def test_invalid_utf8_is_counted(self, train_tsv: Path, tmp_path: Path) -> None:
        corpus = tmp_path / "latin.tsv"
        corpus.write_bytes(train_tsv.read_bytes() + b"scifi\tcaf\xe9 robot \xff\n")
        result = good("train", corpus, "-o", tmp_path / "m.textmlr")
        assert "2 pieces of invalid UTF-8" in result.stderr

    def test_too_large_a_model_is_refused_with_the_numbers(
        self, train_tsv: Path, tmp_path: Path
    ) -> None:
        corpus = tmp_path / "many.tsv"
        corpus.write_text("".join(f"label{i}\tw{i} x{i} y{i} z{i}\n" for i in range(60_000)))
        result = run("train", corpus, "-o", tmp_path / "m.textmlr", "--theta", "dense")
        assert isinstance(result.exception, InputError)
        assert "GiB" in str(result.exception)
        assert "give --theta sparse: a weight only where" in str(result.exception)

    def test_bad_option_values(self, train_tsv: Path) -> None:
        for options in (
            ["--ngrams", "2-1"],
            ["--ngrams", "x"],
            ["--l2", "-1"],
            ["--holdout", "1"],
            ["--learning-rate", "0"],
            ["--ngrams", "none", "--char-ngrams", "none"],
            ["--hash-bits", "8", "--min-df", "2"],
            ["--no-holdout", "--validation", "x.tsv"],
        ):
            result = run("train", train_tsv, *options)
            assert result.exit_code != 0, options
            told = result.stderr + str(result.exception)
            assert options[0].lstrip("-").replace("-", "_") in told.replace("-", "_"), told


class TestClassify:
    def test_a_pipe_gets_label_and_probability(self, model_file: Path, tmp_path: Path) -> None:
        document = tmp_path / "doc.txt"
        document.write_text("the robot\nleft orbit\n")
        result = good("classify", "-m", model_file, document)
        rows = [line.split("\t") for line in result.stdout.splitlines()]
        assert rows[0][0] == "scifi"
        shares = [float(row[1]) for row in rows]
        assert sum(shares) == pytest.approx(1, abs=1e-6)
        assert shares == sorted(shares, reverse=True)
        assert max(shares) <= 1

    def test_json(self, model_file: Path, tmp_path: Path) -> None:
        first, second = tmp_path / "a.txt", tmp_path / "b.txt"
        first.write_text("saddle ranch cattle")
        second.write_text("kiss wedding vows")
        result = good("classify", "-m", model_file, first, second, "--json")
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        assert [a["document"] for a in answers] == [str(first), str(second)]
        assert [a["label"] for a in answers] == ["western", "romance"]
        for answer in answers:
            assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-9)

    def test_lines_json_and_python_give_the_same_numbers(self, model_file: Path) -> None:
        command, text = ("classify", "-m", model_file), "robot orbit horse"
        lines = good(*command, stdin=text.encode()).stdout.splitlines()
        shown = {label: float(number) for label, number in (line.split("\t") for line in lines)}
        answer = json.loads(good(*command, "--json", stdin=text.encode()).stdout)
        model = Model.load(model_file)
        (row,) = model.probabilities([text]).tolist()
        assert shown == answer["probabilities"] == dict(zip(model.labels, row, strict=True))

    def test_label_gives_one_number(self, model_file: Path) -> None:
        everything = good("classify", "-m", model_file, stdin=b"robot robot engine").stdout
        one = good("classify", "-m", model_file, "--label", "scifi", stdin=b"robot robot engine")
        assert everything.splitlines()[0] == f"scifi\t{one.stdout.strip()}"

    def test_top_and_lines(self, model_file: Path, tmp_path: Path) -> None:
        lines = tmp_path / "lines.txt"
        lines.write_text("robot engine\nranch cattle\nkiss vows\n")
        result = good("classify", "-m", model_file, "--lines", lines, "--top", "1")
        got = [line.split("\t")[0] for line in result.stdout.splitlines()]
        assert got == ["scifi", "western", "romance"]
        blocks = good("classify", "-m", model_file, "--lines", lines).stdout.split("\n\n")
        assert [len(block.strip().splitlines()) for block in blocks] == [3, 3, 3]

    def test_lines_answer_as_documents_do(self, model_file: Path, tmp_path: Path) -> None:
        text = "the old robot, under the Ünïcode ranch! kiss kiss"
        (tmp_path / "doc.txt").write_text(text)
        (tmp_path / "lines.txt").write_text(text + "\n")
        whole = good("classify", "-m", model_file, tmp_path / "doc.txt").stdout
        line = good("classify", "-m", model_file, "--lines", tmp_path / "lines.txt").stdout
        assert whole == line

    def test_unknown_features_are_said(self, model_file: Path) -> None:
        result = good("classify", "-m", model_file, stdin=b"zzzz qqqq")
        assert "no known word; the answer is the base rates" in result.stderr
        empty = good("classify", "-m", model_file, stdin=b"")
        assert empty.stdout == result.stdout

    def test_no_model(self, tmp_path: Path) -> None:
        result = run("classify", "-m", tmp_path / "none.textmlr", stdin=b"x")
        assert isinstance(result.exception, InputError)
        assert "none.textmlr" in str(result.exception)

    def test_unknown_label_names_the_labels(self, model_file: Path) -> None:
        result = run("classify", "-m", model_file, "--label", "opera", stdin=b"x")
        assert isinstance(result.exception, InputError)
        assert "romance, scifi, western" in str(result.exception)

    def test_bad_documents(self, model_file: Path, tmp_path: Path) -> None:
        (tmp_path / "binary").write_bytes(b"ab\0c")
        for document, problem in (
            (tmp_path / "missing.txt", "no such file"),
            (tmp_path, "is a directory"),
            (tmp_path / "binary", "NUL at byte 2"),
        ):
            result = run("classify", "-m", model_file, document)
            assert isinstance(result.exception, InputError)
            assert problem in str(result.exception)
            assert str(document) in str(result.exception)

    def test_control_characters_in_labels_are_escaped(self, tmp_path: Path) -> None:
        corpus = tmp_path / "odd.tsv"
        corpus.write_text("a\x1b[31m\tone\nb\ttwo\n" * 30)
        good("train", corpus, "-o", tmp_path / "m.textmlr", "-q")
        result = good("classify", "-m", tmp_path / "m.textmlr", stdin=b"one")
        assert "\x1b" not in result.stdout
        assert "a\\x1b[31m" in result.stdout

    def test_usage(self, model_file: Path) -> None:
        for options in (
            ("--lines", "a", "b"),
            ("--label", "a", "--top", "2"),
            ("--label", "a", "--min-probability", "0.5"),
        ):
            assert run("classify", "-m", model_file, *options).exit_code == 2
        for bad in ("-0.1", "1.1", "nan", "half"):
            result = run("classify", "-m", model_file, "--min-probability", bad, stdin=b"x")
            assert isinstance(result.exception, InputError)
            assert "a number of 0 to 1" in str(result.exception)

    def test_below_the_least_probability_it_is_unsure(
        self, model_file: Path, tmp_path: Path
    ) -> None:
        lines = tmp_path / "lines.txt"
        lines.write_text("robot orbit engine laser\nzzzz\nkiss vows heart dance\n")
        least = ("--lines", lines, "--min-probability", "0.6")
        result = good("classify", "-m", model_file, *least, "--top", "1")
        rows = [line.split("\t") for line in result.stdout.splitlines()]
        assert [row[0] for row in rows] == ["scifi", "unsure", "romance"]
        assert 0.3 < float(rows[1][1]) < 0.6
        blocks = good("classify", "-m", model_file, *least).stdout.strip().split("\n\n")
        assert [len(block.splitlines()) for block in blocks] == [3, 4, 3]
        first, second = blocks[1].splitlines()[:2]
        assert first.split("\t")[0] == "unsure"
        assert first.split("\t")[1] == second.split("\t")[1]
        told = good("classify", "-m", model_file, *least, "--json").stdout.splitlines()
        answers = [json.loads(line) for line in told]
        assert [answer["label"] for answer in answers] == ["scifi", None, "romance"]
        assert len(answers[1]["probabilities"]) == 3
        plain = good("classify", "-m", model_file, "--lines", lines, "--top", "1").stdout
        assert "unsure" not in plain
        none = good("classify", "-m", model_file, *least[:3], "0", "--top", "1").stdout
        assert none == plain

    def test_a_label_named_unsure_is_warned_of(self, tmp_path: Path) -> None:
        corpus = tmp_path / "odd.tsv"
        corpus.write_text("unsure\tone\nb\ttwo\n" * 30)
        good("train", corpus, "-o", tmp_path / "m.textmlr", "-q")
        asked = ("classify", "-m", tmp_path / "m.textmlr", "--min-probability", "0.9")
        assert "label 'unsure' of its own" in good(*asked, stdin=b"one").stderr
        assert good(*asked, "--json", stdin=b"one").stderr == ""


class TestEvaluate:
    def test_json_keys(self, model_file: Path, test_tsv: Path) -> None:
        figures = json.loads(good("evaluate", "-m", model_file, test_tsv, "--json").stdout)
        for key in ("documents", "accuracy", "macro_f1", "log_loss", "brier", "ece", "labels"):
            assert key in figures
        assert figures["documents"] == 90
        assert figures["accuracy"] > 0.8
        assert {row["label"] for row in figures["labels"]} == {"scifi", "western", "romance"}

    def test_table(self, model_file: Path, test_tsv: Path) -> None:
        shown = good("evaluate", "-m", model_file, test_tsv).stdout
        for part in ("accuracy", "macro-F1", "log loss", "Brier", "ECE", "precision", "western"):
            assert part in shown

    def test_table_has_intervals(self, model_file: Path, test_tsv: Path, tmp_path: Path) -> None:
        noisy = tmp_path / "noisy.tsv"
        noisy.write_bytes(test_tsv.read_bytes() + b"western\tkiss wedding vows\n" * 10)
        shown = good("evaluate", "-m", model_file, noisy).stdout
        for name in ("accuracy", "macro-F1", "log loss"):
            line = next(line for line in shown.splitlines() if line.strip().startswith(name))
            low, high = map(float, line.split("(")[1].split(")")[0].split("–"))
            figure = float(line.split("(")[0].split()[-1])
            assert low < figure < high
        assert "left to a person" in shown

    def test_what_any_least_probability_comes_to(self, model_file: Path, test_tsv: Path) -> None:
        """What evaluate says of 0.9732 is what classify does with it."""
        options = ("-m", model_file, test_tsv, "--min-probability", "0.9732")
        shown = good("evaluate", *options).stdout
        assert "0.9732" in shown
        figures = json.loads(good("evaluate", *options, "--json").stdout)
        (row,) = [r for r in figures["coverage"] if r["min_probability"] == 0.9732]
        pairs = [line.split("\t") for line in test_tsv.read_text().splitlines()]
        texts = "\n".join(text for _, text in pairs).encode()
        answers = good(
            "classify",
            "-m",
            model_file,
            "--lines",
            "-",
            "--top",
            "1",
            "--min-probability",
            "0.9732",
            stdin=texts,
        ).stdout.splitlines()
        said = [answer.split("\t")[0] for answer in answers]
        sure = [(a, label) for a, (label, _) in zip(said, pairs, strict=True) if a != "unsure"]
        assert 0 < row["documents"] < 90
        assert row["documents"] == len(sure)
        assert row["coverage"] == len(sure) / 90
        assert row["accuracy"] == sum(a == label for a, label in sure) / len(sure)

    def test_training_needs_a_report(self, model_file: Path, test_tsv: Path) -> None:
        result = run("evaluate", "-m", model_file, test_tsv, "--training", test_tsv)
        assert result.exit_code == 2
        assert "--report" in result.stderr

    def test_unknown_labels_count_as_wrong(
        self, model_file: Path, test_tsv: Path, tmp_path: Path
    ) -> None:
        more = tmp_path / "more.tsv"
        more.write_bytes(test_tsv.read_bytes() + b"opera\tthe kiss\n" * 10)
        known = json.loads(good("evaluate", "-m", model_file, test_tsv, "--json").stdout)
        result = good("evaluate", "-m", model_file, more, "--json")
        assert "10 documents with labels the model does not know (opera)" in result.stderr
        figures = json.loads(result.stdout)
        assert figures["accuracy"] == pytest.approx(known["accuracy"] * 90 / 100)


def test_info(model_file: Path) -> None:
    shown = good("info", model_file).stdout
    for part in ("romance (100)", "features", "300 documents of train.tsv", "--seed 1", "textmlr"):
        assert part in shown


@pytest.mark.parametrize("verb", ["train", "tune", "classify", "evaluate", "compare", "info"])
def test_help_has_an_example(verb: str) -> None:
    shown = good(verb, "--help").stdout
    assert "Examples:" in shown
    assert f"textmlr {verb} " in shown


class TestProcess:
    """What only a process of its own shows."""

    def test_the_main_job(self, train_tsv: Path, test_tsv: Path, tmp_path: Path) -> None:
        model, document = tmp_path / "m.textmlr", tmp_path / "doc.txt"
        document.write_text("A robot in orbit.\nIts engine!\n")
        assert process("train", train_tsv, "-o", model).returncode == 0
        done = process("classify", "-m", model, document)
        assert done.returncode == 0
        assert done.stderr == b""
        assert done.stdout.startswith(b"scifi\t")
        figures = process("evaluate", "-m", model, test_tsv, "--json").stdout
        assert json.loads(figures)["documents"] == 90
        assert os.listdir(tmp_path) == ["m.textmlr", "doc.txt"] or len(os.listdir(tmp_path)) == 2

    def test_plain_python_answers_with_the_same_bits(
        self, model_file: Path, tmp_path: Path
    ) -> None:
        """One small document runs the kernels uncompiled, the library compiled."""
        from textmlr.model.model import Model

        text = "The Robot — ranch, 東京 kiss! " + "engine saddle vows " * 50
        (tmp_path / "doc.txt").write_text(text)
        done = process("classify", "-m", model_file, tmp_path / "doc.txt", "--json")
        answer = json.loads(done.stdout)["probabilities"]
        model = Model.load(model_file)
        exact = dict(zip(model.labels, model.probabilities([text])[0].tolist(), strict=True))
        assert answer == exact
        assert done.stderr == b""

    @pytest.mark.slow
    @pytest.mark.parametrize("dtype", ["float32", "float16"])
    def test_a_machine_that_only_answers(
        self, model_file: Path, tmp_path: Path, dtype: str
    ) -> None:
        """It neither compiles nor loads machine code for one small document."""
        from textmlr.model.model import Model
        from textmlr.model.small_file.compression import compress

        model, doc = tmp_path / "m.textmlr", tmp_path / "doc.txt"
        loaded = Model.load(model_file)
        size = model_file.stat().st_size if dtype == "float32" else model_file.stat().st_size // 3
        compress(loaded, size, dtype="float16").save(model)
        doc.write_text("The Robot rode to the ranch")
        exact = Model.load(model).probabilities([doc.read_text()])[0].tolist()
        for verb in (
            ["classify", "-m", model, doc, "--json"],
            ["explain", "-m", model, doc],
            ["info", model],
            ["top", model],
        ):
            arguments = list(map(str, verb))
            for code in (ONLY_ANSWERS, NO_TABLE + ONLY_ANSWERS):
                command = [sys.executable, "-c", code, *arguments]
                done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False)
                told = process(*arguments)
                assert (done.returncode, done.stderr) == (0, told.stderr), verb
                assert done.stdout == told.stdout
            if verb[0] == "classify":
                found = json.loads(done.stdout)["probabilities"]
                assert found == dict(zip(loaded.labels, exact, strict=True))

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"a\tone\n\nb\ttwo\n", b"line 2: blank line"),
            (b"a\tone\nno tab\nb\ttwo\n", b"line 2: no tab"),
            (b"a\tone\n\ttwo\n", b"line 2: empty label"),
            (b"a\tone\na\ttwo\n", b"the corpus has 1 label, 'a'"),
            (b"", b"empty"),
            (b"a\tone\n\x00\x01\x02\n", b"line 2: binary"),
            (None, b"o such file"),
            ("directory", b"irectory"),
        ],
    )
    def test_bad_corpora(self, tmp_path: Path, content: bytes | str | None, problem: bytes) -> None:
        corpus = tmp_path / "corpus.tsv"
        if isinstance(content, bytes):
            corpus.write_bytes(content)
        elif content == "directory":
            corpus.mkdir()
        model = tmp_path / "m.textmlr"
        model.write_bytes(b"the old model")
        done = process("train", corpus, "-o", model)
        assert done.returncode == 2
        assert problem in done.stderr
        assert b"corpus.tsv" in done.stderr
        assert b"Traceback" not in done.stderr
        assert model.read_bytes() == b"the old model"
        assert done.stdout == b""

    def test_interrupt_leaves_the_old_model(self, tmp_path: Path) -> None:
        corpus = tmp_path / "corpus.tsv"
        corpus.write_text("".join(f"l{i % 7}\tw{i % 97} v{i % 89}\n" for i in range(20000)))
        model = tmp_path / "m.textmlr"
        model.write_bytes(b"the old model")
        command = [*COMMAND, "train", str(corpus), "-o", str(model), "--epochs", "100000"]
        command += ["--no-holdout"]
        assert b"Interrupted" in interrupted(command, b"training on all documents")
        assert model.read_bytes() == b"the old model"
        assert sorted(os.listdir(tmp_path)) == ["corpus.tsv", "m.textmlr"]

    def test_a_closed_pipe_is_silent(self, model_file: Path, tmp_path: Path) -> None:
        lines = tmp_path / "lines.txt"
        lines.write_text("robot kiss ranch\n" * 50000)
        command = [*COMMAND, "classify", "-m", str(model_file), "--lines", str(lines)]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            child.stdout.read(10)
            child.stdout.close()
            assert child.stderr is not None
            assert child.stderr.read() == b""
        assert child.returncode == 141

    def test_a_terminal_gets_bars(self, model_file: Path, tmp_path: Path) -> None:
        document = tmp_path / "doc.txt"
        document.write_text("robot orbit engine")
        command = [*COMMAND, "classify", "-m", str(model_file), str(document)]
        text, code = shown_in_terminal(command, ROOT)
        assert code == 0
        assert "█" in text
        assert "scifi" in text
        assert " %" in text

    def test_the_kernels_and_plain_python_are_unsure_alike(
        self, model_file: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "lines.txt").write_text("robot orbit\nzzzz\n" * 3000)  # compiled
        command = ("-m", model_file, "--min-probability", "0.5", "--top", "1")
        compiled = process("classify", *command, "--lines", tmp_path / "lines.txt").stdout
        (tmp_path / "doc.txt").write_text("zzzz")
        plain = process("classify", *command, tmp_path / "doc.txt").stdout
        assert plain.startswith(b"unsure\t")
        assert compiled.splitlines()[1] + b"\n" == plain

    def test_version_and_module_agree(self) -> None:
        told = process("--version").stdout.decode()
        assert re.fullmatch(r"textmlr 0\.\S+ \(numpy 2\.\S+, numba 0\.\S+, Python 3\.\S+\)\n", told)
