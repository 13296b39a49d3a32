"""Models of earlier releases, which lie in tests/models, answer as they did.

Release 0.1.0 wrote them, in format 4: one of each kind, trained on sixty short documents, and two
of several scripts, whose words it cut at marks.
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
    known = sorted([*KINDS, *SCRIPTS["probabilities"]])
    assert sorted(path.stem for path in FOLDER.glob("*.textmlr")) == known


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_the_same(kind: str) -> None:
    model = Model.load(FOLDER / f"{kind}.textmlr")
    want = ANSWERS["models"][kind]
    assert model.labels == want["labels"]
    found = model.probabilities(ANSWERS["texts"])
    np.testing.assert_allclose(found, want["probabilities"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_saved_as_it_was_read(kind: str, tmp_path: Path) -> None:
    """In today's format, which names what the older one left unsaid."""
    old = Model.load(FOLDER / f"{kind}.textmlr")
    assert old.featurizer.options.token_pattern == r"\w+"
    old.save(tmp_path / "again")
    again = Model.load(tmp_path / "again")
    assert again.featurizer.options == old.featurizer.options
    texts = ANSWERS["texts"]
    assert again.probabilities(texts).tobytes() == old.probabilities(texts).tobytes()
    again.save(tmp_path / "once more")
    assert (tmp_path / "once more").read_bytes() == (tmp_path / "again").read_bytes()


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


SCRIPTS = json.loads((FOLDER / "scripts.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", sorted(SCRIPTS["probabilities"]))
def test_words_of_other_scripts_are_cut_as_they_were(kind: str, tmp_path: Path) -> None:
    """At marks, in Hindi, pointed Arabic and decomposed French, or no feature would be found."""
    old = Model.load(FOLDER / f"{kind}.textmlr")
    want = SCRIPTS["probabilities"][kind]
    np.testing.assert_allclose(old.probabilities(SCRIPTS["texts"]), want, rtol=0, atol=1e-6)
    old.save(tmp_path / "again")
    again = Model.load(tmp_path / "again").probabilities(SCRIPTS["texts"])
    assert again.tobytes() == old.probabilities(SCRIPTS["texts"]).tobytes()
