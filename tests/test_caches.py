"""Caches of training: only a run that fits takes one over, after verifying it, and the next run
completes a removal that was cut off."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from conftest import documents, write_tsv

from textmlr.base.errors import InputError
from textmlr.cli import cli
from textmlr.corpus.disk_corpus import NOTHING, CorpusWriter, extended, sum_of
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.model import model
from textmlr.training import dealt_parts as dealings
from textmlr.training import ngram_choice
from textmlr.training.on_disk import cache as caches
from textmlr.training.on_disk import cache_folder, file_identity, gather, row_counts
from textmlr.training.on_disk import part_files as dealt
from textmlr.training.on_disk.cache import Cache
from textmlr.training.on_disk.cache_errors import CacheError, InUseError
from textmlr.training.sgd import trials

pytestmark = pytest.mark.slow  # many, and each trains

SMALL = "--memory", "1MB", "-q"  # too little for the corpora below, and enough for their features
CACHE = Path("model.textmlr.cache")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a small corpus is dealt into several parts, and a twin of the final run calibrates."""
    monkeypatch.setattr(ngram_choice, "CHOICE_BYTES", 1 << 14)
    monkeypatch.setattr(dealings, "WHOLE_NONZEROS", 1 << 14)
    monkeypatch.setattr(dealings, "PART_NONZEROS", 1 << 13)
    monkeypatch.setattr(row_counts, "RECORD_ENTRIES", 1 << 13)
    monkeypatch.setattr(trials, "TRIAL_NONZEROS", 1 << 14)
    # Checkpoints come between any two documents.
    monkeypatch.setattr("textmlr.base.durations.SHORTEST", 1e-6)


def train(*arguments: object) -> Result:
    """What becomes of ``train``; a fault is told in a sentence, and leaves the model as it was."""
    before = Path("model.textmlr").read_bytes() if Path("model.textmlr").exists() else None
    done = CliRunner().invoke(cli, ["train", *map(str, arguments)])
    if done.exit_code:
        assert isinstance(done.exception, InputError | SystemExit), repr(done.exception)
        assert before is None or Path("model.textmlr").read_bytes() == before
    return done


def trained(*arguments: object) -> bytes:
    """The model that ``train`` writes."""
    done = train(*arguments)
    assert done.exit_code == 0, f"{done.output}{done.exception}"
    return Path("model.textmlr").read_bytes()


def refused(*arguments: object) -> str:
    """What ``train`` says of input it cannot use."""
    done = train(*arguments)
    assert isinstance(done.exception, InputError), done.output
    return f"{done.output}{done.exception}"


