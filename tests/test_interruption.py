"""A signal or a full disk ends a command at any moment: it leaves no half file, and its message is
true."""

from __future__ import annotations

import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

import click
import pytest
from click.testing import CliRunner
from conftest import documents, write_tsv

from textmlr import FeaturizerOptions, InputError, TrainingOptions
from textmlr.__main__ import Ending
from textmlr.base import whole_files
from textmlr.base.whole_files import atomic_files, atomic_write
from textmlr.cli import VERBS, cli
from textmlr.training.corpus_training import train_corpus

pytestmark = pytest.mark.skipif(os.name != "posix", reason="this system has no such signals")
ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "textmlr"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}

# Every verb that writes, and what it writes: the last is the main file.
WRITERS = {
    "train c.tsv --ngrams 1-1 --epochs 1 -o o": ["o"],
    "train c.tsv --ngrams 1-1 --epochs 1 -q --resume -o o": ["o"],
    "tune c.tsv --ngrams 1-1 --trials 1 --epochs 1 -q -o o": ["o"],
    "update o c.tsv -q": ["o"],
    "classify -m m --corpus c.tsv -o o.csv.gz": ["o.csv.gz"],
    "featurize -m m c.tsv -o o.svm": ["o.svm.labels", "o.svm.features", "o.svm"],
    "export m --output-format json -o o.json --scorer s.js": ["s.js", "o.json"],
    "compress m c.tsv -o o --max-size 20kB": ["o"],
    "explain -m m d.txt --html o.html": ["o.html"],
    "evaluate -m m c.tsv --report .": ["reliability.png", "report.html"],
}
READERS = (
    "compare m m c.tsv",
    "top m",
    "info m",
    "classify -m m d.txt",
    "export m --output-format json -o /dev/null",
    "train c.tsv --stream -o stream",
)

# A signal comes just before, or just after, the first of a command's own files is in its place.
DRIVER = """
import os, sys
number, when, names = int(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
real, sent = os.replace, []

def replace(source, target, **how):
    own = os.path.basename(target) in names and not sent
    if own and when == "before":
        sent.append(os.kill(os.getpid(), number))
    real(source, target, **how)
    if own and when == "after":
        sent.append(os.kill(os.getpid(), number))

os.replace = replace
sys.argv[1:] = sys.argv[4:]
from textmlr.__main__ import main
main()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, a document and a model, which is also what is to be written over."""
    from textmlr import read_corpus

    folder = tmp_path_factory.mktemp("made")
    write_tsv(folder / "c.tsv", documents(120, 3))
    (folder / "d.txt").write_text("a robot in orbit")
    model = train_corpus(
        read_corpus([folder / "c.tsv"]), FeaturizerOptions(), TrainingOptions(epochs=1)
    )
    model.save(folder / "m")
    model.save(folder / "o")
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    for path in made.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def left_over(folder: Path) -> list[str]:
    return [name for name in contents(folder) if name.endswith(".part")]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("command", WRITERS)
def test_around_the_moment_when_files_come_to_their_places(
    place: Path, command: str, when: str
) -> None:
    names, before = WRITERS[command], contents(place)
    number = signal.SIGTERM if when == "after" else signal.SIGHUP
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(int(number)), when, ",".join(names), *command.split()],
        cwd=place,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 128 + number, done.stderr
    assert not left_over(place)
    assert "Traceback" not in done.stderr
    told, after = done.stderr.splitlines()[-1], contents(place)
    new = [name for name in names if after.get(name) != before.get(name)]
    # Of files that belong together all are in their places: renaming them is not interrupted.
    if when == "before" and len(names) == 1:
        assert not new
        assert told == "Interrupted by SIGHUP; nothing was overwritten."
    else:
        assert new == names
        pattern = rf"Interrupted by {number.name} after (\S+)( and \d+ more)? had been written\."
        found = re.fullmatch(pattern, told)
        assert found, told
        assert Path(found[1]).name in after
        assert (found[2] is not None) == (len(names) > 1)


