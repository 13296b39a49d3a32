"""One Model, many threads and processes: the same bits as from one thread of one process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import compiled, corpus_of, documents

from textmlr import FeaturizerOptions, Model, TrainingOptions
from textmlr.base.locks import ForkLock
from textmlr.corpus.in_memory import batches_of
from textmlr.model.answer_stream import answer_blocks, map_answers
from textmlr.training.corpus_training import train_corpus

ROOT = Path(__file__).parent.parent
TEXTS = [text for _, text in documents(400, 7)]
LONG = " ".join(TEXTS)  # more than the quick way takes
QUICK = TrainingOptions(epochs=2, holdout=0.0)
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def answers(model: Model, number: int) -> list[Any]:
    """Answers of all kinds, to documents that the number says."""
    text = TEXTS[number % len(TEXTS)]
    some = TEXTS[number : number + 1 + 40 * (number % 3)]
    blocks = map_answers(model, lambda one: one.scores.copy(), batches_of(TEXTS), threads=2)
    why = model.explain(text)
    features = model.featurizer.transform(some)
    return [
        model.probabilities([text]),
        model.probabilities([LONG[: 20_000 + number]]),
        model.probabilities(some),
        model.scores(some, threads=2),
        model.log_z([text, ""]),
        np.concatenate(list(blocks)),
        np.concatenate([a.log_z for a in answer_blocks(model, batches_of(some))]),
        features.data,
        features.indices,
        features.indptr,
        np.array([why.score, why.log_z, *[word.contribution for word in why.words]]),
        np.array([model.labels.index(a[0].label or "") for a in model.classify(some)]),
    ]


@pytest.fixture(scope="module", params=["vocabulary", "hashed", "characters", "hidden"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of each kind."""
    options, training = FeaturizerOptions(ngrams=(1, 2)), QUICK
    if request.param == "hashed":
        options = FeaturizerOptions(ngrams=(1, 2), hash_bits=12)
    if request.param == "characters":
        options = FeaturizerOptions(ngrams=(1, 1), char_ngrams=(3, 4))
    if request.param == "hidden":
        training = TrainingOptions(epochs=2, holdout=0.0, hidden=(8,))
    path = tmp_path_factory.mktemp("model") / f"{request.param}.textmlr"
    train_corpus(corpus_of(documents(120, 3)), options, training).save(path)
    return path


def test_eight_threads_answer_as_one(file: Path) -> None:
    """From the first call on, when tables are not made yet."""
    alone = Model.load(file)
    expected = [answers(alone, number) for number in range(8)]
    shared, start = Model.load(file), threading.Barrier(8)

    def run(number: int) -> list[Any]:
        start.wait()
        for _ in range(2):
            found = answers(shared, number)
        return found

    with ThreadPoolExecutor(8) as pool:
        for mine, theirs in zip(expected, pool.map(run, range(8)), strict=True):
            for a, b in zip(mine, theirs, strict=True):
                assert a.dtype == b.dtype
                assert a.tobytes() == b.tobytes()


PREFORK = """
import hashlib, os, sys, threading, time
sys.path.insert(0, sys.argv[1])
from test_concurrency import answers
from textmlr import Model

def digest(model, number=3):
    return hashlib.sha256(b"".join(a.tobytes() for a in answers(model, number))).digest()

model = Model.load(sys.argv[2])
if sys.argv[3] == "used":
    digest(model)
expected = digest(Model.load(sys.argv[2]))
end = threading.Event()
def work():
    while not end.is_set():
        assert digest(model) == expected
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
children = []
for _ in range(4):
    time.sleep(0.01)
    child = os.fork()
    if not child:
        os._exit(0 if digest(model) == expected == digest(model) else 1)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
end.set()
for thread in threads: thread.join()
assert digest(model) == expected
print(codes)
"""


def script(code: str, *arguments: object) -> str:
    """What Python code prints, run by itself."""
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    ).stdout