def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows whenever text is read onto the disk."""
    read: list[int] = []
    add = CorpusWriter.add
    monkeypatch.setattr(CorpusWriter, "add", lambda *a: (read.append(1), add(*a))[1])
    return read


class Stopped(BaseException):
    """A run is cut off here."""


def cut_off(monkeypatch: pytest.MonkeyPatch, *arguments: object, stage: str = "rows") -> None:
    """Leave the cache of a run that ended right after a stage was entered."""
    enter = Cache.enter

    def enter_and_stop(self: Cache, name: str, *values: Any) -> None:
        enter(self, name, *values)
        if name == stage:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(Cache, "enter", enter_and_stop)
        with pytest.raises(Stopped):
            CliRunner().invoke(cli, ["train", *map(str, arguments)])
    assert CACHE.is_dir()


def table(path: Path, seed: int = 1) -> Path:
    """A CSV file with two columns of text, of labels and of weights each."""
    rng = random.Random(seed)
    pairs = zip(documents(1500, seed), documents(1500, seed + 1), strict=True)
    rows = [
        f"{text},{other},{label},{rng.choice('ab')},{rng.randint(1, 3)},{rng.randint(1, 3)}\n"
        for (label, text), (_, other) in pairs
    ]
    path.write_text("".join(["text,other,label,kind,weight,count\n", *rows]), encoding="utf-8")
    return path


# What a cache is of


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        "--text-column other",
        "--label-column kind",
        "--weight-column count",
        "--weighted",
        "--format csv",
        "--skip-bad-lines",
        "--no-compression-limit",
    ],
)
def test_a_kept_cache_is_of_one_way_of_reading(
    options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(Path("corpus.csv"))
    columns = {"--text-column": "text", "--label-column": "label"}
    common = ["corpus.csv", *SMALL, *chain(*columns.items())]
    option, *values = options.split()
    if option in columns:
        other = ["corpus.csv", *SMALL, *chain(*(columns | {option: values[0]}).items())]
    else:
        other = [*common, option, *values]
    right = trained(*other)
    trained(*common, "--keep-cache")
    read = reads(monkeypatch)
    trained(*common, "--keep-cache")
    assert not read
    assert trained(*other, "--keep-cache") == right
    assert read
    del read[:]
    assert trained(*other) == right
    assert not read
    assert not list(Path().glob("*.cache*"))


@pytest.mark.slow
@pytest.mark.parametrize("option", ["text", "label", "weight"])
def test_a_column_that_is_not_there_is_refused_and_costs_no_kept_cache(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(Path("corpus.csv"))
    right = trained("corpus.csv", *SMALL, "--keep-cache")
    for wanted in ([], ["--keep-cache"], ["--resume"]):
        assert "nowhere" in refused("corpus.csv", *SMALL, f"--{option}-column", "nowhere", *wanted)
    read = reads(monkeypatch)
    assert trained("corpus.csv", *SMALL) == right
    assert not read


@pytest.mark.slow
def test_every_option_of_reading_is_part_of_what_a_cache_is_of() -> None:
    """Whatever options reading will have."""
    table(Path("corpus.csv"))
    cut = Cache.open
    seen: list[dict[str, Any]] = []

    def spy(folder: str, own: dict[str, Any], **rest: Any) -> Cache:
        seen.append(own)
        return cut(folder, own, **rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cache, "open", spy)
        trained("corpus.csv", *SMALL, "--text-column", "other")
    names = {f"--{name.replace('_', '-')}" for name in ReadingOptions.__dataclass_fields__}
    assert seen[0]["reading"].keys() == names
    assert seen[0]["reading"]["--text-column"] == "other"


@pytest.mark.parametrize("wanted", ["--keep-cache", "--resume"])
def test_another_content_of_the_same_size_and_time_is_seen(
    wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))
    if wanted == "--resume":
        cut_off(monkeypatch, corpus, *SMALL)
    else:
        trained(corpus, *SMALL, "--keep-cache")
    before = corpus.stat()
    corpus.write_bytes(corpus.read_bytes().replace(b"robot", b"ranch"))
    os.utime(corpus, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert corpus.stat().st_size == before.st_size
    if wanted == "--resume":
        assert "corpus.tsv has changed since" in refused(corpus, *SMALL, wanted)
        assert CACHE.is_dir()
        return
    found = trained(corpus, *SMALL, wanted)
    shutil.rmtree(CACHE)
    assert found == trained(corpus, *SMALL)


@pytest.mark.parametrize("wanted", ["--keep-cache", "--resume"])
def test_the_same_content_written_again_is_the_same(
    wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))
    right = trained(corpus, *SMALL)
    if wanted == "--resume":
        cut_off(monkeypatch, corpus, *SMALL)
    else:
        trained(corpus, *SMALL, "--keep-cache")
    os.utime(corpus, ns=(1, 1))
    read = reads(monkeypatch)
    assert trained(corpus, *SMALL, wanted) == right
    assert not read


@pytest.mark.slow
@pytest.mark.parametrize("other", ["b.tsv a.tsv", "a.tsv", "a.tsv b.tsv b.tsv", "a.tsv c.tsv"])
def test_order_number_and_names_of_files_matter(
    other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seed in (("a.tsv", 3), ("b.tsv", 4), ("c.tsv", 4)):
        write_tsv(Path(name), documents(1200, seed))
    right = trained(*other.split(), *SMALL)
    trained("a.tsv", "b.tsv", *SMALL, "--keep-cache")
    assert trained(*other.split(), *SMALL, "--keep-cache") == right
    shutil.rmtree(CACHE)
    cut_off(monkeypatch, "a.tsv", "b.tsv", *SMALL)
    said = refused(*other.split(), *SMALL, "--resume")
    assert "the run that was cut off had other files (a.tsv, b.tsv, now " in said


def test_files_behind_links_and_patterns_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (label, text) in enumerate(documents(900, 3)):
        folder = Path("elsewhere" if label == "scifi" else f"corpus/{label}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(text)
    Path("corpus/scifi").symlink_to(Path("elsewhere").resolve())
    Path("corpus/.hidden").write_text("no document")
    found = file_identity.contents(["corpus"])
    assert len(found["files"]) == 900
    Path("corpus/.hidden").write_text("nor this")
    assert file_identity.contents(["corpus"]) == found
    Path("corpus/scifi/0.txt").write_text("another robot")  # through the link
    assert file_identity.contents(["corpus"]) != found
    write_tsv(Path("part-1.tsv"), documents(1500, 3))
    trained("part-*.tsv", *SMALL, "--keep-cache")
    write_tsv(Path("part-2.tsv"), documents(300, 4))
    read = reads(monkeypatch)
    trained("part-*.tsv", *SMALL, "--keep-cache")
    assert read


@pytest.mark.parametrize("name", ["judges.tsv", "jud*.tsv", "judges"])
def test_validation_documents_that_changed_are_seen(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))
    judges = Path("judges/scifi/1.txt") if name == "judges" else Path("judges.tsv")
    if name == "judges":
        judges.parent.mkdir(parents=True)
        judges.write_text("a robot")
    else:
        write_tsv(judges, documents(90, 5))
    cut_off(monkeypatch, corpus, *SMALL, "--validation", name)
    judges.write_bytes(judges.read_bytes().replace(b"robot", b"probe"))
    said = refused(corpus, *SMALL, "--validation", name, "--resume")
    assert f"{judges} has changed since the run was cut off" in said
    said = refused(corpus, *SMALL, "--resume")
    assert (
        f"the run that was cut off had other --validation ({judges if '*' in name else name}"
        ", now none)" in said
    )


@pytest.mark.parametrize("wanted", ["--keep-cache", "--resume"])
def test_a_cache_is_of_one_version(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))
    if wanted == "--resume":
        cut_off(monkeypatch, corpus, *SMALL)
    else:
        trained(corpus, *SMALL, wanted)
    monkeypatch.setattr("textmlr.model.record.__version__", "9.9")
    if wanted == "--resume":
        said = refused(corpus, *SMALL, wanted)
        assert "had another version of textmlr" in said
        assert "now 9.9" in said
        return
    read = reads(monkeypatch)
    trained(corpus, *SMALL, wanted)
    assert read


@pytest.mark.parametrize("wanted", ["", "--resume"])
def test_a_cache_of_another_form_is_begun_anew_or_refused(
    wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))
    right = trained(corpus, *SMALL)
    cut_off(monkeypatch, corpus, *SMALL)
    journal = json.loads((CACHE / "journal.json").read_text())
    (CACHE / "journal.json").write_text(json.dumps(journal | {"version": 1}))
    if wanted:
        assert "another version's of textmlr" in refused(corpus, *SMALL, wanted)
        assert (CACHE / "text").exists()
    else:
        assert trained(corpus, *SMALL) == right
        assert not CACHE.exists()


def test_what_comes_through_a_pipe_is_never_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_tsv(Path("corpus.tsv"), documents(1500, 3)).read_bytes()
    os.mkfifo("pipe.tsv")

    def through_pipe(*arguments: str) -> Result:
        def write() -> None:
            with suppress(BrokenPipeError), open("pipe.tsv", "wb") as pipe:
                pipe.write(content)

        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        done = train("pipe.tsv", *SMALL, *arguments)
        if writer.is_alive():  # nobody read it
            os.close(os.open("pipe.tsv", os.O_RDONLY | os.O_NONBLOCK))
        return done

    read = reads(monkeypatch)
    for _ in range(2):
        assert through_pipe("--keep-cache").exit_code == 0
        assert read
        del read[:]
    right = Path("model.textmlr").read_bytes()
    shutil.rmtree(CACHE)
    with monkeypatch.context() as patch:
        patch.setattr(Cache, "save", lambda *_, **__: (_ for _ in ()).throw(CacheError("full")))
        assert through_pipe().exit_code != 0
    del read[:]
    done = through_pipe("--resume")
    assert done.exit_code == 0
    assert not read
    assert "pipe.tsv cannot be read again to compare: the text that the run" in done.output
    assert Path("model.textmlr").read_bytes() == right


def test_names_that_are_not_unicode() -> None:
    name = os.fsdecode(b"caf\xe9.tsv")
    write_tsv(Path(name), documents(1500, 3))
    right = trained(name, *SMALL)
    assert trained(name, *SMALL, "--keep-cache") == right
    assert trained(name, *SMALL) == right


# Rows are made one way


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["corpus", "choice", "counts", "rows", "trials"])
def test_a_memory_that_cuts_cuts_alike_before_and_after_a_kill(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text is small enough to choose n-grams on all of it, in memory."""
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))
    options = [corpus, "--memory", "100kB", "-q", "--ngrams", "1-2"]
    whole = trained(*options)
    cut = model.Model.load("model.textmlr").record.cut.as_json()
    assert 0 < cut["kept"] < cut["of"]
    assert trained(*options, "--resume") == whole
    cut_off(monkeypatch, *options, stage=stage)
    assert trained(*options, "--resume") == whole


