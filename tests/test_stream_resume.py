"""train --stream --resume over files: no document is trained on twice, and the bits are those of a
run without interruption."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from conftest import documents

from textmlr import FeaturizerOptions, InputError, ModelFileError, StreamTrainer
from textmlr.base import tensor_file
from textmlr.cli import cli
from textmlr.training.stream import inputs
from textmlr.training.stream.inputs import InputMark

ROOT = Path(__file__).parent.parent
PAIRS = documents(300, 21)
SMALL = ("--hash-bits", "12")


def run(*arguments: str | Path) -> Result:
    """textmlr train --stream in this process."""
    return CliRunner().invoke(cli, ["train", "--stream", *SMALL, *map(str, arguments)])


def good(*arguments: str | Path) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def write(path: Path, pairs: list[tuple[str, str]]) -> None:
    """Labelled documents in the format that a name's ending says."""
    weights = [1.0 + (len(text) % 3) for _, text in pairs]
    rows = [
        {"label": label, "text": text, "weight": weight}
        for (label, text), weight in zip(pairs, weights, strict=True)
    ]
    lines = {
        ".tsv": lambda row: f"{row['label']}\t{row['weight']}\t{row['text']}",
        ".jsonl": json.dumps,
    }
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=64)
        return
    if path.suffix == ".csv":
        text = "label,text,weight\n"
        text += "".join(f'{row["label"]},"{row["text"]}",{row["weight"]}\n' for row in rows)
        path.write_text(text, encoding="utf-8")
        return
    line = lines[path.with_suffix("").suffix or path.suffix]
    raw = "".join(f"{line(row)}\n" for row in rows).encode()
    if path.suffix == ".gz":
        raw = gzip.compress(raw)
    elif path.suffix == ".zst":
        raw = pa.compress(raw, "zstd", asbytes=True)
    path.write_bytes(raw)


@pytest.mark.parametrize(
    "name", ["a.tsv", "a.csv", "a.jsonl", "a.parquet", "a.jsonl.gz", "a.jsonl.zst"]
)
def test_a_file_that_has_grown(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write(path, PAIRS)
    good(path, "-o", tmp_path / "whole", "--weighted", "-q")
    write(path, PAIRS[:130])
    good(path, "-o", tmp_path / "m", "--weighted", "-q")
    write(path, PAIRS)
    told = good(path, "-o", tmp_path / "m", "--weighted", "--resume")
    assert f"{name}: resuming after 130 documents that were trained on before" in told.stderr
    assert "300, 170 of them now" in told.stdout
    assert (tmp_path / "m").read_bytes() == (tmp_path / "whole").read_bytes()
    again = good(path, "-o", tmp_path / "m", "--weighted", "--resume")
    assert "300, 0 of them now" in again.stdout
    assert (tmp_path / "m").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("every", ["1", "7", "64"])
def test_killed_again_and_again(tmp_path: Path, every: str) -> None:
    """Over several files, one of them named twice, with bad lines in between, until it is done."""
    rng = random.Random(int(every))
    lines = [f"{label}\t{text}\n" for label, text in PAIRS]
    for name, part in (("a.tsv", slice(0, 110)), ("b.tsv", slice(110, 260))):
        own = lines[part]
        for _ in range(9):
            own.insert(rng.randrange(len(own)), "no tab here\n")
        (tmp_path / name).write_text("".join(own), encoding="utf-8")
    (tmp_path / "c.tsv.gz").write_bytes(gzip.compress("".join(lines[260:]).encode()))
    files = ["a.tsv", "b.tsv", "a.tsv", "c.tsv.gz"]
    command = [sys.executable, "-m", "textmlr", "train", *files, "--stream", "--skip-bad-lines"]
    command += [*SMALL, "--checkpoint-every", every]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([*command, "-q", "-o", "whole"], cwd=tmp_path, env=environment, check=True)
    kills, done, resume = 0, False, []
    while not done:
        with subprocess.Popen(
            [*command, "-o", "m", *resume],
            cwd=tmp_path,
            env=environment,
            text=True,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        ) as child:
            assert child.stderr is not None
            wait = rng.randrange(1, max(2, 120 // int(every)) + 1)
            for line in child.stderr:
                wait -= line.startswith("kept")
                if wait == 0 and kills < 6:
                    child.kill()
                    kills += 1
        done = child.returncode == 0
        assert done or child.returncode == -signal.SIGKILL
        resume = ["--resume"] if (tmp_path / "m.checkpoint").exists() else []
    assert kills
    assert (tmp_path / "m").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    for i, (label, text) in enumerate(PAIRS[:60]):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{i:03}.txt").write_text(text, encoding="utf-8")
    good(folder, "-o", tmp_path / "m", "-q")
    assert "60, 0 of them now" in good(folder, "-o", tmp_path / "m", "--resume").stdout


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: ["x" + lines[0], *lines[1:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:99], lines[99].replace("\n", " \n"), *lines[100:]],
        lambda lines: [*lines[:50], lines[50].replace("\t", "s\t"), *lines[51:]],
        lambda lines: lines[:60],
        lambda lines: lines[20:],
    ],
    ids=["text", "order", "space", "label", "shorter", "begins later"],
)
def test_a_file_that_has_changed(tmp_path: Path, change: object) -> None:
    """It is told, and its documents are new."""
    path = tmp_path / "a.tsv"
    lines = [f"{label}\t{text}\n" for label, text in PAIRS]
    path.write_text("".join(lines[:100]), encoding="utf-8")
    good(path, "-o", tmp_path / "m", "-q")
    assert callable(change)
    changed = change(lines)
    path.write_text("".join(changed), encoding="utf-8")
    told = good(path, "-o", tmp_path / "m", "--resume", "-q")
    assert told.stderr.count("\n") == 1
    assert "a.tsv: it does not begin with the 100 documents of it that were trained" in told.stderr
    trainer = StreamTrainer.resume(tmp_path / "m.checkpoint")
    assert trainer.documents == 100 + len(changed)
    # From now on it is known as it is now.
    again = good(path, "-o", tmp_path / "m", "--resume")
    assert f"{trainer.documents}, 0 of them now" in again.stdout


def test_other_weights_are_a_change(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"{a}\t1\t{b}\n" for a, b in PAIRS[:40]), encoding="utf-8")
    good(path, "-o", tmp_path / "m", "-q", "--weighted")
    path.write_text("".join(f"{a}\t2\t{b}\n" for a, b in PAIRS[:40]), encoding="utf-8")
    told = good(path, "-o", tmp_path / "m", "-q", "--weighted", "--resume")
    assert "does not begin with" in told.stderr


