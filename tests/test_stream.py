"""train --stream: each document is predicted, trained on and dropped; cuts change no bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from conftest import documents, shown_in_terminal
from hypothesis import given, settings
from hypothesis import strategies as st

from textmlr import FeaturizerOptions, InputError, Model, ModelFileError, TrainingOptions
from textmlr.base.threads import awaited
from textmlr.cli import cli
from textmlr.corpus.batch import Batch
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.reading import scan
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.training.stream import recent, reservoir
from textmlr.training.stream import stream_learner as learner
from textmlr.training.stream.checkpoints import every
from textmlr.training.stream.reservoir import Reservoir
from textmlr.training.stream.stream_trainer import StreamTrainer

PAIRS = documents(300, 11)
LINES = [f"{label}\t{text}\n".encode() for label, text in PAIRS]
COMMAND = [sys.executable, "-m", "textmlr", "train", "-", "--stream"]
ROOT = Path(__file__).parent.parent
SMALL = FeaturizerOptions(hash_bits=12)


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    """textmlr train - --stream in this process."""
    command = ["train", "-", "--stream", "--hash-bits", "12", *map(str, arguments)]
    return CliRunner().invoke(cli, command, input=stdin)


def good(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def learnt(pairs: list[tuple[str, str]], cuts: list[int], **options: Any) -> StreamTrainer:
    """A trainer that has learnt pairs, cut at some places."""
    trainer = StreamTrainer(options.get("features", SMALL), options.get("training"))
    edges = [0, *sorted(cuts), len(pairs)]
    for first, last in pairwise(edges):
        part = pairs[first:last]
        trainer.learn([text for _, text in part], [label for label, _ in part])
    return trainer


def bytes_of(trainer: StreamTrainer, folder: Path) -> tuple[bytes, bytes]:
    """The files of a model and of a checkpoint."""
    trainer.model().save(folder / "model")
    trainer.save(folder / "state")
    return (folder / "model").read_bytes(), (folder / "state").read_bytes()


class Child:
    """A stream in a process of its own, fed line by line."""

    def __init__(self, model: Path, *arguments: str) -> None:
        command = [*COMMAND, "--hash-bits", "12", "-o", str(model), *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait_for(self, told: str) -> str:
        """The line of stderr with this in it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if told in line.decode():
                return line.decode()
        raise AssertionError(f"it never told {told!r}")

    def end(self) -> tuple[bytes, bytes, int]:
        """(stdout, rest of stderr, exit code), its input at an end."""
        out, err = self.process.communicate(timeout=60)
        return out, err, self.process.returncode


@contextmanager
def child(model: Path, *arguments: str) -> Iterator[Child]:
    made = Child(model, *arguments)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.communicate()


class TestBits:
    @given(st.lists(st.integers(0, 300), max_size=12))
    @settings(max_examples=8, deadline=None)
    def test_however_a_stream_is_cut(
        self, tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
    ) -> None:
        folder = tmp_path_factory.mktemp("bits")
        assert bytes_of(learnt(PAIRS, cuts), folder) == bytes_of(learnt(PAIRS, []), folder)

    def test_rows_of_different_lengths(self, tmp_path: Path) -> None:
        features = FeaturizerOptions(hash_bits=12, norm=None, term_frequency="raw", bias=False)
        whole, one = (learnt(PAIRS, cuts, features=features) for cuts in ([], [1, 2, 7, 130]))
        assert bytes_of(whole, tmp_path) == bytes_of(one, tmp_path)
        assert whole.lately.accuracy > 0.6

    def test_more_documents_than_are_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recent, "RECENT", 32)
        monkeypatch.setattr(learner, "BLOCK_SCORES", 20)
        monkeypatch.setattr(reservoir, "SAMPLE_BYTES", 2000)
        whole, cut = learnt(PAIRS, []), learnt(PAIRS, [3, 40, 41, 200])
        assert bytes_of(whole, tmp_path) == bytes_of(cut, tmp_path)
        assert whole.lately.documents == 32

    def test_stop_and_go_on(self, tmp_path: Path) -> None:
        first = learnt(PAIRS[:130], [])
        first.save(tmp_path / "kept")
        again = StreamTrainer.resume(tmp_path / "kept")
        assert bytes_of(again, tmp_path) == bytes_of(first, tmp_path)
        again.learn([text for _, text in PAIRS[130:]], [label for label, _ in PAIRS[130:]])
        assert bytes_of(again, tmp_path) == bytes_of(learnt(PAIRS, []), tmp_path)

    def test_by_command_line(self, tmp_path: Path) -> None:
        whole, halves = tmp_path / "whole.textmlr", tmp_path / "halves.textmlr"
        good("-o", whole, stdin=b"".join(LINES))
        good("-o", halves, stdin=b"".join(LINES[:170]))
        told = good("-o", halves, "--resume", stdin=b"".join(LINES[170:]))
        assert "Resuming after 170 documents" in told.stderr
        assert "300, 130 of them now" in told.stdout
        assert whole.read_bytes() == halves.read_bytes()


class TestFigures:
    def test_what_is_predicted_comes_before_what_is_learnt(self) -> None:
        """The same document again and again: wrong once, then right."""
        trainer = learnt([("a", "x y"), ("b", "z w"), *[("b", "z w")] * 30], [])
        assert trainer.so_far.documents == 32
        assert trainer.so_far.accuracy == 30 / 32  # a new label is never right
        assert 0 < trainer.so_far.loss < 0.5

    def test_loss_of_a_label_never_seen(self) -> None:
        before = learnt(PAIRS[:100], [])
        after = learnt([*PAIRS[:100], ("new", "robot")], [])
        told = after.so_far.loss * 101 - before.so_far.loss * 100
        assert told == pytest.approx(np.log(101))

    def test_naive(self) -> None:
        """Against plain Python, with the tallies, the steps and the new labels spelt out."""
        pairs = [("a", "x y"), ("b", "y z"), ("a", "x"), ("c", "z z y"), ("b", "y"), ("c", "z")]
        trainer = learnt(pairs, [], features=FeaturizerOptions(hash_bits=12, ngrams=(1, 1)))
        theta, squares, seen, labels = {}, {}, {}, []  # type: ignore[var-annotated]
        losses, log_zs = [], []
        for n, (label, text) in enumerate(pairs):
            counts: dict[str, float] = {}
            for word in text.split():
                counts[word] = counts.get(word, 0) + 1
            values = {word: 1 + np.log(count) for word, count in counts.items()}
            length = np.sqrt(sum(value**2 for value in values.values()))
            values = {"": 1.0} | {word: value / length for word, value in values.items()}
            new = label not in labels
            if new:
                labels.append(label)
                theta["", label] = (np.mean(log_zs) if n else 0.0) - np.log1p(n)
            scores = {
                own: sum(theta.get((word, own), 0.0) * v for word, v in values.items())
                for own in labels
            }
            log_zs.append(np.log(sum(np.exp(score) for score in scores.values())))
            losses.append(np.log1p(n) if new else log_zs[-1] - scores[label])
            for word, value in values.items():
                seen[word] = seen.get(word, 0) + 1
                idf = np.log((2 + n) / (1 + seen[word])) + 1
                for own in labels:
                    p, key = np.exp(scores[own] - log_zs[-1]), (word, own)
                    squares[key] = squares.get(key, 0.0) + value**2 * p * (1 - p)
                    step = 0.4 * np.sqrt(0.5) * value * np.sqrt(idf) * (p - (own == label))
                    theta[key] = theta.get(key, 0.0) - step / np.sqrt(squares[key] + 0.01)
        assert trainer.so_far.loss == pytest.approx(np.mean(losses), rel=1e-4)
        own = np.array([[theta.get((w, label), 0) for label in "abc"] for w in ("", "x", "y", "z")])
        learner = trainer._learner
        order = [labels.index(label) for label in "abc"]
        rows = learner.theta[: learner.used][:, order]
        assert np.allclose(np.sort(rows, axis=0), np.sort(own, axis=0), rtol=1e-3, atol=1e-4)

    def test_weights_of_nought_teach_nothing(self) -> None:
        trainer = learnt(PAIRS[:50], [])
        theta = trainer._learner.theta.copy()
        texts = [text for _, text in PAIRS[50:60]]
        trainer.learn(texts, [label for label, _ in PAIRS[50:60]], [0.0] * 10)
        assert trainer.so_far.documents == 60
        assert trainer.so_far.weight == 50
        assert (trainer._learner.theta[: len(theta)] == theta).all()