@pytest.mark.slow
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("wanted", ["--resume", "--keep-cache"])
def test_a_corpus_that_fits_is_trained_alike_with_and_without_a_cache(
    wanted: str, compressed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its features would not fit in the memory that it would be given on disk."""
    import gzip

    corpus = write_tsv(Path("corpus.tsv"), documents(300, 3))
    if compressed:
        content = corpus.read_bytes()
        corpus = Path("corpus.tsv.gz")
        corpus.write_bytes(gzip.compress(content))
    monkeypatch.setattr(gather, "MEMORY_A_BYTE", 1)
    options = [corpus, "--memory", "100kB", "-q", "--ngrams", "1-3"]
    whole = trained(*options)
    assert not CACHE.exists()
    record = model.Model.load("model.textmlr").record.as_json()
    assert "cut" not in record
    monkeypatch.setattr(gather, "MEMORY_A_BYTE", 16)
    trained(*options)
    assert model.Model.load("model.textmlr").record.cut.kept < record["corpus"]["nonzeros"]
    monkeypatch.setattr(gather, "MEMORY_A_BYTE", 1)
    assert trained(*options, wanted) == whole
    assert trained(*options, wanted) == whole


@pytest.mark.slow
def test_a_run_that_memory_cuts_is_killed_and_gone_on_with() -> None:
    """SIGKILL at several moments; bench/kills.py does it fifty times."""
    write_tsv(Path("corpus.tsv"), documents(3000, 8))
    command = [
        sys.executable,
        "-m",
        "textmlr",
        "train",
        "corpus.tsv",
        "--memory",
        "150kB",
        "-q",
        "--epochs",
        "12",
        "--checkpoint-every",
        "0.01s",
    ]
    subprocess.run([*command, "-o", "whole.textmlr"], check=True, stderr=subprocess.DEVNULL)
    whole = Path("whole.textmlr").read_bytes()
    assert model.Model.load("whole.textmlr").record.cut
    killed = 0
    for moment in ("text", "counts", "rows", "final.checkpoint"):
        run = subprocess.Popen([*command, "--resume"], stderr=subprocess.DEVNULL)
        while run.poll() is None and not (CACHE / moment).exists():
            pass
        run.kill()
        killed += run.wait() != 0
        if Path("model.textmlr").exists():  # it was done: what there is is whole
            assert Path("model.textmlr").read_bytes() == whole
            Path("model.textmlr").unlink()
    assert killed
    subprocess.run([*command, "--resume"], check=True, stderr=subprocess.DEVNULL)
    assert Path("model.textmlr").read_bytes() == whole


def test_what_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))
    options = [corpus, "--ngrams", "1-2", "--char-ngrams", "none"]
    said = train(*options, "--memory", "1MB").output
    assert "memory allowed" not in said
    said = train(*options, "--memory", "100kB").output
    assert "features do not fit in the memory allowed, and the most frequent" in said
    assert "while they are counted" not in said
    from textmlr.features import counting

    monkeypatch.setattr(counting, "LEAST_SLOTS", 1024)  # the table is cut, and θ is not
    done = train(*options, "--memory", "100kB", "--max-features", "100")
    cut = model.Model.load("model.textmlr").record.cut.as_json()
    assert (cut["kept"], cut["of"]) == (100, 100)
    assert cut["missed"] > 0
    assert "100 features do not fit" not in done.output
    assert (
        "the n-grams do not fit in the memory allowed while they are counted, and rare ones are "
        f"left out: features of up to {cut['missed']:,} document"
    ) in done.output


@pytest.mark.parametrize("size", ["1", "512", "2000", "99kB"])
def test_a_memory_without_its_unit_is_refused(size: str) -> None:
    write_tsv(Path("corpus.tsv"), documents(90, 3))
    said = refused("corpus.tsv", "--memory", size)
    assert "bytes is too little to train in" in said
    assert "such as 500MB or 2GB" in said


# Damage


def flipped(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def shortened(path: Path, other: Path) -> None:
    os.truncate(path, max(path.stat().st_size - 1, 0))


def emptied(path: Path, other: Path) -> None:
    os.truncate(path, 0)


def removed(path: Path, other: Path) -> None:
    path.unlink()


def once(options: list[str]) -> list[str]:
    """Options without the first of two values of one, the last of them."""
    at = options.index(options[-2])
    return options if at == len(options) - 2 else options[:at] + options[at + 2 :]


def swapped(path: Path, other: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


def lengthened(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def piped(path: Path, other: Path) -> None:
    path.unlink()
    os.mkfifo(path)


HARMS = [flipped, shortened, emptied, removed, swapped, lengthened, piped]
OPTIONS = [
    *SMALL,
    "--epochs",
    "3",
    "--threads",
    "1",
    "--step",
    "adagrad",
    "--checkpoint-every",
    "0.000001s",
    "--holdout",
    "0.5",
]


def leave(state: str, monkeypatch: pytest.MonkeyPatch, options: list[str]) -> None:
    """Leave a cache in a state: kept, or cut off after a stage or within its epochs."""
    if state == "kept":
        trained("corpus.tsv", *options, "--keep-cache")
    elif state not in ("final", "twin"):
        cut_off(monkeypatch, "corpus.tsv", *options, stage=state)
    else:
        put, saved = Cache.put, list[str]()

        def put_some(self: Cache, name: str, *content: Any) -> None:
            put(self, name, *content)
            saved.append(name)
            if saved.count(f"{state}.checkpoint") == 2:
                raise Stopped

        with monkeypatch.context() as patch:
            patch.setattr(Cache, "put", put_some)
            patch.setattr(caches, "SHARE", 0)
            with pytest.raises(Stopped):
                CliRunner().invoke(cli, ["train", "corpus.tsv", *options])
        assert (CACHE / f"{state}.checkpoint").exists()


@pytest.mark.slow
@pytest.mark.parametrize("state", ["kept", "corpus", "counts", "twin"])
@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.usefixtures("parts")
def test_no_damage_of_a_cache_gives_another_model(
    state: str, harm: Callable[[Path, Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever file it is: what does not agree is made again, or the folder is refused."""
    rng = random.Random(5)
    lines = [f"{y}\t{rng.choice([0.5, 1, 2])}\t{t}\n" for y, t in documents(1100, 3)]
    Path("corpus.tsv").write_text("".join(lines), encoding="utf-8")
    options = [
        *OPTIONS[OPTIONS.index("-q") :],
        "--weighted",
        "--memory",
        "300kB",
        "--char-ngrams",
        "none",
        "--ngrams",
        "1",
    ]
    right = trained("corpus.tsv", *options)
    leave(state, monkeypatch, options)
    snapshot, again = Path("snapshot"), [] if state == "kept" else ["--resume"]
    CACHE.rename(snapshot)
    names = sorted({*os.listdir(snapshot)} - {"lock"}, key=lambda name: name[::-1])  # alike: beside
    assert {"kept": 8, "corpus": 5, "counts": 7, "twin": 10}[state] <= len(names)
    wrong = []
    for number, name in enumerate(names):
        other = names[number - 1]
        same = (snapshot / name).read_bytes() == (snapshot / other).read_bytes()
        if harm is swapped and same:
            continue
        shutil.copytree(snapshot, CACHE)
        harm(CACHE / name, CACHE / other)
        touched = {name, other} if harm is swapped else {name}
        done = train("corpus.tsv", *options, *again)
        said = f"{done.output}{done.exception or ''}"
        if "journal.json" in touched and harm is not lengthened:
            # Nothing tells any more whose the folder is: it stays as it is.
            fine = done.exit_code != 0 and "model.textmlr.cache" in said and CACHE.is_dir()
            fine = fine and ("remove the folder" in said)
        elif "journal.json" in touched:
            fine = done.exit_code != 0 and "not the journal of a training run" in said
        else:
            made = Path("model.textmlr").read_bytes() == right
            gone = harm is removed and name.endswith(".checkpoint")  # which need not be there
            told = gone or all(
                f"{n} is not as it was written, and is made again" in said for n in touched
            )
            fine = done.exit_code == 0 and made and told and not CACHE.exists()
        if not fine:
            wrong.append((name, said))
        shutil.rmtree(CACHE, ignore_errors=True)
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["corpus", "counts", "rows"])
@pytest.mark.usefixtures("parts")
def test_files_written_in_pieces_are_verified_whole(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seed in (("a.tsv", 3), ("b.tsv", 4)):  # a chunk each
        write_tsv(Path(name), documents(900, seed))
    monkeypatch.setattr(dealt, "HELD_WORDS", 1 << 10)
    right = trained("a.tsv", "b.tsv", *SMALL)
    cut_off(monkeypatch, "a.tsv", "b.tsv", *SMALL, stage=stage)
    done = train("a.tsv", "b.tsv", *SMALL, "--resume")
    assert Path("model.textmlr").read_bytes() == right
    assert "is not as it was written" not in done.output


def test_a_sum_is_of_all_bytes() -> None:
    rng = np.random.default_rng(1)
    pieces = [rng.integers(256, size=size, dtype=np.uint8) for size in (1 << 20, 0, 5, 1 << 20)]
    content = b"".join(piece.tobytes() for piece in pieces)
    Path("file").write_bytes(content)
    found = NOTHING
    for piece in pieces:
        found = extended(found, piece)
    assert found == sum_of("file") == (len(content), zlib.crc32(content))
    os.mkfifo("pipe")
    for name in ("pipe", ".", "nowhere"):
        with pytest.raises(OSError, match=r"not a file|No such file"):
            sum_of(name)


@pytest.mark.slow
@pytest.mark.usefixtures("parts")
def test_only_what_is_damaged_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))
    options = [corpus, *SMALL, "--holdout", "0.5"]
    right = trained(*options)
    read = reads(monkeypatch)
    for name, again in (("text", True), ("rows-00001", False), ("ends", False)):
        cut_off(monkeypatch, *options, stage="trials")
        del read[:]
        flipped(CACHE / name, CACHE)
        stages: list[str] = []
        enter = Cache.enter
        with monkeypatch.context() as patch:
            patch.setattr(
                Cache, "enter", lambda *a, own=stages, to=enter: (own.append(a[1]), to(*a))[1]
            )
            assert trained(*options, "--resume") == right
        assert bool(read) == again
        assert stages == (["corpus", "twin"] if again else ["counts", "rows", "twin"])


@pytest.mark.slow
@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize(
    ("stage", "name"),
    [("corpus", "lengths"), ("counts", "counts"), ("rows", "rows-00001"), ("rows", "ends")],
)
def test_what_is_changed_while_a_run_needs_it_is_refused_and_made_again(
    stage: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kernels that were given it would read and write beyond their arrays."""
    options = [write_tsv(Path("corpus.tsv"), documents(1500, 3)), *SMALL]
    right = trained(*options)
    enter = Cache.enter

    def enter_and_change(self: Cache, of: str, *values: Any) -> None:
        enter(self, of, *values)
        if of == stage:
            path = CACHE / name
            path.write_bytes(b"\xff" * path.stat().st_size)

    with monkeypatch.context() as patch:
        patch.setattr(Cache, "enter", enter_and_change)
        assert "something has changed it" in refused(*options)
    assert trained(*options, "--resume") == right


@pytest.mark.slow
@pytest.mark.usefixtures("parts")
def test_a_checkpoint_of_other_rows_is_not_gone_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another run of the same shape, as one that was killed before it removed its own leaves
    it."""
    write_tsv(Path("corpus.tsv"), documents(1500, 3))
    for other in ("--seed 7", "--no-holdout --epochs 9"):
        options = [*OPTIONS, "--ngrams", "1"]
        if "--no-holdout" in other:
            at = options.index("--holdout")
            options[at : at + 2] = ["--no-holdout"]
        leave("final", monkeypatch, once([*options, *other.split()[-2:]]))
        stranger = (CACHE / "final.checkpoint").read_bytes()
        shutil.rmtree(CACHE)
        right = trained("corpus.tsv", *options)
        for state in ("kept", "rows"):
            leave(state, monkeypatch, options)
            (CACHE / "final.checkpoint").write_bytes(stranger)
            again = [] if state == "kept" else ["--resume"]
            assert trained("corpus.tsv", *options, *again) == right


@pytest.mark.slow
@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("harmed", ["text", "labels"])
def test_what_cannot_be_read_again_as_it_was_is_begun_anew(
    harmed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other documents come through a pipe of the same name: nothing that was found is of them."""
    monkeypatch.setattr(file_identity, "_state_of", lambda _: None)  # as of a pipe
    options = [*OPTIONS, "--ngrams", "1"]
    pairs = documents(1500, 3)
    write_tsv(Path("corpus.tsv"), pairs)
    leave("twin", monkeypatch, options)
    write_tsv(Path("corpus.tsv"), documents(1500, 4))  # of the same words, but for chance
    flipped(CACHE / harmed, CACHE)
    found = trained("corpus.tsv", *options, "--resume")
    assert found == trained("corpus.tsv", *options)
    assert model.Model.load("model.textmlr").record.corpus.documents == 1500


@pytest.mark.usefixtures("parts")
def test_rows_half_dealt_by_another_run_are_not_a_kept_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))
    options = [corpus, *SMALL, "--char-ngrams", "none"]
    right = trained(*options, "--ngrams", "1")
    trained(*options, "--ngrams", "1", "--keep-cache")
    put = Cache.put

    def stop_before_rows(self: Cache, name: str, *content: Any) -> None:
        if name == "rows":
            raise Stopped
        put(self, name, *content)

    with monkeypatch.context() as patch:
        patch.setattr(Cache, "put", stop_before_rows)
        with pytest.raises(Stopped):
            CliRunner().invoke(cli, ["train", *map(str, options), "--ngrams", "1-2"])
    done = train(*options, "--ngrams", "1")
    assert Path("model.textmlr").read_bytes() == right
    assert "is not as it was written" not in done.output


def test_a_kept_cache_outlives_runs_that_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))
    right = trained(corpus, *SMALL, "--epochs", "3")
    trained(corpus, *SMALL, "--keep-cache")
    cut_off(monkeypatch, corpus, *SMALL, "--epochs", "2", stage="trials")
    said = refused(corpus, *SMALL, "--epochs", "3", "--resume")
    assert "the run that was cut off had another epochs (2, now 3)" in said
    read = reads(monkeypatch)
    assert trained(corpus, *SMALL, "--epochs", "3", "--keep-cache") == right
    done = train(corpus, *SMALL, "--epochs", "3", "--resume")  # nothing was cut off
    assert "nothing to resume" in done.output
    assert Path("model.textmlr").read_bytes() == right
    assert not read


# Removal


def test_a_link_to_a_folder_elsewhere_stays() -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(300, 3))
    Path("elsewhere").mkdir()
    CACHE.symlink_to("elsewhere")
    for _ in range(2):
        trained(corpus, *SMALL, "--resume")
        assert CACHE.is_symlink()
        assert {path.name for path in Path("elsewhere").iterdir()} <= {"journal.json", "lock"}
        assert not list(Path().glob("*.gone-*"))


FOLDERS = """
import os, sys
import numpy as np
from textmlr.base.errors import InputError
from textmlr.training.on_disk.cache import Cache

folder, what = "model.textmlr.cache", sys.argv[1]
OWN = {"corpus": {"sources": [], "files": []}}
NAMES = ["text", "lengths", "rows-00000", "rows"]


def build():
    cache = Cache.open(folder, OWN, resume=False, every=30.0)
    cache.begin("corpus")
    for name in NAMES:
        with open(cache.path(name), "w") as file:
            file.write(name)
    for stage, files in (("corpus", NAMES[:2]), ("rows", NAMES[2:]), ("trials", [])):
        cache.enter(stage, {}, None, {name: cache.sum_of(name) for name in files})
    cache.save("final", lambda: ({}, {"theta": np.zeros(3)}), ended=True)
    return cache


def act(cache):
    if what == "remove":
        cache.remove()
    elif what == "keep":
        cache.keep()
    elif what == "take":
        cache.keep()
        Cache.open(folder, OWN, resume=False, every=30.0).release()
    elif what == "enter":
        cache.enter("again", {}, None, {}, "corpus")
    else:
        cache.release()
        Cache.open(folder, {"corpus": {"sources": ["x"], "files": []}}, resume=False,
                   every=30.0).begin("corpus")


def died(last):
    # In a child that is killed before its last call of the system that changes a folder.
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    cache = build()
    left = last

    def counted(call):
        def once(*arguments, **rest):
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            return call(*arguments, **rest)
        return once

    for name in ("unlink", "rename", "replace", "rmdir", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))
    act(cache)
    os._exit(0)


last = 0
while died(last):
    try:
        cache = Cache.open(folder, OWN, resume=True, every=30.0)
        assert not cache.damaged or what in ("remove", "enter"), cache.damaged
        cache.release()
    except InputError as error:  # the other run's, whose journal is there
        assert what == "anew" and "had other files" in str(error), error
    cache = Cache.open(folder, OWN, resume=False, every=30.0)
    assert os.listdir(".") == [folder], os.listdir(".")
    cache.begin("corpus")
    assert set(os.listdir(folder)) - {"lock", "journal.json"} <= set(NAMES), os.listdir(folder)
    cache.remove()
    assert not os.listdir("."), os.listdir(".")
    last += 1
print(last)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "least"), [("remove", 9), ("keep", 2), ("take", 3), ("enter", 3), ("anew", 6)]
)
def test_a_kill_at_any_moment_leaves_what_the_next_run_knows(what: str, least: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FOLDERS, what], capture_output=True, text=True, check=False
    )
    assert not done.stderr
    assert int(done.stdout) >= least