@pytest.mark.skipif(os.name != "posix", reason="this system has no such pipes")
def test_of_a_pipe_nothing_can_be_known(tmp_path: Path) -> None:
    path, fifo = tmp_path / "a.tsv", tmp_path / "fifo"
    path.write_text("".join(f"{a}\t{b}\n" for a, b in PAIRS[:40]), encoding="utf-8")
    os.mkfifo(fifo)
    for resume in ([], ["--resume"]):
        with subprocess.Popen(["cp", str(path), str(fifo)]) as copying:
            told = good(fifo, "-o", tmp_path / "m", *resume)
        assert copying.returncode == 0
    assert "fifo: whether its documents were trained on before is not known; all are" in told.stderr
    assert "80, 40 of them now" in told.stdout
    assert not StreamTrainer.resume(tmp_path / "m.checkpoint").inputs


def test_a_new_file_follows(tmp_path: Path) -> None:
    """As before: what is new is learnt, without a word, and both files are known afterwards."""
    for name, part in (("a.tsv", PAIRS[:90]), ("b.tsv", PAIRS[90:150])):
        (tmp_path / name).write_text("".join(f"{a}\t{b}\n" for a, b in part), encoding="utf-8")
    good(tmp_path / "a.tsv", "-o", tmp_path / "m", "-q")
    told = good(tmp_path / "b.tsv", "-o", tmp_path / "m", "--resume", "-q")
    assert told.stderr == ""
    both = good(tmp_path / "b.tsv", tmp_path / "a.tsv", "-o", tmp_path / "m", "--resume")
    assert "150, 0 of them now" in both.stdout


def test_inputs_that_are_remembered_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textmlr.training.stream.stream_trainer.MOST_INPUTS", 2)
    trainer = StreamTrainer()
    for name in "abca":
        trainer.stands_at(inputs.Position((name, 1)))
    assert [key for key, _ in trainer.inputs] == ["c", "a"]


