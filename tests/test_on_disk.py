"""Training from disk: the same bits as from memory, and no work is lost."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import documents, set_documents, write_tsv
from cut_runs import cut_after_saves, cut_after_stage
from hypothesis import given, settings
from hypothesis import strategies as st

from textmlr.base.errors import InputError
from textmlr.base.feature_bounds import FeatureBounds
from textmlr.cli import cli
from textmlr.corpus.disk_corpus import CorpusWriter, restore
from textmlr.corpus.reading import read_corpus, scan
from textmlr.features import counting
from textmlr.features.counting import Interner
from textmlr.model.model import Model
from textmlr.training import dealt_parts as dealings
from textmlr.training import ngram_choice
from textmlr.training.dealt_parts import Dealing, turns
from textmlr.training.on_disk import cache_errors, disk_rows, gather, row_counts
from textmlr.training.on_disk.cache import Cache
from textmlr.training.on_disk.cache_errors import CacheError, InUseError
from textmlr.training.sgd import trials

pytestmark = pytest.mark.slow  # many, and each trains

SMALL = "--memory", "4MB", "-q"  # too little for any corpus below


@pytest.fixture(autouse=True)
def _chosen_on_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where n-grams are chosen on the whole corpus, that is in memory anyway."""
    monkeypatch.setattr(ngram_choice, "CHOICE_BYTES", 1 << 15)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a small corpus is dealt into several parts."""
    monkeypatch.setattr(dealings, "WHOLE_NONZEROS", 1 << 16)
    monkeypatch.setattr(dealings, "PART_NONZEROS", 1 << 15)
    monkeypatch.setattr(row_counts, "RECORD_ENTRIES", 1 << 14)
    monkeypatch.setattr(trials, "TRIAL_NONZEROS", 1 << 16)  # a twin of the final run calibrates
    # Checkpoints come between any two documents.
    monkeypatch.setattr("textmlr.base.durations.SHORTEST", 1e-6)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Four times as large as what training may hold of it."""
    return write_tsv(tmp_path / "corpus.tsv", documents(6000, 3))


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Documents of any number of labels, none too."""
    pairs = [("|".join(own), text) for own, text in set_documents(6000, 3)]
    return write_tsv(tmp_path / "sets.tsv", pairs)


SETS = "--label-separator", "|", "--multilabel"


def trained(*arguments: object) -> bytes:
    """What ``train`` writes to model.textmlr, by these arguments."""
    done = CliRunner().invoke(cli, ["train", *map(str, arguments), "-o", "model.textmlr"])
    assert done.exit_code == 0, done.output
    return Path("model.textmlr").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        "",
        "--ngrams 1 --min-df 3 --max-features 100",
        "--hash-bits 12",
        "--hash-bits 12 --idf",
        "--idf --class-weight balanced --char-ngrams 3",
        "--hidden 4 --epochs 2 --input-dropout 0.2",
        "--no-holdout --norm none --term-frequency raw --no-bias",
        "--epochs 8 --step adagrad --learning-rate 0.2",
        "--stop-words words.txt --min-df 0.001 --max-df 0.5",
        "--token-pattern [a-z]+ --max-df 2000 --max-features 40",
        "--vocabulary words.txt --idf",
    ],
)
@pytest.mark.usefixtures("parts")
def test_the_same_bits_from_memory_and_disk(
    corpus: Path, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    Path("words.txt").write_text("the\nrobot\nnight\nunknown\nsaddle\nkiss\n")
    inside = trained(corpus, "-q", *options.split())
    assert trained(corpus, *SMALL, *options.split()) == inside
    assert trained(corpus, *SMALL, "--threads", 1, *options.split()) == inside
    assert not list(corpus.parent.glob("*.cache*"))


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--hash-bits 12 --maximise macro-f1",
        "--hidden 4 --epochs 2 --input-dropout 0.2",
        "--no-holdout --norm none --no-bias",
    ],
)
@pytest.mark.usefixtures("parts")
def test_label_sets_too(sets: Path, options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sets.parent)
    inside = trained(sets, "-q", *SETS, *options.split())
    for threads in (1, 2, 4):
        own = *SETS, "--threads", threads, *options.split()
        assert trained(sets, *SMALL, *own) == inside
        assert trained(sets, "-q", *own) == inside
    assert Model.load("model.textmlr").is_multilabel
    assert not list(sets.parent.glob("*.cache*"))


def test_label_sets_that_fit_in_one_part(sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sets.parent)
    for options in ([], ["--solver", "exact", "--l2", "1e-4"], ["--validation", str(sets)]):
        assert trained(sets, *SMALL, *SETS, *options) == trained(sets, "-q", *SETS, *options)


@pytest.mark.usefixtures("parts")
def test_documents_with_weights_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = random.Random(2)
    lines = [f"{y}\t{rng.choice([0, 0.5, 1, 7])}\t{text}\n" for y, text in documents(6000, 5)]
    Path("weighted.tsv").write_text("".join(lines))
    inside = trained("weighted.tsv", "--weighted", "-q")
    assert trained("weighted.tsv", "--weighted", *SMALL) == inside


@pytest.mark.slow
def test_a_corpus_in_one_part_is_learnt_from_in_memory(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    for options in ([], ["--solver", "exact"], ["--validation", str(corpus)]):
        assert trained(corpus, *SMALL, *options) == trained(corpus, "-q", *options)


@pytest.mark.usefixtures("parts")
def test_the_exact_solver_says_what_it_needs(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus.parent)
    said = refused(str(corpus), "-q", "--solver", "exact", "--memory", "100kB")
    assert "the exact solver needs all rows in memory" in said
    assert "--memory" in said


@pytest.mark.slow
def test_standard_input_is_read_once(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus.parent)
    trained(corpus, "-q")
    inside = Model.load("model.textmlr")
    text = corpus.read_bytes()
    for memory in ("4MB", "1GB"):  # on disk and in memory
        done = subprocess.run(
            [sys.executable, "-m", "textmlr", "train", "-", "--memory", memory, "--json"],
            input=text,
            capture_output=True,
            cwd=corpus.parent,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["storage"] == ("disk" if memory == "4MB" else "memory")
        model = Model.load("model.textmlr")
        assert np.array_equal(model.theta, inside.theta)
        assert model.featurizer.feature_names() == inside.featurizer.feature_names()
        assert model.record.corpus.files == ("standard input",)


# What a run keeps


STOPS = ["corpus", "choice", "counts", "rows", "trials", "twin"]


@pytest.mark.slow
@pytest.mark.parametrize("stage", STOPS)
@pytest.mark.usefixtures("parts")
def test_a_run_cut_off_after_any_stage_is_gone_on_with(
    corpus: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    whole = trained(corpus, *SMALL, "--epochs", 3)
    Path("model.textmlr").unlink()
    with cut_after_stage(stage):
        CliRunner().invoke(cli, ["train", str(corpus), *SMALL, "--epochs", "3"])
    assert not Path("model.textmlr").exists()
    assert Path("model.textmlr.cache").is_dir()
    read: list[str] = []
    reading = CorpusWriter.add
    monkeypatch.setattr(CorpusWriter, "add", lambda *a: (read.append("again"), reading(*a))[1])
    assert trained(corpus, *SMALL, "--epochs", 3, "--resume") == whole
    assert not read
    assert not Path("model.textmlr.cache").exists()


@pytest.mark.slow
@pytest.mark.parametrize("saves", [1, 2, 5, 9, 14])
@pytest.mark.usefixtures("parts")
def test_a_run_cut_off_within_an_epoch_is_gone_on_with(
    corpus: Path, saves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    options = [str(corpus), *SMALL, "--epochs", "3", "--threads", "1", "--step", "adagrad"]
    whole = trained(*options)
    with cut_after_saves(saves):
        CliRunner().invoke(cli, ["train", *options, "--checkpoint-every", "0.000001s"])
    header, _ = Cache.get(_Folder(Path("model.textmlr.cache")), "final.checkpoint")  # type: ignore[arg-type]
    assert header["unfinished"]["visits"] or header["done"]
    assert trained(*options, "--resume") == whole


@pytest.mark.parametrize("stage", ["corpus", "choice", "counts", "rows", "trials"])
@pytest.mark.parametrize("options", ["", "--epochs 3"])
@pytest.mark.usefixtures("parts")
def test_a_run_over_label_sets_is_gone_on_with_after_any_stage(
    sets: Path, stage: str, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sets.parent)
    own = [str(sets), *SMALL, *SETS, *options.split()]
    whole = trained(*own)
    Path("model.textmlr").unlink()
    with cut_after_stage(stage):
        CliRunner().invoke(cli, ["train", *own])
    assert Path("model.textmlr.cache").is_dir()
    assert trained(*own, "--resume") == whole


@pytest.mark.parametrize(("documents", "scores"), [(120, 0), (600, 1 << 25), (600, 0), (6000, 0)])
@pytest.mark.parametrize("saves", [1, 3])
def test_a_run_over_label_sets_is_gone_on_with_within_its_end(
    sets: Path, documents: int, scores: int, saves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few documents are calibrated in parts, so many that their scores are too many by a trial."""
    monkeypatch.setattr(trials, "MOST_SCORES", scores)
    monkeypatch.chdir(sets.parent)
    sets.write_text("".join(sets.read_text().splitlines(True)[:documents]))
    own = [str(sets), *SETS, "-q", "--memory", "100kB", "--threads", "1"]
    whole = trained(*own)
    with cut_after_saves(saves):
        CliRunner().invoke(cli, ["train", *own, "--checkpoint-every", "0.000001s"])
    assert trained(*own, "--resume") == whole