@pytest.mark.slow
@forks
@pytest.mark.parametrize("state", ["fresh", "used"])
def test_forked_workers_answer_while_the_parent_does(model_file: Path, state: str) -> None:
    """As gunicorn --preload: the parent loads, workers are forked while its threads answer."""
    assert script(PREFORK, Path(__file__).parent, model_file, state) == "[0, 0, 0, 0]\n"


POOL = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from textmlr import Model

if __name__ == "__main__":
    model = Model.load(sys.argv[1])
    texts = ["a robot in orbit", "the sheriff", "kiss and vows", "of robots"] * 3
    expected = [model.probabilities([text]).tobytes() for text in texts]
    for method in sys.argv[2:]:
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            found = list(pool.map(model.probabilities, [[text] for text in texts]))
        print([p.tobytes() for p in found] == expected)
"""


@forks
def test_process_pools_take_models(model_file: Path, tmp_path: Path) -> None:
    """A pickled model goes to each worker; spawned ones import everything anew."""
    path = tmp_path / "pool.py"
    path.write_text(POOL)
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", path, model_file, "fork", "spawn"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.stdout, done.stderr) == ("True\nTrue\n", "")


def in_a_child(run: Callable[[], bool]) -> int:
    """The exit code of a forked child, 0 where run() is true in it."""
    child = os.fork()
    if not child:
        code = 2
        try:
            code = 0 if run() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@forks
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("patience", [0.0, 0.05, 60.0])
def test_a_lock_is_free_in_a_child(patience: float) -> None:
    """A fork waits for it so long, and no longer, and the child is told."""
    left: list[bool] = []
    lock = ForkLock(patience, lambda: left.append(True))
    held, end = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            end.wait(0.3 if patience > 1 else 60)

    def free(abandoned: bool) -> bool:
        with lock, ThreadPoolExecutor(1) as pool:  # it keeps others out as before
            alone = not pool.submit(lock._lock.acquire, blocking=False).result()
        return alone and (lock.abandoned, left) == (abandoned, [True] * abandoned)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    assert in_a_child(lambda: free(patience < 1)) == 0
    end.set()
    thread.join()
    assert free(False)  # the parent's is as it was
    with lock:  # and in a child of the thread that holds it
        assert in_a_child(lambda: free(False)) == 0
    assert in_a_child(lambda: free(False)) == 0


COMPILING = """
import gc, os, sys, threading, time
import numpy as np
from pathlib import Path
from textmlr.kernels import jit
from textmlr.base.arrays import frozen
from textmlr.kernels.jit import machine_code
from textmlr.kernels import hash_table
import logging  # after the locks: its own is taken before theirs when a process forks

threads, delays, how = int(sys.argv[1]), [*map(float, sys.argv[2].split())], sys.argv[3]
values, function = frozen(np.array([1, 2**63], np.uint64)), hash_table.partition_sizes.function
folders = machine_code.Origin.folders
machine_code.Origin.folders = property(lambda self: [])  # nothing is found: compile

def run():
    sizes = np.zeros(2, np.int64)
    jit.kernel(function)(values, 63, sizes)
    assert sizes.tolist() == [1, 1]

def child():
    from textmlr.kernels.jit import child_process
    if how in ("stored", "lowering"):  # as another process has compiled it
        def compile_function(origin):
            child_process.asked = True
            machine_code.Origin.folders = folders
            return machine_code.find(origin)
        child_process.compile_function = compile_function
    elif how == "no python":
        sys.executable = "/nowhere/python"
    run()
    run()
    assert gc.isenabled()
    numba = sys.modules.get("numba.core.registry")
    if numba and hasattr(numba, "cpu_target"):
        context = vars(numba.cpu_target).get("_toplevel_target_context")
        assert "textmlr" not in type(context._internal_codegen).__module__ if context else True
    if how in ("stored", "lowering"):
        assert jit.loading._lock.abandoned == hasattr(child_process, "asked")

lowering, go = threading.Event(), threading.Event()
if how == "lowering":  # Numba is changed, and no garbage collected
    from textmlr.kernels.jit import compiler
    usual = compiler._entry
    def entry(*given):
        assert not gc.isenabled()
        lowering.set()
        go.wait()
        return usual(*given)
    compiler._entry = entry
