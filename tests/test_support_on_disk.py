"""A sparse θ of a corpus on disk: the same bits as from memory, and no work is lost."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import mostly_slow, write_tsv
from cut_runs import cut_after_saves, cut_after_stage
from posting_models import corpus as corpus_of
from posting_models import model_of

from textmlr.cli import cli
from textmlr.model.model import Model
from textmlr.model.model_parts import ModelParts
from textmlr.model.postings_file.settled_parts import settled
from textmlr.training import dealt_parts as dealings
from textmlr.training.on_disk import disk_rows, row_counts
from textmlr.training.on_disk.disk_objective import StoredObjective
from textmlr.training.support import label_sums

LABELS, DOCUMENTS = 300, 2_000
SMALL = "--memory", "400kB", "-q"
SPARSE = "--theta", "sparse"


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a small corpus is dealt into several parts, which are read some at a time."""
    monkeypatch.setattr(dealings, "WHOLE_NONZEROS", 1 << 12)
    monkeypatch.setattr(dealings, "PART_NONZEROS", 1 << 11)
    monkeypatch.setattr(row_counts, "RECORD_ENTRIES", 1 << 10)
    monkeypatch.setattr("textmlr.base.durations.SHORTEST", 1e-6)


def documents(seed: int = 1) -> list[tuple[str, str]]:
    """(label, text): labels of one to many documents."""
    rng = random.Random(seed)
    made = []
    for _ in range(DOCUMENTS):
        label = min(int(rng.expovariate(1 / 60)), LABELS - 1)
        words = [f"w{label % 97}", f"v{label % 89}", f"r{rng.randrange(3 * DOCUMENTS)}"]
        words += [f"c{int(rng.expovariate(1 / 15))}" for _ in range(4)]
        made.append((f"label{label}", " ".join(rng.sample(words, len(words)))))
    return made


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_tsv(tmp_path / "corpus.tsv", documents())


def trained(*arguments: object) -> bytes:
    """What ``train`` writes to model.textmlr, by these arguments."""
    own = ["train", *map(str, arguments), *SPARSE, "-o", "model.textmlr"]
    done = CliRunner().invoke(cli, own)
    assert done.exit_code == 0, (done.output, done.exception)
    return Path("model.textmlr").read_bytes()


@pytest.mark.parametrize(
    "options",
    mostly_slow(
        [
            "--hash-bits 10 --epochs 1",
            "",
            "--epochs 2",
            "--class-weight balanced --ngrams 1 --epochs 1 --no-bias",
            "--min-df 2 --validation corpus.tsv",
        ]
    ),
)
def test_the_same_bits_from_memory_and_disk(
    corpus: Path, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_sums, "THETA_SHARE", 1e9)  # memory cuts no weights
    inside = trained(corpus, "-q", *options.split())
    assert trained(corpus, "-q", "--threads", 1, *options.split()) == inside
    assert trained(corpus, *SMALL, *options.split()) == inside  # all rows at once
    for room in (1 << 6, 1 << 9):  # bytes of memory for each entry of rows
        monkeypatch.setattr(disk_rows, "BYTES_A_ROW_ENTRY", room)
        for threads in (1, 3):
            assert trained(corpus, *SMALL, "--threads", threads, *options.split()) == inside
    assert not list(corpus.parent.glob("*.cache*"))


def test_weighted_documents_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = random.Random(2)
    lines = [f"{y}\t{rng.choice([0, 0.5, 1, 7])}\t{text}\n" for y, text in documents()]
    Path("weighted.tsv").write_text("".join(lines))
    monkeypatch.setattr(label_sums, "THETA_SHARE", 1e9)
    inside = trained("weighted.tsv", "--weighted", "-q", "--epochs", 1)
    monkeypatch.setattr(disk_rows, "BYTES_A_ROW_ENTRY", 1 << 9)
    assert trained("weighted.tsv", "--weighted", *SMALL, "--epochs", 1) == inside


