"""Models whose documents have any number of labels, in JSON for scorer.js and as an ONNX graph."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_multilabel_models import LABELS, THRESHOLDS, linked, model_of

from textmlr import FeaturizerOptions, Model
from textmlr.export import json as json_export
from textmlr.export import onnx as onnx_export
from textmlr.kernels.sigmoids import KNOT
from textmlr.model.heads import SIGMOIDS
from textmlr.model.record import CorpusRecord, Record
from textmlr.model.scoring import Bent, Calibration

TEXTS = ["a robot in orbit", "the sheriff rode a robot", "robot kiss kiss", "", "unheard", "kiss"]
RUN = """
const fs = require("fs");
const { Scorer } = require(process.argv[2]);
const scorer = new Scorer(JSON.parse(fs.readFileSync(process.argv[3], "utf8")));
const texts = JSON.parse(fs.readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map(
  (text) => [scorer.scores(text), scorer.probabilities(text), scorer.answer(text)])));
"""
BENT = Bent(low=0.6, middle=1.3, high=0.5)


def models() -> list[Model]:
    plain = model_of()
    counts = CorpusRecord(files=(), documents=10, per_label=(1, 2, 3, 4))
    rated = replace(plain.parts, record=Record(corpus=counts), calibration=BENT)
    hashed = model_of(options=FeaturizerOptions(hash_bits=6, bias=False)).parts
    return [
        plain,
        Model.of(rated),
        Model.of(replace(rated, thresholds=np.full(4, 1e-9))),
        Model.of(replace(hashed, calibration=Calibration(1.0, -0.5, 0.8, 0.3))),
        Model.of(replace(plain.parts, thresholds=None, calibration=BENT)),  # one label a document
        linked(),
        linked(1),
    ]


def test_the_models_bend_everywhere() -> None:
    """Scores lie below, between and above the knots."""
    scores = Model.of(replace(models()[1].parts, calibration=Calibration())).scores(TEXTS)
    assert (scores < -KNOT).any()
    assert (abs(scores) < KNOT).any()
    assert (scores > KNOT).any()


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
@pytest.mark.parametrize("number", [0, 1, 2, 3, 5, 6])
def test_scorer(number: int, tmp_path: Path) -> None:
    model = models()[number]
    if model.parts.columns is None and model.featurizer.options.hash_bits is not None:
        from textmlr.model.zero_rows import without_zero_rows

        theta = model.theta.copy()
        theta[3:9] = 0
        model = without_zero_rows(Model.of(replace(model.parts, layers=[theta])))
    model.export(tmp_path / "m.json", scorer=tmp_path / "scorer.js")
    (tmp_path / "run.js").write_text(RUN, encoding="utf-8")
    done = subprocess.run(
        ["node", "run.js", "./scorer.js", "m.json"],
        cwd=tmp_path,
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        check=True,
    )
    scores, p, labels = zip(*json.loads(done.stdout), strict=True)
    np.testing.assert_allclose(scores, model.scores(TEXTS), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(p, model.probabilities(TEXTS), atol=1e-6)
    assert [tuple(own) for own in labels] == list(model.predict(TEXTS))


def test_json_says_what_it_is(tmp_path: Path) -> None:
    def told(model: Model) -> dict[str, object]:
        json_export.export_json(model, tmp_path / "m.json")
        found: dict[str, object] = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
        return found

    own = told(models()[1])
    assert own["format"] == "textmlr-json 4"
    assert own["thresholds"] == THRESHOLDS.tolist()
    assert own["bend"] == {"knot": KNOT, "low": 0.6, "middle": 1.3, "high": 0.5}
    about = " ".join(own["about"])  # type: ignore[arg-type]
    assert about.startswith("A text classifier: P(label | document) = 1 / (1 + exp(-score))")
    assert "6. Answer. The labels whose P is at least their number in thresholds" in about
    single = told(models()[4])
    assert (single["format"], single["thresholds"]) == ("textmlr-json 4", None)
    assert "6. Answer" not in " ".join(single["about"])  # type: ignore[arg-type]


@pytest.mark.parametrize("number", range(7))
def test_onnx(number: int, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    model = models()[number]
    assert model.parts.head is SIGMOIDS
    onnx_export.export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    ids, values = onnx_export.inputs(model, TEXTS)
    given = {"ids": ids, "values": values}
    scores, log_z, p = session.run(["scores", "log_z", "probabilities"], given)
    np.testing.assert_allclose(scores, model.scores(TEXTS), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(log_z, model.log_z(TEXTS), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(p, model.probabilities(TEXTS), atol=1e-6)
    metadata = session.get_modelmeta().custom_metadata_map
    names = [output.name for output in session.get_outputs()]
    if not model.is_multilabel:
        assert "answers" not in names
        assert "thresholds" not in metadata
        return
    assert json.loads(metadata["thresholds"]) == model.parts.thresholds.tolist()  # type: ignore[union-attr]
    (answers,) = session.run(["answers"], given)
    for own, row in zip(model.predict(TEXTS), answers, strict=True):
        assert {LABELS[i] for i in np.flatnonzero(row)} == set(own)