def test_a_cache_killed_while_it_begins_is_one() -> None:
    CACHE.mkdir()
    (CACHE / "lock").touch()
    (CACHE / ".journal.json.0123456789ab.part").touch()
    cache = Cache.open(str(CACHE), {}, resume=False, every=30.0)
    cache.remove()
    assert not CACHE.exists()


def test_files_of_others_are_never_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))
    right = trained(corpus, *SMALL, "--keep-cache")
    (CACHE / "thesis.txt").write_text("years of work")
    (CACHE / "folder").mkdir()
    assert trained(corpus, *SMALL) == right
    assert sorted(os.listdir(CACHE)) == ["folder", "journal.json", "lock", "thesis.txt"]
    assert trained(corpus, *SMALL, "--seed", "2") != right
    assert (CACHE / "thesis.txt").read_text() == "years of work"
    (CACHE / "journal.json").write_text('{"version": 7, "entries": []}')  # another program's
    assert "not the journal of a training run" in refused(corpus, *SMALL)
    (CACHE / "journal.json").unlink()
    (CACHE / "lock").unlink()
    assert "is not a cache" in refused(corpus, *SMALL)
    assert sorted(os.listdir(CACHE)) == ["folder", "thesis.txt"]


def test_what_is_being_removed_is_left_to_who_does() -> None:
    gone = Path(f"{CACHE}.gone-012345")
    cache = Cache.open(str(gone), {}, resume=False, every=30.0)  # holds its lock
    cache_folder.remove_stale(str(CACHE))
    assert gone.is_dir()
    cache.release()
    other = Path(f"{CACHE}.gone-543210")
    other.mkdir()
    for name in ("thesis.txt", "journal.json", "text"):
        (other / name).touch()
    cache_folder.remove_stale(str(CACHE))
    assert not gone.exists()
    assert len(os.listdir(other)) == 3