@pytest.mark.parametrize(
    "options",
    mostly_slow(["--min-df 3 --holdout 0", "--max-features 900", "--hash-bits 9 --no-bias"]),
)
def test_a_start_from_zero_too(
    tmp_path: Path, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = [(f"label{int(label[5:]) % 6}", text) for label, text in documents()]
    few = write_tsv(tmp_path / "few.tsv", own)
    inside = trained(few, "-q", *options.split())
    assert Model.load("model.textmlr").record.as_json()["final"]["attraction"] == 0
    for room in (1 << 6, 1 << 9):
        monkeypatch.setattr(disk_rows, "BYTES_A_ROW_ENTRY", room)
        assert trained(few, *SMALL, *options.split()) == inside


def test_rows_come_in_any_order(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some at a time, each document where it is said to be, none more often than it is wanted."""
    seen: list[int] = []
    reading = StoredObjective.in_order

    def checked(self: StoredObjective, numbers: Any) -> Any:
        first = 0
        for rows, places in reading(self, numbers):
            own = numbers[first : first + len(places)]
            first += len(own)
            wanted, found = self.take(np.sort(own)), rows.take(places[np.argsort(own)])
            for name in ("indptr", "indices", "values"):
                one, two = getattr(wanted.features, name), getattr(found.features, name)
                assert one.tobytes() == two.tobytes()
            assert (rows.codes[places] == self.y[own]).all()
            assert (rows.weights[places] == self.weights[own]).all()
            assert rows.nonzeros <= self.room or len(places) == 1
            seen.append(len(places))
            yield rows, places
        assert first == len(numbers)

    monkeypatch.setattr(StoredObjective, "in_order", checked)
    for room in (1 << 8, 1 << 30):  # in the end, not even a document fits
        monkeypatch.setattr(disk_rows, "BYTES_A_ROW_ENTRY", room)
        trained(corpus, *SMALL, "--epochs", 1)
    assert seen.count(1) >= DOCUMENTS
    assert 1 < max(seen) < DOCUMENTS


@pytest.mark.parametrize("stage", mostly_slow(["choice", "corpus", "counts", "rows"]))
def test_a_run_cut_off_after_any_stage_is_resumed(corpus: Path, stage: str) -> None:
    whole = trained(corpus, *SMALL)
    Path("model.textmlr").unlink()
    with cut_after_stage(stage):
        trained(corpus, *SMALL)
    assert not Path("model.textmlr").exists()
    assert trained(corpus, *SMALL, "--resume") == whole
    assert not Path("model.textmlr.cache").exists()


@pytest.mark.parametrize("saves", mostly_slow([2, 1, 5, 9]))
def test_a_run_cut_off_within_an_epoch_is_resumed(
    corpus: Path, saves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [corpus, *SMALL, "--epochs", "3", "--threads", "1"]
    monkeypatch.setattr(disk_rows, "BYTES_A_ROW_ENTRY", 1 << 9)
    whole = trained(*options)
    with cut_after_saves(saves):
        trained(*options, "--checkpoint-every", "0.000001s")
    turns: list[int] = []
    part = StoredObjective.part
    monkeypatch.setattr(
        StoredObjective, "part", lambda self, number: (turns.append(number), part(self, number))[1]
    )
    assert trained(*options, "--resume") == whole
    assert turns


def test_memory_cuts_features_of_most_labels_and_says_so(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others have all of their weights, and no feature is lost."""
    own = ["train", str(corpus), *SPARSE, "-o", "m", "--ngrams", "1", "--json", "--epochs", "1"]
    monkeypatch.setattr(label_sums, "WEIGHT_BYTES", 80)
    done = CliRunner().invoke(cli, [*own, "--memory", "400kB"])
    assert done.exit_code == 0, done.output
    assert not json.loads(done.stdout).get("cut")
    assert "have no weights: they do not fit in the memory allowed" in done.stderr
    cut, room = Model.load("m"), label_sums.most_of_memory(400_000)
    trained(corpus, "-q", "--ngrams", "1", "--epochs", "1")
    whole = Model.load("model.textmlr")
    assert cut.featurizer.vocabulary.names.tobytes() == whole.featurizer.vocabulary.names.tobytes()
    sizes = np.diff(whole.parts.postings.starts)
    most = np.diff(cut.parts.postings.starts).max()
    assert np.diff(cut.parts.postings.starts).tolist() == np.where(sizes > most, 0, sizes).tolist()
    assert cut.record.final.crowded == np.count_nonzero(sizes > most)
    assert len(cut.parts.postings) <= room
    wider = sizes[sizes > most].min()
    assert sizes[sizes <= wider].sum() > room
    Path("m").unlink()
    monkeypatch.setattr(disk_rows, "BYTES_A_ROW_ENTRY", 1 << 9)
    again = CliRunner().invoke(cli, [*own, "--memory", "400kB", "--threads", "1"])
    assert again.exit_code == 0
    assert Model.load("m").parts.postings.weights.tobytes() == cut.parts.postings.weights.tobytes()


@pytest.mark.parametrize("known", [True, False])
def test_parts_are_settled_alike_over_themselves(known: bool) -> None:
    def made() -> ModelParts:
        parts = model_of(*corpus_of(60)).parts
        assert parts.postings is not None
        sums = parts.postings.sums if known else None
        return replace(parts, postings=replace(parts.postings, sums=sums))

    parts = made()
    before = _bytes(parts)
    apart = settled(parts)
    assert _bytes(parts) == before
    over = settled(made(), overwrite=True)
    assert _bytes(over) == _bytes(apart)
    assert over.storage.top == apart.storage.top


def _bytes(parts: ModelParts) -> list[bytes]:
    own: Any = parts.postings
    arrays = [getattr(own, name) for name in own.__dataclass_fields__]
    return [array.tobytes() for array in arrays if array is not None]
