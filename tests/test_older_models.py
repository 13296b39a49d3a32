"""Models of earlier releases, which lie in tests/models, answer as they did.

Release 0.1.0 wrote them, in format 4: one of each kind, trained on sixty short documents.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from textmlr import Corpus, Model
from textmlr.training.update.model_update import update_model

FOLDER = Path(__file__).parent / "models"
ANSWERS = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
KINDS = sorted(ANSWERS["models"])


def test_all_are_here() -> None:
    assert [path.stem for path in sorted(FOLDER.glob("*.textmlr"))] == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_the_same(kind: str) -> None:
    model = Model.load(FOLDER / f"{kind}.textmlr")
    want = ANSWERS["models"][kind]
    assert model.labels == want["labels"]
    found = model.probabilities(ANSWERS["texts"])
    np.testing.assert_allclose(found, want["probabilities"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_saved_as_it_was_read(kind: str, tmp_path: Path) -> None:
    path = FOLDER / f"{kind}.textmlr"
    Model.load(path).save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_still_explained(kind: str) -> None:
    text = ANSWERS["texts"][0]
    want = ANSWERS["models"][kind]
    why = Model.load(FOLDER / f"{kind}.textmlr").explain(text)
    assert why.label == want["labels"][int(np.argmax(want["probabilities"][0]))]
    assert [word.text for word in why.words] == text.split()


def test_a_model_learns_more() -> None:
    old = Model.load(FOLDER / "linear.textmlr")
    more = Corpus.of(["ghost scream night", "ghost robot"] * 4, ["horror"] * 8)
    assert update_model(old, more).classify(["ghost scream"])[0][0].label == "horror"