def test_a_folder_that_cannot_be_renamed_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_tsv(Path("corpus.tsv"), documents(1500, 3))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "not here")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse)
        right = trained(corpus, *SMALL)
    assert sorted(os.listdir(CACHE)) == ["journal.json", "lock"]
    # There is nothing in it to go on from, whatever the run was.
    assert trained(corpus, *SMALL, "--seed", "2", "--resume") != right
    assert not CACHE.exists()


@pytest.mark.parametrize("moment", ["made", "locked"])
def test_a_folder_that_is_removed_while_it_is_taken(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the process that had it: whoever waited has a new one."""
    Cache.open(str(CACHE), {}, resume=False, every=30.0).release()
    home, name = (os, "makedirs") if moment == "made" else (cache_folder.fcntl, "flock")
    call, calls = getattr(home, name), list[int]()

    def remove_first(*arguments: Any, **rest: Any) -> None:
        if moment == "made":
            call(*arguments, **rest)
        if not calls:
            shutil.rmtree(CACHE)
        calls.append(1)
        if moment == "locked":
            call(*arguments, **rest)

    monkeypatch.setattr(home, name, remove_first)
    cache = Cache.open(str(CACHE), {}, resume=False, every=30.0)
    assert len(calls) >= 2
    assert (CACHE / "journal.json").exists()
    with pytest.raises(InUseError):
        Cache.open(str(CACHE), {}, resume=False, every=30.0)
    cache.remove()
    assert not CACHE.exists()
