"""A model as an ONNX graph: onnxruntime gives the model's answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import corpus_of, documents

from textmlr import FeaturizerOptions, InputError, Model
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.reading import read_corpus
from textmlr.export import onnx as export
from textmlr.model.scoring import Calibration
from textmlr.model.zero_rows import without_zero_rows
from textmlr.training.corpus_training import train_corpus

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

DATA = Path(__file__).parent.parent / "data"
PAIRS = documents(150, 3)
TEXTS = [text for _, text in documents(50, 4)] + ["", "nothing known at all?", "robot " * 500]
QUICK = TrainingOptions(epochs=1, holdout=0.0)


def check(model: Model, texts: list[str], path: Path) -> None:
    assert export.export_onnx(model, path) == path.stat().st_size
    session = onnxruntime.InferenceSession(path)
    ids, values = export.inputs(model, texts)
    assert (ids.dtype, values.dtype) == (np.int64, np.float32)
    names = ["scores", "log_z", "probabilities"]
    scores, log_z, probabilities = session.run(names, {"ids": ids, "values": values})
    np.testing.assert_allclose(scores, model.scores(texts), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(log_z, model.log_z(texts), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(probabilities, model.probabilities(texts), atol=1e-5, rtol=0)
    assert log_z.shape == (len(texts),)
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["labels"]) == model.labels
    assert json.loads(told["featurizer"])["norm"] == model.featurizer.options.norm


@pytest.mark.parametrize("exponent", [0.0, -0.7])
@pytest.mark.parametrize("share", [0.0, 0.7])
@pytest.mark.parametrize(
    "options",
    [
        FeaturizerOptions(),
        FeaturizerOptions(norm=None, idf=True, bias=False, char_ngrams=(2, 3)),
        FeaturizerOptions(hash_bits=10, idf=True),
    ],
)
def test_same_answers(
    options: FeaturizerOptions, share: float, exponent: float, tmp_path: Path
) -> None:
    trained = train_corpus(corpus_of(PAIRS), options, QUICK)
    rng = np.random.default_rng(1)
    theta = rng.normal(size=trained.parts.layers[0].shape).astype(np.float32)
    theta[rng.uniform(size=len(theta)) < share] = 0
    bent = Calibration(1.0, exponent, 2.0, 0.5)
    model = Model(
        trained.labels, trained.featurizer, [theta], trained.record, trained.parts.columns, bent
    )
    check(without_zero_rows(model), TEXTS, tmp_path / "m.onnx")


def test_real_documents(tmp_path: Path) -> None:
    model = train_corpus(read_corpus([str(DATA / "genres-train.tsv")]))
    assert model.parts.calibration.exponent < 0
    batches = read_corpus([str(DATA / "genres-test.tsv")]).batches
    texts = [batch[i].decode() for batch in batches for i in range(len(batch))]
    check(model, texts, tmp_path / "m.onnx")


def test_no_documents_and_none_with_features(tmp_path: Path) -> None:
    model = train_corpus(corpus_of(PAIRS), FeaturizerOptions(bias=False), QUICK)
    ids, values = export.inputs(model, [])
    assert ids.shape == values.shape == (0, 1)
    check(model, ["", "?!"], tmp_path / "m.onnx")


def test_what_cannot_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = train_corpus(corpus_of(PAIRS), None, QUICK)
    with monkeypatch.context() as patch:
        patch.setattr(export, "MOST_BYTES", 100)
        with pytest.raises(InputError, match="GiB"):
            export.export_onnx(model, tmp_path / "m.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"pip install onnx"):
        export.export_onnx(model, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []
