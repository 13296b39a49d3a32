"""Faults of the system's files: full, read-only, killed, replaced, changing, slow.

Every fault is one clear line (an InputError, exit code 2), and no existing file is lost.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import LIMITED_PYTHON, corpus_of, documents, write_tsv

from textmlr import FeaturizerOptions, InputError, Model, TrainingOptions
from textmlr.base.whole_files import atomic_write
from textmlr.cli import cli
from textmlr.training.corpus_training import train_corpus

QUICK = TrainingOptions(epochs=1, holdout=0.0)
ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "textmlr"]
posix = pytest.mark.skipif(os.name != "posix", reason="this system has no such signals and locks")


@pytest.fixture
def place(model_file: Path, tmp_path: Path) -> Path:
    """A folder with a model, a corpus and a document."""
    shutil.copy(model_file, tmp_path / "m.textmlr")
    write_tsv(tmp_path / "c.tsv", documents(30, 5))
    (tmp_path / "d.txt").write_text("a robot in orbit")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def run(folder: Path, *command: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """textmlr in a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, command)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        timeout=100,
        stderr=subprocess.PIPE,
        **{"stdout": subprocess.PIPE, **options},
    )


def told_by(*command: object) -> str:
    """The InputError of a command."""
    error = CliRunner().invoke(cli, [*map(str, command)]).exception
    assert isinstance(error, InputError), error
    return str(error)


# A whole model or none -------------------------------------------------------------------------

WRITER = """
import itertools, sys
from textmlr import Model
models = [Model.load(path) for path in sys.argv[2:]]
for model in itertools.cycle(models):
    model.save(sys.argv[1])
    print("saved", flush=True)
"""


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Models of different sizes."""
    folder = tmp_path_factory.mktemp("two")
    paths = [folder / "small.textmlr", folder / "large.textmlr"]
    for path, (options, number) in zip(
        paths,
        ((FeaturizerOptions(ngrams=(1, 1)), 40), (FeaturizerOptions(hash_bits=18), 90)),
        strict=True,
    ):
        train_corpus(corpus_of(documents(number, 4)), options, QUICK).save(path)
    return paths


def writer(path: Path, models: list[Path]) -> subprocess.Popen[bytes]:
    """A process that writes models to a path, over and over; it has begun."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, path, *models], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"saved\n"
    return child


@posix
def test_kill_leaves_the_old_model_or_the_new(tmp_path: Path, two_models: list[Path]) -> None:
    path, rng = tmp_path / "m.textmlr", random.Random(1)
    whole = [model.read_bytes() for model in two_models]
    for _ in range(3):
        with writer(path, two_models) as child:
            time.sleep(rng.uniform(0, 0.1))
            child.kill()
        assert path.read_bytes() in whole
        Model.load(path)
        left = [name for name in os.listdir(tmp_path) if name != path.name]
        assert len(left) <= 1  # what it was writing, which the next writer removed
    Model.load(two_models[0]).save(path)
    assert os.listdir(tmp_path) == [path.name]


@posix
def test_two_writers_of_one_name(tmp_path: Path, two_models: list[Path]) -> None:
    """The last to finish wins whole, and whoever reads meanwhile reads one or the other."""
    path = tmp_path / "m.textmlr"
    expected = {tuple(Model.load(p).probabilities(["a robot"])[0].tolist()) for p in two_models}
    seen = set()
    with writer(path, two_models) as one, writer(path, two_models[::-1]) as other:
        for _ in range(40):
            seen.add(tuple(Model.load(path).probabilities(["a robot"])[0].tolist()))
        assert (one.poll(), other.poll()) == (None, None)
        one.kill()
        other.kill()
    assert seen <= expected


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    stale, held = ".m.0123456789ab.part", ".m.ba9876543210.part"
    others = [".m.part", ".m.0123456789.part", ".n.0123456789ab.part", "m.0123456789ab.part", held]
    for name in (stale, *others):
        (tmp_path / name).write_bytes(b"half a mod")
    with open(tmp_path / held, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as a process does that is still writing
        with atomic_write(tmp_path / "m") as temporary, open(temporary, "wb") as new:
            new.write(b"whole")
            with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "m"):
                _ = 1 / 0  # another writer leaves the first one's alone
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "m"])
    assert (tmp_path / "m").read_bytes() == b"whole"


def test_a_folder_that_vanishes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with (
        pytest.raises(InputError, match="cannot be written: no such file"),
        atomic_write(folder / "m"),
    ):
        shutil.rmtree(folder)