# A signal that comes while Python itself starts, before ``main`` has begun, is none of ours.
BEGUN = """
import sys
from textmlr import __main__ as command
run = command._run

def begin():
    print("begun", file=sys.stderr, flush=True)
    run()

command._run = begin
command.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", [*WRITERS, *READERS])
def test_at_any_moment(place: Path, command: str) -> None:
    """Ends soon, with the signal's code, and one true line; nothing is half there."""
    rng = random.Random(command)
    before = contents(place)
    began = time.monotonic()
    subprocess.run(
        [*COMMAND, *command.split()],
        cwd=place,
        env=ENVIRONMENT,
        capture_output=True,
        check=not command.endswith("/dev/null"),
    )
    whole, usual = time.monotonic() - began, contents(place)
    seen: Counter[int] = Counter()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        for name in contents(place).keys() - before.keys():
            (place / name).unlink()
        for name, raw in before.items():
            (place / name).write_bytes(raw)
        with subprocess.Popen(
            [sys.executable, "-c", BEGUN, *command.split()],
            cwd=place,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stderr is not None
            assert child.stderr.readline() == "begun\n"
            time.sleep(rng.uniform(0, 0.8) * whole)
            child.send_signal(number)
            _, told = child.communicate(timeout=60)
        seen[child.returncode] += 1
        # The signal's own end is before and after textmlr's code runs; 0 and 2 where it came late.
        assert child.returncode in (128 + number, -number, 0, 2), told
        assert "Traceback" not in told
        assert not left_over(place)
        after = contents(place)
        changed = [name for name in after if after[name] != before.get(name)]
        outputs = {name for name in changed if ".cache" not in name and "trials" not in name}
        if child.returncode == 128 + number and "--stream" not in command:
            last = told.splitlines()[-1]
            assert last.startswith("Interrupted" + ("" if number == 2 else f" by {number.name}"))
            assert ("nothing was overwritten" in last) == (not outputs), (last, outputs)
            if any(".cache" in name for name in changed):
                assert "--resume resumes from" in told
        for name in outputs - {"stream", "stream.checkpoint"}:
            assert name in usual


@pytest.mark.slow
def test_while_kernels_are_compiled(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of a copy of the package, which has none."""
    cache = tmp_path_factory.mktemp("cache")
    shutil.copytree(
        ROOT / "textmlr", cache / "lib" / "textmlr", ignore=shutil.ignore_patterns("__pycache__")
    )
    environment = ENVIRONMENT | {"PYTHONPATH": str(cache / "lib")}
    environment |= {"XDG_CACHE_HOME": str(cache), "HOME": str(cache)}
    command = [*COMMAND, "train", "c.tsv", "-o", "new"]
    with subprocess.Popen(
        command,
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        assert "Compiling the kernels" in child.stderr.readline()
        time.sleep(1)
        child.terminate()
        _, told = child.communicate(timeout=60)
    assert child.returncode == 143, told
    assert told.splitlines()[-1] == "Interrupted by SIGTERM; nothing was overwritten."
    assert not left_over(cache)
    assert not left_over(place)
    assert not (place / "new").exists()


@pytest.mark.slow
def test_signals_that_are_ignored_stay_so(place: Path) -> None:
    """As nohup has it, of streams too."""
    for options in (["-q"], ["-q", "--stream"]):
        with subprocess.Popen(
            [*COMMAND, "train", "-", *options, "-o", "new"],
            cwd=place,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        ) as child:
            assert child.stdin is not None
            child.stdin.write((place / "c.tsv").read_bytes())
            child.stdin.flush()
            time.sleep(1.5)
            child.send_signal(signal.SIGHUP)
            time.sleep(0.2)
            child.communicate(timeout=60)
        assert child.returncode == 0


def test_importing_installs_nothing() -> None:
    code = (
        "import signal\n"
        "names = ('SIGINT', 'SIGTERM', 'SIGHUP')\n"
        "had = [signal.getsignal(getattr(signal, name)) for name in names]\n"
        "import textmlr.__main__, textmlr.cli.train_stream, textmlr.base.whole_files\n"
        "import textmlr.training.corpus_training\n"
        "assert had == [signal.getsignal(getattr(signal, name)) for name in names]\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_two_signals_at_once_are_one() -> None:
    """The second does not cut short what is removed at the first; a later one is obeyed."""
    ending, frame = Ending(), None
    note: FrameType | None = frame
    with pytest.raises(KeyboardInterrupt):
        ending._note(signal.SIGHUP, note)
    ending._note(signal.SIGTERM, note)
    assert ending.number == signal.SIGHUP
    assert ending._at is not None
    ending._at -= 10
    with pytest.raises(KeyboardInterrupt):
        ending._note(signal.SIGTERM, note)


def test_a_signal_that_python_loses_is_sent_again() -> None:
    """What is raised while an object is freed goes no further."""
    code = (
        "import os, signal, sys, time\n"
        "from textmlr.__main__ import Ending\n"
        "class Freed:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(0.1)\n"
        "Ending().install()\n"
        "try:\n"
        "    Freed()\n"
        "    time.sleep(30)\n"
        "except KeyboardInterrupt:\n"
        "    print('ended')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


# Files that belong together --------------------------------------------------------------------


@pytest.mark.parametrize(("cause", "code"), [("KeyboardInterrupt()", 130), ("ValueError()", 1)])
def test_a_signal_while_a_class_is_made(cause: str, code: int) -> None:
    """Python 3.11 raises what a descriptor of it raises as the cause of a RuntimeError."""
    script = (
        "import textmlr.__main__ as program\n"
        f"def run(): raise RuntimeError('__set_name__') from {cause}\n"
        "program._run = run\n"
        "program.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == code
    assert ("Traceback" in done.stderr) == (code == 1)
    assert done.stderr.startswith("Interrupted") == (code == 130)


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c, names in WRITERS.items() if len(names) > 1])
@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("fault", ["written", "renamed"])
def test_no_room_for_the_last_of_several_files(
    place: Path, monkeypatch: pytest.MonkeyPatch, command: str, old: bool, fault: str
) -> None:
    """None of them is there, or those that were there before are still."""
    names = WRITERS[command]
    if old and fault == "written":
        for name in names:
            (place / name).write_text("old")
    monkeypatch.chdir(place)
    before = contents(place)
    real = {"written": whole_files._sync, "renamed": os.replace}[fault]
    reached = []

    def refuse(path: str, *more: str) -> None:
        if re.search(rf"\b{re.escape(names[-1])}(\.[0-9a-f]+\.part)?$", path):
            reached.append(path)
            raise OSError(28, "No space left on device")
        real(path, *more)

    if fault == "written":
        monkeypatch.setattr(whole_files, "_sync", refuse)
    else:
        monkeypatch.setattr(os, "replace", refuse)
    error = CliRunner().invoke(cli, command.split()).exception
    assert reached
    assert isinstance(error, InputError)
    assert f"{names[-1]}: cannot be written: no space left on device" in str(error)
    assert contents(place) == before


def test_files_together_are_renamed_in_order_and_the_last_is_named(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    with atomic_files(paths) as temporaries:
        for temporary in temporaries:
            Path(temporary).write_text("new")
        assert not any(path.exists() for path in paths)
    assert [path.read_text() for path in paths] == ["new", "new"]
    with pytest.raises(InputError, match="b: cannot be written: oh"), atomic_files(paths):
        raise OSError(5, "oh")


def test_temporary_files_of_threads_are_removed_at_the_end(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a") as temporary:
        assert Path(temporary).exists()
        whole_files.discard_unfinished()
        assert not Path(temporary).exists()
        Path(temporary).write_text("again")  # or renaming fails
    assert (tmp_path / "a").read_text() == "again"
    assert not whole_files._unfinished


# Usage errors ----------------------------------------------------------------------------------


def choices() -> list[tuple[str, click.Option]]:
    found = []
    for verb in VERBS:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        for option in command.params:
            if isinstance(option.type, click.Choice):
                found.append((verb, option))
    return found


def test_usage_errors_show_no_escapes(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong choice, a missing one, a missing argument, an unknown option, of every verb."""
    from textmlr.__main__ import main

    monkeypatch.chdir(place)
    commands = [[verb] for verb in VERBS] + [[verb, "--nonsense"] for verb in VERBS] + [["verbs"]]
    commands += [[verb, "x", "--format"] for verb in VERBS]
    pairs = choices()
    assert len(pairs) > 12
    commands += [[verb, "x", f"{option.opts[0]}=none such"] for verb, option in pairs]
    commands += [["export", "m"], ["compress", "m"], ["train", "c.tsv", "--epochs", "a\tb\x1b[2J"]]
    told = []
    for command in commands:
        monkeypatch.setattr(sys, "argv", ["textmlr", *command])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        out = capsys.readouterr().err
        assert code in (0, 2), (command, out)
        told.append(out)
        if "\\x1b" not in out:
            assert "\\" not in out, (command, out)
        assert not re.search("[\t\x1b]", out)
    assert (
        "Error: name a file that ends in .json or .onnx (-o), or give --output-format\n" in told[-3]
    )