@pytest.mark.parametrize("wrong", [["a"], ["a", 1, -1, 0, "x"], [1, 1, 1, 1, 1], 7, None])
def test_forged_inputs_are_refused(tmp_path: Path, wrong: object) -> None:
    trainer = StreamTrainer()
    trainer.learn(["a b", "c d"], ["x", "y"])
    good_one = InputMark(("a", 1), 2, 0, "00")
    trainer.inputs = {good_one.key: good_one}
    trainer.save(tmp_path / "m")
    assert StreamTrainer.resume(tmp_path / "m").inputs == trainer.inputs
    forged = type("Forged", (), {"documents": 1, "key": ("a", 1), "as_json": lambda self: wrong})
    trainer.inputs = {("a", 1): forged()}  # type: ignore[dict-item]
    trainer.save(tmp_path / "m")
    with pytest.raises(ModelFileError, match="cannot be resumed from"):
        StreamTrainer.resume(tmp_path / "m")


def test_a_bad_line_stops_and_the_mended_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    lines = [f"{label}\t{text}\n" for label, text in PAIRS]
    path.write_text("".join(lines), encoding="utf-8")
    good(path, "-o", tmp_path / "whole", "-q")
    # Chunks are of 4 MiB: the bad line is in the second.
    many = lines * (1 + (5 << 20) // len("".join(lines).encode()))
    path.write_text("".join([*many, "no tab here\n"]), encoding="utf-8")
    result = run(path, "-o", tmp_path / "m", "-q")
    assert isinstance(result.exception, InputError)
    kept = StreamTrainer.resume(tmp_path / "m.checkpoint").documents
    assert 0 < kept < len(many)
    path.write_text("".join(many), encoding="utf-8")
    told = good(path, "-o", tmp_path / "m", "--resume")
    assert f"resuming after {kept:,} documents" in told.stderr
    assert StreamTrainer.resume(tmp_path / "m.checkpoint").documents == len(many)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bias", 2**31),
        ("bias", 1),
        ("width", 1 << 10),
        ("width", "a"),
        ("length", 1.5),
        ("power", "none"),
        ("rate", "x"),
        ("documents", -1),
        ("labels", True),
        ("unit", []),
    ],
)
def test_a_forged_learner_is_refused(name: str, value: object, tmp_path: Path) -> None:
    """Kernels would be given it; a bias of 2^31 made them write beyond their arrays."""
    _refused_once(tmp_path, lambda header, _: header["learner"].update({name: value}))


def test_forged_labels_and_sums_are_refused(tmp_path: Path) -> None:
    _refused_once(tmp_path, lambda header, _: header["labels"].__setitem__(1, 7))
    _refused_once(tmp_path, lambda _, arrays: arrays.update(totals=np.zeros(0)))
    beyond = np.full(3, 2**31 - 1, np.int32)
    _refused_once(tmp_path, lambda _, arrays: arrays.update({"recent.y": beyond}))


@pytest.mark.parametrize(
    "name",
    [
        "theta",
        "squares",
        "tallies",
        "recent.scores",
        "recent.weights",
        "recent.losses",
        "recent.log_z",
    ],
)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_forged_numbers_are_refused(name: str, value: float, tmp_path: Path) -> None:
    """With one weight of a prediction that is no number, calibration went on for ever."""

    def forge(_: dict[str, Any], arrays: dict[str, Any]) -> None:
        arrays[name] = arrays[name].copy()
        arrays[name].flat[0] = value

    _refused_once(tmp_path, forge)


@pytest.mark.parametrize("name", ["squares", "tallies", "recent.weights"])
def test_forged_sums_and_weights_below_0_are_refused(name: str, tmp_path: Path) -> None:
    _refused_once(tmp_path, lambda _, arrays: arrays.update({name: arrays[name] - 1e30}))


def _refused_once(folder: Path, forge: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    path = folder / "forged.checkpoint"
    trainer = StreamTrainer(FeaturizerOptions(hash_bits=8))
    trainer.learn(["a robot", "a horse", "robots"], ["x", "y", "x"])
    trainer.save(path)
    header, arrays = tensor_file.load(path)
    forge(header, arrays)
    tensor_file.save(path, header, arrays)
    with pytest.raises(ModelFileError, match="cannot be resumed from"):
        StreamTrainer.resume(path)