workers = [threading.Thread(target=run) for _ in range(threads)]
began, children, forking = time.monotonic(), [], 0.0
for worker in workers: worker.start()
if how == "lowering":
    lowering.wait()
for delay in delays:
    time.sleep(max(0, began + delay - time.monotonic()))
    before = time.monotonic()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            child()
            code = 0
        except RuntimeError as error:
            code = 3 if "forked while kernels were compiled" in str(error) else 2
        finally:
            os._exit(code)
    forking = max(forking, time.monotonic() - before)
    amid = any(worker.is_alive() for worker in workers)
    children.append((pid, amid))
go.set()
codes = [(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), amid) for pid, amid in children]
for worker in workers: worker.join()
run()
print(sorted({code for code, amid in codes if amid}), sum(amid for _, amid in codes) > 0)
print(sorted({code for code, amid in codes if not amid}) in ([], [0]))
"""


def forked_amid(place: Path, threads: int, delays: str, how: str) -> list[str]:
    """What COMPILING prints; a deadlock ends after some minutes."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPILING, str(threads), delays, how],
        cwd=ROOT,
        env=os.environ | {"NUMBA_DISABLE_JIT": "0", "NUMBA_CACHE_DIR": str(place)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@compiled
@forks
@pytest.mark.parametrize("threads", [1, 2, 16])
def test_forks_while_kernels_compile_do_not_hang(tmp_path: Path, threads: int) -> None:
    """At any moment: while Numba is imported, while it types, while LLVM optimises."""
    from textmlr.base.arrays import frozen
    from textmlr.kernels import hash_table

    # Children find it compiled.
    hash_table.partition_sizes(frozen(np.array([1], np.uint64)), 63, np.zeros(2, np.int64))
    delays = " ".join(f"{0.05 * number:.2f}" for number in range(30))
    assert forked_amid(tmp_path, threads, delays, "stored") == ["[0] True", "True"]
    assert forked_amid(tmp_path, threads, "0", "lowering") == ["[0] True", "True"]


@pytest.mark.slow
@compiled
@forks
def test_a_child_forked_while_kernels_compile_compiles_its_own(tmp_path: Path) -> None:
    assert forked_amid(tmp_path, 2, "0.1 0.5", "compile") == ["[0] True", "True"]


@pytest.mark.slow
@compiled
@forks
def test_a_child_that_cannot_compile_says_so(tmp_path: Path) -> None:
    """Numba is half done in it, and there is no Python to be started."""
    assert forked_amid(tmp_path, 2, "0.1", "no python") == ["[3] True", "True"]


@forks
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_stream_does_not_go_on_in_a_child(model_file: Path) -> None:
    """Its threads are not there: it would wait for ever."""
    model = Model.load(model_file)
    stream = answer_blocks(model, batches_of(TEXTS) * 9, threads=2)
    next(stream)

    def refuses() -> bool:
        try:
            next(stream)
        except RuntimeError as error:
            return "forked" in str(error)
        return False

    assert in_a_child(refuses) == 0
    assert sum(map(len, stream)) == 8 * len(TEXTS)


@pytest.mark.parametrize("how", ["replaced", "overwritten", "truncated", "removed"])
def test_a_model_in_use_needs_its_file_no_more(model_file: Path, tmp_path: Path, how: str) -> None:
    """cp over a file that is mapped would end the process by SIGBUS."""
    path = tmp_path / "live.textmlr"
    shutil.copy(model_file, path)
    expected = Model.load(model_file).probabilities(TEXTS)
    model = Model.load(path)
    if how == "replaced":
        train_corpus(corpus_of(documents(60, 4)), FeaturizerOptions(ngrams=(1, 1)), QUICK).save(
            path
        )
    elif how == "overwritten":
        path.write_bytes(b"\xff" * (path.stat().st_size + 4096))
    elif how == "truncated":
        os.truncate(path, 0)
    else:
        path.unlink()
    assert model.probabilities(TEXTS).tobytes() == expected.tobytes()
