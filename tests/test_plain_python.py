"""NUMBA_DISABLE_JIT=1: from text to answers with every kernel as the Python it is written in."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import compiled, corpus_of, documents

from textmlr import FeaturizerOptions, Model, TrainingOptions
from textmlr.kernels import document_answer
from textmlr.kernels.jit import Kernel
from textmlr.training.corpus_training import train_corpus

TEXTS = ["A robot in orbit, and Été!", "", "the sheriff rode " * 9]
WORDS = FeaturizerOptions(ngrams=(1, 1))
KINDS = {
    "words": (FeaturizerOptions(ngrams=(1, 2)), TrainingOptions(epochs=2)),
    "characters": (
        FeaturizerOptions(ngrams=(1, 1), char_ngrams=(3, 3)),
        TrainingOptions(epochs=1, holdout=0.0, step="adagrad"),
    ),
    "hashed": (FeaturizerOptions(ngrams=(1, 1), hash_bits=10), TrainingOptions(epochs=2)),
    "exact": (WORDS, TrainingOptions(solver="exact", l2=0.1, holdout=0.0, tolerance=1e-2)),
    "hidden": (WORDS, TrainingOptions(epochs=1, holdout=0.0, hidden=(4,))),
}
CODE = "import sys, test_plain_python; test_plain_python.answer_plainly(*sys.argv[1:])"


def trained(kind: str) -> Model:
    options, training = KINDS[kind]
    return train_corpus(corpus_of(documents(24, 6)), options, training, threads=1)


def answer_plainly(kind: str, path: str) -> None:
    """Print what a model that is trained here answers, then what that of a file does in another
    thread, to a bit."""
    assert not isinstance(document_answer.answer, Kernel)
    print(*trained(kind).probabilities(TEXTS).ravel().tolist())
    with ThreadPoolExecutor(1) as pool:
        print(pool.submit(Model.load(path).probabilities, TEXTS).result().tobytes().hex())


@pytest.mark.slow
@compiled
@pytest.mark.parametrize("kind", KINDS)
def test_plain_python_trains_and_answers_as_compiled_code(kind: str, tmp_path: Path) -> None:
    """Answers are the same bits; training mixes numbers of 32 and 64 bits as NumPy's scalars do,
    which is not quite how Numba does."""
    model, path = trained(kind), tmp_path / "m.textmlr"
    model.save(path)
    folder = Path(__file__).parent
    places = os.pathsep.join(map(str, (folder.parent, folder)))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE, kind, path],
        cwd=folder.parent,
        text=True,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": places},
        capture_output=True,
        check=True,
        timeout=100,
    )
    learnt, answered = done.stdout.splitlines()
    expected = model.probabilities(TEXTS)
    np.testing.assert_allclose([*map(float, learnt.split())], expected.ravel(), atol=1e-4)
    assert answered == expected.tobytes().hex()