class _Folder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> str:
        return str(self.folder / name)


@pytest.mark.slow
def test_a_killed_run_is_gone_on_with(tmp_path: Path) -> None:
    """SIGKILL at random moments; bench/kills.py does it fifty times on a larger corpus."""
    write_tsv(tmp_path / "corpus.tsv", documents(6000, 8))
    command = [
        sys.executable,
        "-m",
        "textmlr",
        "train",
        "corpus.tsv",
        *SMALL,
        "--epochs",
        "20",
        "--checkpoint-every",
        "0.01s",
        "--ngrams",
        "1-2",
        "--char-ngrams",
        "none",
    ]
    subprocess.run([*command, "-o", "whole.textmlr"], cwd=tmp_path, check=True)
    model, whole = tmp_path / "model.textmlr", (tmp_path / "whole.textmlr").read_bytes()
    rng, killed = random.Random(4), 0
    for _ in range(6):
        run = subprocess.Popen([*command, "--resume"], cwd=tmp_path, stderr=subprocess.DEVNULL)
        try:
            run.wait(rng.uniform(0.3, 1.5))
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            killed += 1
        if model.exists():  # it was nearly done: what there is is whole
            assert model.read_bytes() == whole
            model.unlink()
    assert killed
    subprocess.run([*command, "--resume"], cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)
    assert model.read_bytes() == whole


def cut_off(corpus: Path, *options: str) -> None:
    """Leave a cache behind that has everything but θ."""
    with cut_after_stage("rows"):
        CliRunner().invoke(cli, ["train", str(corpus), *SMALL, *options])


def refused(*arguments: str) -> str:
    """What ``train`` says of input it cannot use."""
    done = CliRunner().invoke(cli, ["train", *arguments])
    assert isinstance(done.exception, InputError), done.output
    return f"{done.output}{done.exception}"


def test_a_corpus_that_changed_is_not_gone_on_with(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    cut_off(corpus)
    with corpus.open("a") as file:
        file.write("scifi\ta robot\n")
    said = refused(str(corpus), *SMALL, "--resume")
    assert "corpus.tsv has changed since the run was cut off" in said
    assert "without --resume" in said
    assert Path("model.textmlr.cache").is_dir()  # it is not this one's to throw away
    trained(corpus, *SMALL)


@pytest.mark.parametrize(
    ("options", "name"),
    [("--seed 7", "seed"), ("--ngrams 1", "ngrams"), ("--memory 5MB", "--memory")],
)
def test_another_run_is_not_gone_on_with(
    corpus: Path, options: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    cut_off(corpus)
    usual = ["-q"] if "--memory" in options else SMALL
    said = refused(str(corpus), *usual, "--resume", *options.split())
    assert f"the run that was cut off had another {name}" in said


def test_resume_with_nothing_to_go_on_from_says_so(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    done = CliRunner().invoke(cli, ["train", str(corpus), "-q", "--resume"])
    assert done.exit_code == 0
    assert "nothing to resume in" in done.output


def test_a_corpus_that_changes_while_it_is_read(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    add = CorpusWriter.add

    def add_and_change(self: CorpusWriter, *chunk: Any) -> None:
        add(self, *chunk)
        os.utime(corpus, ns=(1, 1))

    monkeypatch.setattr(CorpusWriter, "add", add_and_change)
    said = refused(str(corpus), *SMALL)
    assert "corpus.tsv" in said
    assert "changed while it was read" in said
    assert not list(corpus.parent.glob("*.cache*"))


def test_a_bad_line_leaves_no_cache(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus.parent)
    with corpus.open("a") as file:
        file.write("no tab\n")
    assert "line 6001" in refused(str(corpus), *SMALL)
    assert not list(corpus.parent.glob("*.cache*"))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["corpus", "counts", "checkpoint"])
def test_no_room_on_the_disk(corpus: Path, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus.parent)
    whole = trained(corpus, *SMALL)
    full = OSError(28, "No space left on device")

    def fail(*_: object) -> None:
        raise full

    with monkeypatch.context() as patch:
        if stage == "checkpoint":
            patch.setattr("textmlr.base.tensor_file.save", fail)
        else:
            home = (
                "textmlr.corpus.disk_corpus"
                if stage == "corpus"
                else "textmlr.training.on_disk.row_counts"
            )
            patch.setattr(
                f"{home}.write_all" if stage == "counts" else f"{home}.CorpusWriter.add", fail
            )
        said = refused(str(corpus), *SMALL)
    assert "no space left on device" in said
    assert "--cache-dir" in said
    assert ("--resume resumes" in said) == (stage != "corpus")
    assert Path("model.textmlr").read_bytes() == whole  # the old one stands
    assert trained(corpus, *SMALL, "--resume") == whole


def test_a_kept_cache_is_used_again(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus.parent)
    plain = trained(corpus, *SMALL, "--epochs", 3, "--char-ngrams", "none")
    trained(corpus, *SMALL, "--keep-cache", "--cache-dir", ".", "--char-ngrams", "none")
    names = set(os.listdir("model.textmlr.cache"))
    assert {"text", "rows", "journal.json"} <= names
    assert not any("checkpoint" in name for name in names)

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the text was read again")

    with monkeypatch.context() as patch:
        patch.setattr(row_counts, "write_counts", fail)
        patch.setattr(CorpusWriter, "add", fail)
        again = trained(corpus, *SMALL, "--keep-cache", "--epochs", 3, "--char-ngrams", "none")
    assert again == plain
    with corpus.open("a") as file:  # another corpus: the cache is of no use
        file.write("scifi\ta robot\n")
    assert trained(corpus, *SMALL, "--char-ngrams", "none") != plain
    assert not list(corpus.parent.glob("*.cache*"))


def test_two_trainers_of_one_model_have_a_cache_each(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    whole = trained(corpus, *SMALL)
    other = Cache.open("model.textmlr.cache", {}, resume=False, every=30.0)
    assert trained(corpus, *SMALL) == whole
    assert "another training is writing it" in refused(str(corpus), *SMALL, "--resume")
    with pytest.raises(InUseError):
        Cache.open("model.textmlr.cache", {}, resume=False, every=30.0)
    other.remove()


def test_what_is_no_journal_is_refused(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus.parent)
    Path("model.textmlr.cache").mkdir()
    Path("model.textmlr.cache/journal.json").write_text("[]")
    said = refused(str(corpus), *SMALL, "--resume")
    assert "journal.json: not the journal of a training run" in said


def test_a_folder_of_others_is_not_emptied(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(corpus.parent)
    Path("model.textmlr.cache").mkdir()
    Path("model.textmlr.cache/thesis.txt").write_text("years of work")
    said = refused(str(corpus), *SMALL)
    assert "is not a cache" in said
    assert Path("model.textmlr.cache/thesis.txt").read_text() == "years of work"


def test_a_vocabulary_too_large_for_the_memory_is_cut(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    options = [str(corpus), "--ngrams", "1-3", "--char-ngrams", "none"]
    done = CliRunner().invoke(cli, ["train", *options, "--memory", "100kB", "--json"])
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["cut"]["of"] > summary["cut"]["kept"] == summary["features"] - 1
    assert "do not fit in the memory allowed" in done.stderr
    assert trained(*options, "-q", "--memory", "100MB", "--max-features", summary["cut"]["kept"])


# The text


@pytest.mark.parametrize("chunk_bytes", [1, 100, 1 << 20])
def test_a_stored_corpus_is_the_corpus(corpus: Path, tmp_path: Path, chunk_bytes: int) -> None:
    text = corpus.read_text().splitlines(keepends=True)[:300]
    small = tmp_path / "small.tsv"
    small.write_text("".join([*text, "x\t\n", "x\tümlaut \N{SNOWMAN}\n"]))
    inside = read_corpus([small])
    writer = CorpusWriter(str(tmp_path), weighted=False)
    for chunk in scan([small], tables=False, chunk_bytes=chunk_bytes):
        writer.add(chunk, 0)
    stored = restore(str(tmp_path), json.loads(json.dumps(writer.finish([str(small)]))))
    assert stored.labels == inside.labels
    assert stored.y.tolist() == inside.y.tolist()
    assert stored.text_bytes == inside.text_bytes
    assert [stored.text(i) for i in range(302)] == [inside.text(i) for i in range(302)]
    assert stored.place(301) == inside.place(301) == (str(small), 302)
    rows = np.array([0, 1, 17, 150, *range(200, 260), 301])
    texts = [
        b"".join(b[i] + b"\n" for b in c.picked(rows) for i in range(len(b)))
        for c in (stored, inside)
    ]
    assert texts[0] == texts[1]


def test_what_does_not_fit_in_the_machine_is_refused_before_it_is_learnt(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from memory; the cache stays, to be gone on with on a larger one."""
    monkeypatch.chdir(corpus.parent)
    learnt: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr("textmlr.training.rows.machine_memory", lambda: 1 << 10)
        patch.setattr(disk_rows, "StoredObjective", lambda *_: learnt.append(1))
        said = refused(str(corpus), *SMALL, "--no-holdout", "--epochs", "1")
    assert "GiB to train, and this machine has 0.0 GiB; keep fewer features" in said
    assert not learnt
    assert trained(corpus, *SMALL, "--no-holdout", "--epochs", "1", "--resume")


def test_a_text_cut_short_is_noticed(corpus: Path, tmp_path: Path) -> None:
    writer = CorpusWriter(str(tmp_path), weighted=False)
    for chunk in scan([corpus], tables=False):
        writer.add(chunk, 0)
    stored = restore(str(tmp_path), writer.finish(["corpus.tsv"]))
    os.truncate(tmp_path / "text", 1000)
    with pytest.raises(InputError, match="bytes are missing"):
        stored.text(5999)


# Hashes to numbers


def hashes_of(rng: np.random.Generator, size: int, distinct: int) -> np.ndarray:
    """Distinct hashes of one document, drawn so that some are much more frequent."""
    drawn = np.unique((rng.random(size) ** 3 * distinct).astype(np.uint64))
    return (drawn + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)


@given(
    st.integers(0, 2**32),
    st.integers(1, 30),
    st.one_of(st.none(), st.integers(0, 60)),
    st.one_of(st.none(), st.integers(1, 3000)),
    st.integers(10, 3000),
    st.sampled_from([counting.TALLIED, 20]),
)
@settings(max_examples=60, deadline=None)
def test_with_room_for_all_counts_are_exact(
    seed: int, least: int, more: int | None, size: int | None, distinct: int, tallied: int
) -> None:
    most = None if more is None else least + more
    rng = np.random.default_rng(seed)
    interner, counter, order = Interner(1 << 24), Counter[int](), dict[int, int]()
    for _ in range(60):
        own = hashes_of(rng, 200, distinct)
        numbers = interner.intern(own, 1)
        counter.update(own.tolist())
        for h, number in zip(own.tolist(), numbers.tolist(), strict=True):
            assert order.setdefault(h, len(order)) == number
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "TALLIED", tallied)
        found = interner.counted(FeatureBounds(least, most, size))
    kept = [h for h in order if least <= counter[h] <= (most or 1 << 30)]
    assert found.eligible == len(kept) or least >= tallied - 1
    kept = sorted(kept, key=lambda h: (-counter[h], order[h]))[:size]
    assert found.hashes.tolist() == kept
    assert found.frequencies.tolist() == [counter[h] for h in kept]
    assert found.numbers[[order[h] for h in kept]].tolist() == list(range(len(kept)))
    assert np.count_nonzero(found.numbers >= 0) == len(kept)
    assert (found.missed, found.distinct) == (0, len(order))


@given(st.integers(0, 2**32), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_without_room_counts_are_wrong_by_no_more_than_is_said(seed: int, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "LEAST_SLOTS", 256)
        rng = np.random.default_rng(seed)
        interner, counter = Interner(1), Counter[int]()
        owners: list[tuple[int, dict[int, int]]] = []
        for _ in range(150):
            own = hashes_of(rng, 60 * size, 4000)
            if interner.crowded(len(own)):
                interner.settle()
            numbers = interner.intern(own, 1)
            counter.update(own.tolist())
            pairs = zip(numbers.tolist(), own.tolist(), strict=True)
            owners.append((interner.period, {n: h for n, h in pairs if n >= 0}))
        found = interner.counted(FeatureBounds(1, None, None))
    assert interner.period
    assert found.missed > 0
    counted = dict(zip(found.hashes.tolist(), found.frequencies.tolist(), strict=True))
    for h, true in counter.items():
        assert counted.get(h, 0) <= true <= counted.get(h, 0) + found.missed
    # A number stands for one hash only: in records of the period it was given in, or later.
    hashes = found.hashes.tolist()
    entries = Counter[int]()
    for period, row in owners:
        for number, h in row.items():
            if found.numbers[number] >= 0 and found.born[number] <= period:
                assert hashes[found.numbers[number]] == h
                entries[h] += 1
    assert entries == counted


# The order of documents


@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(1, 5), st.booleans())
@settings(max_examples=60, deadline=None)
def test_an_epoch_visits_every_document(seed: int, n: int, k: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dealings, "WHOLE_NONZEROS", 1)
        patch.setattr(dealings, "PART_NONZEROS", 10)
        dealing = Dealing.of(n, 10 * k, seed)
    weights = rng.choice([0, 1, 2.5], n).astype(np.float32) if weighted else np.ones(n, np.float32)
    members = np.flatnonzero(rng.random(n) < 0.8)
    if not len(members) or not weights[members].any():
        return
    visits, before = Counter[int](), 0
    taken = list(turns(dealing, weights, members, seed % 7, 3))
    for turn in taken:
        assert turn.before == before
        before += len(turn.rows)
        visits.update(dealing.documents(turn.part)[turn.rows].tolist())
    assert before == len(members)
    assert set(visits) <= set(members.tolist())
    shares = weights[members] * (len(members) / weights[members].sum(dtype=np.float64))
    for document, share in zip(members.tolist(), shares.tolist(), strict=True):
        assert abs(visits[document] - share) <= 1 + 1e-3
    later = list(turns(dealing, weights, members, seed % 7, 3, first=k // 2))
    for one, other in zip(taken[k // 2 :], later, strict=True):
        assert (one.part, one.before) == (other.part, other.before)
        assert one.rows.tolist() == other.rows.tolist()


def test_parts_come_in_another_order_each_epoch() -> None:
    dealing = Dealing.of(5000, 40 << 22, 1)
    ones, everything = np.ones(5000, np.float32), np.arange(5000)
    orders = [[t.part for t in turns(dealing, ones, everything, 1, epoch)] for epoch in range(3)]
    assert len({tuple(order) for order in orders}) == 3
    assert sorted(orders[0]) == list(range(40))


def test_a_cache_error_names_the_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(CacheError, match=r"no room here.*--cache-dir"),
        cache_errors.refusals("no room"),
    ):
        raise OSError(28, "no room here")


@pytest.mark.parametrize("size", ["much", "0GB", "-1GB", "9" * 400 + "GB", "2 gigs"])
def test_sizes_of_memory_are_read(corpus: Path, size: str) -> None:
    done = CliRunner().invoke(cli, ["train", str(corpus), f"--memory={size}"])
    assert isinstance(done.exception, InputError)
    assert "is not a size such as 500kB, 2GB or 1MiB" in str(done.exception)


def test_compressed_files_are_counted_as_they_are_read(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gzip

    monkeypatch.chdir(corpus.parent)
    Path("corpus.tsv.gz").write_bytes(gzip.compress(corpus.read_bytes()))
    inside, on_disk = trained("corpus.tsv.gz", "-q"), trained("corpus.tsv.gz", *SMALL)
    assert inside == on_disk
    assert inside.replace(b"corpus.tsv.gz", b"corpus.tsv") != inside
    assert gather._plain_size(["corpus.tsv.gz"]) is None
    assert gather._plain_size(["corpus.tsv"]) == corpus.stat().st_size
    assert io.BytesIO(inside).read(8)
