"""Small corpora and trained models shared by tests."""

from __future__ import annotations

import os
import pty
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import surroundings

from textmlr import FeaturizerOptions
from textmlr.base.options import RealNumber
from textmlr.base.training_options import LayerWidths
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.label_sets import LabelSets
from textmlr.features.featurizer import Featurizer
from textmlr.kernels.jit import Kernel
from textmlr.training.objective import Objective

WORDS = {
    "scifi": "robot orbit engine android laser planet signal probe clone reactor".split(),
    "western": "saddle ranch cattle sheriff canyon dust rifle stagecoach mesa spur".split(),
    "romance": "kiss letter wedding heart longing dance bouquet vows blush promise".split(),
}
COMMON = "the a of and with in on under old new small great one two night day".split()

compiled = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"),
    reason="NUMBA_DISABLE_JIT: kernels run as Python, and nothing is compiled",
)

FILES = surroundings.Files()
# Children write byte code, as they do where people use textmlr.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# For children whose files may not become large: byte code that Python writes meanwhile is cut, and
# from then on no process can import it.
LIMITED_PYTHON = [sys.executable, "-B"]

# A suite that is started in the background ignores Ctrl-C, one under nohup SIGHUP, and so would
# every command it runs.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)


HANDLERS = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}


@pytest.fixture(autouse=True)
def usual_signals() -> None:
    """A command that ended in this process, in a test or a fixture, left signals as they are where
    Python ends with it: the next Ctrl-C would end the tests."""
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)


SETS = ("billing", "comedy", "scifi", "urgent")  # labels of set_documents


def mostly_slow(values: Iterable[Any], fast: Iterable[Any] = ()) -> list[Any]:
    """Parameters of a test that goes the same way with each: those of ``fast``, or else the first,
    stand for all at every change, and the slow tests take the others."""
    values = list(values)
    chosen = list(fast) or values[:1]
    return [
        pytest.param(
            *(one if isinstance(one, tuple) else (one,)),
            marks=[] if one in chosen else [pytest.mark.slow],
        )
        for one in values
    ]


def documents(number: int, seed: int) -> list[tuple[str, str]]:
    """(label, text) pairs: each text mixes common words with some of its label's, and a few of
    others', so that it can be learnt but not perfectly."""
    rng = random.Random(seed)
    labels = sorted(WORDS)
    made = []
    for i in range(number):
        label = labels[i % len(labels)]
        own = rng.choices(WORDS[label], k=4)
        other = rng.choices(WORDS[rng.choice(labels)], k=2)
        words = own + other + rng.choices(COMMON, k=10)
        rng.shuffle(words)
        made.append((label, " ".join(words) + rng.choice([".", "!", "?", "…"])))
    return made


def write_tsv(path: Path, pairs: list[tuple[str, str]]) -> Path:
    """Write label<TAB>text lines."""
    path.write_text("".join(f"{label}\t{text}\n" for label, text in pairs), encoding="utf-8")
    return path


def corpus_of(pairs: list[tuple[str, str]], weights: list[float] | None = None) -> Corpus:
    """A corpus of (label, text) pairs."""
    labels = sorted({label for label, _ in pairs})
    y = np.array([labels.index(label) for label, _ in pairs], np.int32)
    own = None if weights is None else np.array(weights, np.float32)
    return Corpus(batches_of([text for _, text in pairs]), y, labels, own, ["test"])


def set_documents(
    number: int, seed: int, names: Sequence[str] = SETS
) -> list[tuple[list[str], str]]:
    """(labels, text) pairs: a document has any number of labels, none too, and each label words of
    its own among common ones."""
    rng = random.Random(seed)
    made = []
    for _ in range(number):
        own = [name for name in names if rng.random() < 0.3]
        words = [f"{name}{rng.randrange(3)}" for name in own for _ in range(2)]
        words += rng.choices(COMMON, k=5)
        rng.shuffle(words)
        made.append((own, " ".join(words)))
    return made


def corpus_of_sets(
    pairs: list[tuple[list[str], str]], weights: list[float] | None = None
) -> Corpus:
    """A corpus of (labels, text) pairs."""
    labels = sorted({label for own, _ in pairs for label in own})
    y = LabelSets.of([[labels.index(label) for label in own] for own, _ in pairs])
    own = None if weights is None else np.array(weights, np.float32)
    return Corpus(batches_of([text for _, text in pairs]), y, labels, own, ["test"])


def objective_of(pairs: list[tuple[str, str]], l2: float = 0.0) -> Objective:
    """The objective over single words of (label, text) pairs, all of weight 1."""
    corpus = corpus_of(pairs)
    featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1)))
    counts = featurizer.fit_counts(corpus.batches)
    rows = featurizer.weigh(counts, counts.values)
    return Objective(rows, corpus.y, np.ones(len(corpus), np.float32), len(corpus.labels), l2)


def shown_in_terminal(command: Sequence[str], folder: Path) -> tuple[str, int]:
    """(what a command shows in a terminal, its exit code)."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        shown = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            shown += chunk
    os.close(ours)
    return shown.decode(), child.returncode


def interrupted(command: list[str], after: bytes) -> bytes:
    """What a command still says on stderr after Ctrl-C, pressed when a line told ``after``."""
    with subprocess.Popen(
        command, cwd=Path(__file__).parent.parent, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if after in line:
                break
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=60)
    assert child.returncode == 130
    assert b"Traceback" not in told
    return told


def as_python(monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
    """Have the kernels of some modules run as the Python they are written in, which takes float64
    as well as float32, until the test ends."""
    for module in modules:
        for name, value in list(vars(module).items()):
            if isinstance(value, Kernel):
                monkeypatch.setattr(module, name, value.function)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tests change nothing but what is theirs; a failure of this one is said of the last."""
    told = []
    try:
        with surroundings.own_places(tmp_path_factory.mktemp("places")):
            yield
    except AssertionError as error:
        told += str(error).splitlines()
    told += FILES.changed()
    if told:
        pytest.fail("\n  ".join(["the tests of this run left:", *told]), pytrace=False)


@pytest.fixture
def any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have options take numbers far beyond those that make sense: what keeps training from harm by
    them is to hold all the same."""
    for kind in (LayerWidths, RealNumber):
        monkeypatch.setattr(kind, "check", lambda self, name, value: None)


@pytest.fixture(scope="session")
def train_tsv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 labelled lines of three labels."""
    return write_tsv(tmp_path_factory.mktemp("corpus") / "train.tsv", documents(300, 1))


@pytest.fixture(scope="session")
def test_tsv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 more."""
    return write_tsv(tmp_path_factory.mktemp("corpus") / "test.tsv", documents(90, 2))


@pytest.fixture(scope="session")
def model_file(train_tsv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained on train_tsv."""
    from textmlr.corpus.reading import read_corpus
    from textmlr.training.corpus_training import train_corpus

    path = tmp_path_factory.mktemp("model") / "genres.textmlr"
    train_corpus(read_corpus([str(train_tsv)])).save(path)
    return path
