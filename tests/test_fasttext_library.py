"""Models of fastText's own library, trained here, answer the same; where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_fasttext import ADDED, added_on_the_way

import textmlr

DATA = Path(__file__).parent.parent / "data"
KINDS: dict[str, dict[str, Any]] = {
    "words": {},
    "word n-grams": {"wordNgrams": 3, "bucket": 5000},
    "characters": {"minn": 2, "maxn": 5, "bucket": 5000},
    "both": {"wordNgrams": 2, "minn": 3, "maxn": 6, "bucket": 5000},
}
ODD = ["", "\t", "a\x00b", "</s> robot", "robot </s> saddle", "__label__war robot"]
ODD += ["ü 世界 👩‍🚀", "x" * 999]


@pytest.fixture(scope="module")
def fasttext() -> Any:
    return pytest.importorskip("fasttext")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fasttext") / "train.txt"
    lines = (DATA / "genres-train.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    path.write_text("".join(f"__label__{a} {b}\n" for a, b in rows), encoding="utf-8")
    return path


def until_it_works(run: Callable[[], Any]) -> Any:
    """The library begins with memory that it has not cleared, and now and then meets a NaN."""
    for _ in range(50):
        try:
            return run()
        except RuntimeError:
            pass
    pytest.skip("the library met a NaN in each of 50 runs")


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["softmax", "hs", "ova", "ns"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quantised", [False, True])
def test_the_library_says_the_same(
    fasttext: Any, corpus: Path, tmp_path: Path, loss: str, kind: str, quantised: bool
) -> None:
    path = str(tmp_path / "m")

    def made() -> Any:
        # Ten threads clear all of its memory, fewer only some tenths.
        own = fasttext.train_supervised(
            str(corpus), loss=loss, dim=12, epoch=5, lr=0.1, thread=10, verbose=0, **KINDS[kind]
        )
        if quantised:
            own.quantize(str(corpus), cutoff=2000, retrain=True, qnorm=True, thread=10, verbose=0)
        own.save_model(path)
        return fasttext.load_model(path)

    theirs = until_it_works(made)
    model = textmlr.import_model(path)
    test = (DATA / "genres-test.tsv").read_text(encoding="utf-8").splitlines()
    texts = [line.partition("\t")[2] for line in test] + ODD
    found = model.probabilities(texts)
    full = added_on_the_way(model, model.scores(texts))
    room = 3e-7 if loss in ("softmax", "hs") else 5e-6
    for text, p, own in zip(texts, found, full, strict=True):
        labels, shares = theirs.predict(text, k=-1)
        names = [label.removeprefix("__label__") for label in labels]
        order = [model.labels.index(name) for name in names]
        np.testing.assert_allclose(own[order], shares, atol=room)
        if loss != "hs":
            np.testing.assert_allclose(p[order], shares, atol=ADDED + room)
        answer, theirs_is = model.predict(text), theirs.predict(text)[0][0]
        if answer != theirs_is.removeprefix("__label__"):  # but for the last bit of a float32
            assert shares[names.index(answer)] >= shares.max() - 2e-7