class TestLabels:
    def test_new_ones_in_mid_stream(self) -> None:
        trainer = learnt(PAIRS, [])
        late = [("late", f"quince marmalade {i}") for i in range(20)]
        trainer.learn([text for _, text in late], [label for label, _ in late])
        model = trainer.model()
        assert model.labels == sorted({*(label for label, _ in PAIRS), "late"})
        assert model.classify(["marmalade of quince"])[0][0].label == "late"
        assert model.record.corpus.per_label[model.labels.index("late")] == 20

    def test_hundreds(self, tmp_path: Path) -> None:
        pairs = [(f"label {i % 150}", f"word{i % 150} and more") for i in range(600)]
        whole, cut = learnt(pairs, []), learnt(pairs, [10, 77, 149, 400])
        assert bytes_of(whole, tmp_path) == bytes_of(cut, tmp_path)
        assert whole.model().classify(["word77 and"])[0][0].label == "label 77"

    def test_too_many_are_refused_and_nothing_is_lost(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(learner, "MOST_LABELS", 4)
        trainer = learnt(PAIRS, [])
        before = bytes_of(trainer, tmp_path)
        with pytest.raises(InputError, match="more than 4 labels"):
            trainer.learn(["x", "y"], ["new", "newer"])
        assert bytes_of(trainer, tmp_path) == before

    def test_memory_is_looked_at_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        trainer = learnt(PAIRS, [])
        monkeypatch.setattr("os.sysconf", lambda name: 10)
        with pytest.raises(InputError, match="GiB, and this machine has"):
            trainer.learn(["x", "y"], ["new", "newer"])
        assert trainer.documents == 300
        assert len(trainer.labels) == 3

    @pytest.mark.usefixtures("any_number")
    def test_steps_far_too_long_are_told_and_nothing_is_written(self, tmp_path: Path) -> None:
        result = run("-o", tmp_path / "m", "--learning-rate", "1e38", stdin=b"".join(LINES))
        assert "the weights are not finite; lower the learning rate" in str(result.exception)
        assert not list(tmp_path.iterdir())

    def test_names_with_line_ends_come_back(self, tmp_path: Path) -> None:
        trainer = StreamTrainer(SMALL)
        batch = batches_of(["x", "y"])[0]
        trainer.learn_batch(batch, np.array([0, 1], np.int32), ["a\nb", "c\t"])
        trainer.save(tmp_path / "kept")
        assert StreamTrainer.resume(tmp_path / "kept").labels == ["a\nb", "c\t"]


class TestModel:
    def test_features_have_names(self, tmp_path: Path) -> None:
        good("-o", tmp_path / "m", stdin=b"".join(LINES))
        told = CliRunner().invoke(cli, ["top", str(tmp_path / "m"), "--json"]).stdout
        label = PAIRS[0][0]
        own = {word for one, text in PAIRS if one == label for word in text.lower().split()}
        assert any(word in told for word in own)
        why = Model.load(tmp_path / "m").explain(PAIRS[0][1])
        assert any(feature.contribution > 0 for feature in why.words)

    def test_probabilities_are_calibrated(self) -> None:
        calibrated, not_so = (
            learnt(PAIRS, [], training=TrainingOptions(calibration=own)).model()
            for own in (None, False)
        )
        texts = [text for _, text in documents(200, 12)]
        assert not_so.record.final.calibration.factor == 1
        assert calibrated.record.final.calibration.factor != 1
        answers = (model.probabilities(texts).argmax(axis=1) for model in (calibrated, not_so))
        assert np.array_equal(*answers)

    def test_update_goes_on_from_it(self, tmp_path: Path) -> None:
        good("-o", tmp_path / "m", stdin=b"".join(LINES))
        (tmp_path / "more.tsv").write_bytes(b"".join(LINES[:60]))
        told = CliRunner().invoke(cli, ["update", str(tmp_path / "m"), str(tmp_path / "more.tsv")])
        assert told.exit_code == 0, told.output
        assert Model.load(tmp_path / "m").featurizer.documents == 360

    def test_info_and_summary(self, tmp_path: Path) -> None:
        result = good("-o", tmp_path / "m", "--json", "-q", stdin=b"".join(LINES))
        summary = json.loads(result.stdout)
        assert summary["documents"] == summary["documents_now"] == 300
        assert summary["bytes"] == (tmp_path / "m").stat().st_size
        assert summary["checkpoint"]["bytes"] == (tmp_path / "m.checkpoint").stat().st_size
        assert summary["stream"]["lately"]["accuracy"] > 0.6
        assert result.stderr == ""
        told = CliRunner().invoke(cli, ["info", str(tmp_path / "m")])
        assert "each before it was trained on" in told.stdout


class TestRefusals:
    @pytest.mark.parametrize(
        "options",
        [
            ["--no-holdout"],
            ["--holdout", "0.2"],
            ["--epochs", "2"],
            ["--solver", "exact"],
            ["--l1", "0.1"],
            ["--l2", "0.1"],
            ["--hidden", "8"],
            ["--idf"],
            ["--class-weight", "balanced"],
            ["--input-dropout", "0.1"],
            ["--patience", "2"],
            ["--step", "plain"],
            ["--validation", "x.tsv"],
            ["--checkpoint-every", "often"],
            ["--checkpoint-every", "0"],
        ],
    )
    def test_what_does_not_go_with_a_stream(self, tmp_path: Path, options: list[str]) -> None:
        result = run("-o", tmp_path / "m", *options, stdin=b"".join(LINES))
        assert result.exit_code == 2 or isinstance(result.exception, InputError)
        told = f"{result.output} {result.exception}"
        assert "stream" in told or "is not a number of documents such as 100000, or a time" in told
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("option", ["--min-df", "--max-features"])
    def test_a_vocabulary(self, tmp_path: Path, option: str) -> None:
        command = ["train", "-", "--stream", "-o", str(tmp_path / "m"), option, "2"]
        result = CliRunner().invoke(cli, command, input=b"".join(LINES))
        assert isinstance(result.exception, InputError)
        assert "does not go with a stream" in str(result.exception)

    @pytest.mark.parametrize("option", ["--memory 1GB", "--cache-dir .", "--keep-cache"])
    def test_what_is_for_corpora_that_end(self, option: str) -> None:
        result = CliRunner().invoke(cli, ["train", "-", "--stream", *option.split()])
        assert result.exit_code == 2
        assert f"{option.split()[0]} and --stream exclude each other" in result.output

    def test_documents_between_checkpoints_need_a_stream(self) -> None:
        result = CliRunner().invoke(cli, ["train", "x.tsv", "--checkpoint-every", "1000"])
        assert isinstance(result.exception, InputError)
        assert "is not a time such as 90s" in str(result.exception)

    def test_nothing_to_go_on_from(self, tmp_path: Path) -> None:
        result = run("-o", tmp_path / "m", "--resume", stdin=b"".join(LINES))
        assert isinstance(result.exception, ModelFileError)

    def test_a_model_is_no_checkpoint(self, model_file: Path) -> None:
        with pytest.raises(ModelFileError, match="not the checkpoint of a stream"):
            StreamTrainer.resume(model_file)

    def test_a_checkpoint_is_no_model(self, tmp_path: Path) -> None:
        learnt(PAIRS, []).save(tmp_path / "kept")
        with pytest.raises(ModelFileError):
            Model.load(tmp_path / "kept")

    def test_other_options_than_before(self, tmp_path: Path) -> None:
        good("-o", tmp_path / "m", stdin=b"".join(LINES))
        result = run("-o", tmp_path / "m", "--resume", "--seed", "9", stdin=b"".join(LINES))
        assert "started with seed=1, not 9" in str(result.exception)

    def test_parquet_on_standard_input(self, tmp_path: Path) -> None:
        result = run("-o", tmp_path / "m", stdin=b"PAR1" + bytes(100))
        assert "cannot be read as it comes" in str(result.exception)

    def test_bad_lines_by_their_number(self, tmp_path: Path) -> None:
        lines = [*LINES[:40], b"no tab\n", *LINES[40:]]
        result = run("-o", tmp_path / "m", stdin=b"".join(lines))
        assert isinstance(result.exception, InputError)
        assert "standard input, line 41: no tab" in str(result.exception)
        skipped = good("-o", tmp_path / "m", "--skip-bad-lines", stdin=b"".join(lines))
        assert "skipped 1 bad line (first: standard input, line 41" in skipped.stderr
        told = good("-o", tmp_path / "m", "--resume", stdin=LINES[0])
        assert "Resuming after 300 documents and 1 bad line;" in told.stderr

    def test_one_label(self, tmp_path: Path) -> None:
        result = run("-o", tmp_path / "m", stdin=b"a\tx\na\ty\n")
        assert "have one label" in str(result.exception)
        assert [path.name for path in tmp_path.iterdir()] == ["m.checkpoint"]
        good("-o", tmp_path / "m", "--resume", stdin=b"b\tz\n")
        assert Model.load(tmp_path / "m").labels == ["a", "b"]


class TestPipe:
    def test_slow_producer(self, tmp_path: Path) -> None:
        """The next line is sent only when it was told that those before are learnt."""
        with child(tmp_path / "m") as stream:
            stream.send(LINES[0])
            assert "1 document: accuracy" in stream.wait_for("1 document:")
            stream.send(LINES[1])
            stream.wait_for("2 documents:")
            stream.send(LINES[2] + LINES[3] + LINES[4][:5])
            assert "2 labels" not in stream.wait_for("4 documents:")
            stream.send(LINES[4][5:])
            out, _, code = stream.end()
        assert code == 0
        assert b"documents    5" in out

    @pytest.mark.parametrize(
        ("lines", "arguments"),
        [
            ([b'{"label":"a","text":"x"}\n', b'{"label":"b","text":"y"}\n'], []),
            ([b'label,text\na,"x\ny"\n', b"b,z\n"], []),
            ([b"__label__a x\n", b"__label__b y\n"], []),
            ([b"\xef\xbb\xbfa\tx\r\n", b"b\ty\r\n"], []),
            ([b"Ba\tx\n", b"(b\ty\n"], []),
            ([b"a\t2\tx\n", b"b\t1\ty\n"], ["--weighted"]),
        ],
    )
    def test_formats_are_read_as_they_come(self, lines: list[bytes], arguments: list[str]) -> None:
        """The second line is written only when the document of the first is there."""
        theirs, ours = os.pipe()
        os.write(ours, lines[0])
        with os.fdopen(theirs, "rb") as stdin:
            chunks = scan(
                ["-"],
                ReadingOptions(weighted=bool(arguments)),
                stdin=stdin,
                live=True,
                tables=False,
            )
            assert len(next(chunks)) == 1
            os.write(ours, lines[1])
            assert len(next(chunks)) == 1
            os.close(ours)
            assert not list(chunks)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signals(self, tmp_path: Path, number: signal.Signals) -> None:
        model = tmp_path / "m"
        with child(model, "--json") as stream:
            stream.send(b"".join(LINES[:150]))
            stream.wait_for("150 documents:")
            stream.process.send_signal(number)
            out, err, code = stream.end()
        assert code == 128 + number
        assert b"Traceback" not in err
        assert json.loads(out)["stopped"] == number.name
        good("-o", tmp_path / "whole", stdin=b"".join(LINES))
        good("-o", model, "--resume", stdin=b"".join(LINES[150:]))
        assert model.read_bytes() == (tmp_path / "whole").read_bytes()

    def test_killed(self, tmp_path: Path) -> None:
        """It goes on from the last checkpoint, whatever was learnt after it."""
        model = tmp_path / "m"
        with child(model, "--checkpoint-every", "64") as stream:
            stream.send(b"".join(LINES[:150]))
            stream.wait_for("kept 128 documents")
            assert Model.load(model).featurizer.documents == 128  # meanwhile others can use it
            stream.process.kill()
            stream.end()
        told = good("-o", model, "--resume", stdin=b"".join(LINES[128:]))
        assert "Resuming after 128 documents;" in told.stderr
        good("-o", tmp_path / "whole", stdin=b"".join(LINES))
        assert model.read_bytes() == (tmp_path / "whole").read_bytes()

    def test_checkpoints_by_time(self, tmp_path: Path) -> None:
        """One comes while nothing does."""
        with child(tmp_path / "m", "--checkpoint-every", "0.1s") as stream:
            stream.send(b"".join(LINES[:50]))
            stream.wait_for("kept 50 documents")
            assert Model.load(tmp_path / "m").featurizer.documents == 50

    @pytest.mark.slow
    def test_constant_memory(self, tmp_path: Path) -> None:
        """Ten times the documents take no more than the sample and the tables they fill."""
        code = (
            "import resource, sys\n"
            "from textmlr.__main__ import main\n"
            "sys.argv = ['textmlr', 'train', '-', '--stream', '-q', '--hash-bits', '12',"
            " '-o', sys.argv[1]]\n"
            "main()\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        )
        lines, peaks = b"".join(LINES) * 60, []
        for times in (1, 10):
            done = subprocess.run(
                [sys.executable, "-c", code, str(tmp_path / "m")],
                input=lines * times,
                cwd=ROOT,
                capture_output=True,
                check=True,
            )
            peaks.append(int(done.stdout) << 10)
        assert len(lines) * 9 > 10_000_000
        assert peaks[1] - peaks[0] < 30 << 20, peaks

    def test_in_a_terminal(self, tmp_path: Path) -> None:
        (tmp_path / "a.tsv").write_bytes(b"".join(LINES))
        command = [
            sys.executable,
            "-m",
            "textmlr",
            "train",
            str(tmp_path / "a.tsv"),
            "--stream",
            "--hash-bits",
            "12",
            "-o",
            str(tmp_path / "m"),
        ]
        shown, code = shown_in_terminal(command, ROOT)
        assert code == 0
        assert "300 documents: accuracy" in shown


def test_every() -> None:
    assert every("0.5m") == (None, 30.0)
    for wrong in ("", "5", "0s", "-1", "5d", "٣"):
        if wrong == "5":
            assert every(wrong) == (5, None)
        else:
            with pytest.raises(InputError):
                every(wrong)


def test_reservoir_is_of_all_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reservoir, "SAMPLE_BYTES", 400)
    sample = Reservoir(3)
    texts = [f"{i:04}" for i in range(2000)]
    for first in range(0, 2000, 70):
        sample.add(batches_of(texts[first : first + 70])[0], first)
    batch: Batch = sample.batch()
    numbers = sorted(int(batch[i]) for i in range(len(batch)))
    assert len(numbers) == len(set(numbers)) == 100
    assert 750 < np.mean(numbers) < 1250


def test_awaited_hands_on_what_is_raised() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise InputError("bad")

    drawn = awaited(items(), 60.0)
    assert next(drawn) == 1
    with pytest.raises(InputError, match="bad"):
        next(drawn)


def test_awaited_says_when_there_is_nothing() -> None:
    theirs, ours = os.pipe()
    with os.fdopen(theirs, "rb", buffering=0) as file:
        drawn = awaited(iter(lambda: file.read(1), b""), 0.01)
        assert next(drawn) is None
        os.write(ours, b"x")
        assert next(item for item in drawn if item is not None) == b"x"
        os.close(ours)
        assert all(item is None for item in drawn)