@posix
def test_a_replaced_file_hands_on_its_permissions(tmp_path: Path) -> None:
    """A model that only its owner may read stays so, while it is written too."""
    path = tmp_path / "m"
    old = os.umask(0o022)
    try:
        for mode, given in ((None, 0o644), (0o600, 0o600), (0o664, 0o664)):
            if mode is not None:
                path.chmod(mode)
            with atomic_write(path) as temporary:
                assert os.stat(temporary).st_mode & 0o777 & ~given == 0
            assert path.stat().st_mode & 0o777 == given
    finally:
        os.umask(old)


# Where nothing can be written ------------------------------------------------------------------

WRITERS = (
    "train c.tsv --ngrams 1-1 --epochs 1 -q -o out/o",
    "tune c.tsv --ngrams 1-1 --trials 1 --epochs 1 -q -o out/o",
    "update m.textmlr c.tsv -q -o out/o",
    "update m.textmlr c.tsv -q",
    *(
        f"classify -m m.textmlr --corpus c.tsv -o out/o.{ending}"
        for ending in ("csv", "csv.gz", "csv.bz2", "jsonl", "jsonl.zst", "parquet", "arrow")
    ),
    *(f"featurize -m m.textmlr c.tsv -o out/o.{ending}" for ending in ("npz", "svm", "vw")),
    "export m.textmlr --output-format json -o out/o.json --scorer out/s.js",
    "export m.textmlr --output-format onnx -o out/o.onnx",
    "compress m.textmlr -o out/o --max-size 20kB",
    "explain -m m.textmlr d.txt --html out/o.html",
    "evaluate -m m.textmlr c.tsv --report out",
)

LIMITED = """
import os, resource, signal, sys
from textmlr import InputError
from textmlr.cli import cli
import textmlr.model.model, textmlr.evaluation.report.page
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (600, limits[1]))
told = []
for command in sys.stdin.read().splitlines():
    silent = os.open(os.devnull, os.O_WRONLY)
    out = os.dup(1)
    os.dup2(silent, 1)
    try:
        cli.main(command.split(), standalone_mode=False)
        told.append("nothing")
    except InputError as error:
        told.append(str(error))
    finally:
        sys.stdout.flush()
        os.dup2(out, 1)
print(*told, sep="\\n")
"""


@pytest.mark.slow
@posix
def test_no_room_for_any_file(place: Path) -> None:
    """A limit on the size of files is as a full disk; every verb says so and leaves nothing."""
    (place / "out").mkdir()
    before = contents(place)
    done = subprocess.run(
        [*LIMITED_PYTHON, "-c", LIMITED],
        input="\n".join(WRITERS),
        cwd=place,
        timeout=100,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    told = done.stdout.splitlines()
    assert len(told) == len(WRITERS), done.stderr
    for command, one in zip(WRITERS, told, strict=True):
        assert "cannot be written: file too large" in one, (command, one)
    after = contents(place)
    journal = after.pop("out/o.trials.jsonl", b"")  # it grows line by line, and may end in half
    assert len(journal) <= 600
    assert after == before


READERS = (
    "train c.tsv -o c.tsv",
    "train {link} -o c.tsv",
    "train c.tsv -o {link}",
    "train c*.tsv -o c.tsv",
    "train m.textmlr --validation c.tsv -o c.tsv",
    "train texts -o texts/a/1.txt",
    "tune c.tsv -o c.tsv",
    "tune c.tsv -o o --journal c.tsv",
    "tune c.tsv --validation d.txt -o o --journal d.txt",
    "update m.textmlr c.tsv -o c.tsv",
    "update m.textmlr d.txt --test c.tsv -o c.tsv",
    "classify -m m.textmlr --corpus c.tsv -o c.tsv --output-format csv",
    "classify -m m.textmlr --corpus c.tsv -o m.textmlr --output-format csv",
    "featurize c.tsv -o c.tsv --output-format vw",
    "featurize -m m.textmlr c.tsv -o m.textmlr --output-format vw",
    "featurize o.svm.features --format tsv -o o.svm",
    "compress m.textmlr c.tsv --max-size 20kB -o c.tsv",
    "compress m.textmlr --max-size 20kB -o m.textmlr",
    "export m.textmlr --output-format json --scorer m.textmlr",
    "explain -m m.textmlr d.txt --html d.txt",
    "explain -m m.textmlr d.txt --html m.textmlr",
    "evaluate -m m.textmlr report.html --format tsv --report .",
)


@pytest.mark.parametrize("command", READERS)
def test_what_is_read_is_not_written_over(
    place: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    os.symlink("c.tsv", "link.tsv")
    for copy in ("report.html", "o.svm.features"):
        shutil.copy("c.tsv", copy)
    os.makedirs("texts/a")
    Path("texts/a/1.txt").write_text("a text")
    before = contents(place)
    told = told_by(*command.format(link="link.tsv").split())
    assert "would be overwritten; write to another file" in told
    assert contents(place) == before


def test_standard_input_is_not_written_over(place: Path) -> None:
    before = contents(place)
    with open(place / "c.tsv") as file:
        done = run(place, "train", "-", "-o", "c.tsv", stdin=file)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "c.tsv: is itself an input" in done.stderr
    assert contents(place) == before


@posix
@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("fifo", "is a device or a pipe"),
        ("/dev/null", "is a device or a pipe"),
        ("none/o", "there is no folder"),
        (".", "is a directory"),
        ("c.tsv/o", "not a directory"),
        ("x" * 256, "file name too long"),
        ("d/" * 3000 + "o", "too long"),
        ("a\0b", "null byte"),
    ],
)
def test_targets_that_cannot_be(
    place: Path, target: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said at once: the corpus, which has no labels, is not looked at."""
    monkeypatch.chdir(place)
    os.mkfifo("fifo")
    before = contents(place)
    error = told_by("train", "d.txt", "-o", target)
    assert "cannot be written: " in error
    assert told in error.lower()
    assert contents(place) == before


@posix
def test_standard_output_is_no_model_file(place: Path) -> None:
    done = run(place, "train", "c.tsv", "-o", "/dev/stdout")  # a pipe
    assert (done.returncode, done.stdout) == (2, "")
    assert "is a device or a pipe" in done.stderr


def test_the_longest_name_there_may_be(tmp_path: Path) -> None:
    """Its temporary file has a shorter one."""
    for name in ("x" * 255, "é" * 127):
        with atomic_write(tmp_path / name) as temporary, open(temporary, "w") as file:
            file.write("whole")
        assert (tmp_path / name).read_text() == "whole"


@posix
def test_read_only_folders_and_files(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    monkeypatch.chdir(place)
    (place / "out").mkdir()
    (place / "out").chmod(0o555)
    (place / "m.textmlr").chmod(0o444)
    before = contents(place)
    for command in WRITERS:
        told = told_by(*command.replace("out/", str(place / "out") + "/").split())
        assert "cannot be written" in told
    assert contents(place) == before


# Standard input and output ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "command",
    [
        "--version",
        "classify -m m.textmlr d.txt",
        "evaluate -m m.textmlr c.tsv --json",
        "classify -m m.textmlr --corpus c.tsv -o - --output-format csv",
    ],
)
def test_a_full_standard_output(place: Path, command: str) -> None:
    with open("/dev/full", "w") as full:
        done = run(place, *command.split(), stdout=full)
    assert done.returncode == 2
    assert done.stderr == (
        "Error: standard output: cannot be written: no space left on device; "
        "redirect it to another place\n"
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_standard_error_ends_no_training(place: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "train", "c.tsv", "-o", "o", "--ngrams", "1-1", "--epochs", "1"],
            cwd=place,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=full,
            stdout=subprocess.PIPE,
            timeout=100,
        )
    assert done.returncode == 0
    assert b"documents" in done.stdout
    assert len(Model.load(place / "o").labels) == 3


@posix
def test_closed_standard_files(place: Path) -> None:
    """No file that is opened gets their numbers, and with them what was meant for a terminal."""
    for number, command, told in (
        (0, "classify -m m.textmlr", "Error: standard input: closed; redirect a file into it\n"),
        (0, "train - -o o", "Error: standard input: closed; redirect a file into it\n"),
        (
            1,
            "train c.tsv -o o",
            "Error: standard output: closed; redirect it, to /dev/null to see nothing\n",
        ),
    ):
        shell = ["sh", "-c", f'exec "$@" {number}>&-', "sh", *COMMAND, *command.split()]
        done = subprocess.run(
            shell,
            cwd=place,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
            timeout=100,
        )
        assert (done.returncode, done.stderr) == (2, told)
    assert not (place / "o").exists()


@pytest.mark.slow
@posix
@pytest.mark.parametrize("verb", ["classify", "featurize"])
def test_standard_input_that_does_not_wait(place: Path, verb: str) -> None:
    """A pipe whose other users set O_NONBLOCK has nothing for a while: that is not its end."""
    command, name = ["classify", "-m", "m.textmlr"], "d.txt"
    if verb == "featurize":
        command = ["featurize", "-m", "m.textmlr", "-", "-o", "-", "--output-format", "vw"]
        name = "c.tsv"
    with open(place / name) as file:
        expected = run(place, *command, stdin=file).stdout
    theirs, ours = os.pipe()
    os.set_blocking(theirs, False)
    with subprocess.Popen(
        [*COMMAND, *command],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        os.close(theirs)
        raw = (place / name).read_bytes()
        for part in (raw[:9], raw[9:]):
            time.sleep(0.6)  # it asks meanwhile
            os.write(ours, part)
        os.close(ours)
        assert child.communicate(timeout=100)[0] == expected
    assert expected
