"""compress of a model with a sparse θ: fewer weights, and nearly the same answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import write_tsv
from posting_models import corpus, model_of
from test_postings_file import HASHED

from textmlr import FeaturizerOptions, InputError, Model
from textmlr.cli import cli
from textmlr.model.postings import Postings
from textmlr.model.postings_file.fewer_postings import RankedPostings
from textmlr.model.small_file.compression import compress

TEXTS, NAMES = corpus(1_200, seed=3)
OPTIONS = FeaturizerOptions(ngrams=(1, 1), min_df=1)
KINDS = {
    "words": OPTIONS,
    "n-grams": replace(OPTIONS, ngrams=(1, 2)),
    "no idf": replace(OPTIONS, idf=False),
    "no norm": replace(OPTIONS, norm=None),
    "no bias": replace(OPTIONS, bias=False),
    "given words": FeaturizerOptions(vocabulary=tuple(f"w{i}" for i in range(900))),
    "hashed": HASHED,
}


@pytest.fixture(scope="module")
def whole() -> Model:
    return model_of(TEXTS, NAMES, options=OPTIONS)


def postings_of(model: Model) -> Postings:
    assert model.parts.postings is not None
    return model.parts.postings


def right(model: Model) -> float:
    return float(np.mean(np.array(model.predict(TEXTS)) == np.array(NAMES)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.9, 0.7])
def test_a_file_is_as_large_as_it_may_be(kind: str, share: float, tmp_path: Path) -> None:
    model = model_of(TEXTS, NAMES, options=KINDS[kind])
    most = round(share * len(model.dumps()))
    small = compress(model, most)
    assert 0.9 * most < small.save(tmp_path / "m") <= most
    again = Model.load(tmp_path / "m")
    assert again.dumps() == small.dumps()
    assert np.array_equal(again.probabilities(TEXTS[:20]), small.probabilities(TEXTS[:20]))
    np.testing.assert_allclose(small.probabilities(TEXTS[:20]).sum(axis=1), 1, atol=1e-9)
    assert len(postings_of(small)) < len(postings_of(model))
    assert small.parts.rows <= model.parts.rows
    assert small.labels == model.labels


def test_answers_stay_nearly_the_same(whole: Model) -> None:
    small = compress(whole, round(0.8 * len(whole.dumps())))
    assert right(small) > right(whole) - 0.05
    assert 0 < len(postings_of(small)) < 0.9 * len(postings_of(whole))


def test_what_is_dropped_says_least() -> None:
    """One label's strong word stays, and the words that all labels have go first."""
    model = model_of(TEXTS, NAMES, options=OPTIONS, learnt=0)
    own = RankedPostings.of(model)
    few = own.best(len(own) // 2)
    names = model.featurizer.feature_names()
    sizes = dict(zip(names, np.diff(postings_of(model).starts), strict=True))
    left = dict(zip(few.featurizer.feature_names(), np.diff(postings_of(few).starts), strict=True))
    common = [name for name in names if name.startswith("c") and sizes[name] > 20]
    strange = [name for name in names if name.startswith("w")]
    share_common = np.mean([left.get(name, 0) / sizes[name] for name in common])
    share_strange = np.mean([left.get(name, 0) / sizes[name] for name in strange])
    assert share_strange > share_common + 0.2


def test_lengths_are_made_up_for(whole: Model) -> None:
    """Rows of fewer features are longer, weights smaller: what features add stays as large."""
    own = RankedPostings.of(whole)
    few = own.best(int(0.7 * len(own)))
    scales = [postings_of(model).scales for model in (whole, few)]
    assert 0.5 < np.median(scales[1] / scales[0]) <= 1


def test_all_weights_are_the_model_itself(whole: Model) -> None:
    own = RankedPostings.of(whole)
    again = own.best(len(own))
    assert np.array_equal(again.probabilities(TEXTS[:9]), whole.probabilities(TEXTS[:9])) or (
        np.abs(again.probabilities(TEXTS[:9]) - whole.probabilities(TEXTS[:9])).max() < 0.02
    )


def test_a_small_file_is_left_alone_and_too_small_ones_are_refused(whole: Model) -> None:
    assert compress(whole, len(whole.dumps())) is whole
    with pytest.raises(InputError, match="no model fits in 1,000 bytes: labels, record and one"):
        compress(whole, 1000)
    with pytest.raises(InputError, match="a sparse theta has no weights of 16 bits; use int8"):
        compress(whole, 9000, dtype="float16")
    sizes: list[tuple[int, int]] = []
    small = whole.compress(round(0.8 * len(whole.dumps())), watch=lambda *own: sizes.append(own))
    assert sizes[0][0] < small.parts.rows
    assert (small.parts.rows - 1, len(small.dumps())) in sizes


def test_a_small_model_is_compressed_again_but_not_updated(whole: Model) -> None:
    small = compress(whole, round(0.8 * len(whole.dumps())))
    smaller = compress(small, round(0.9 * len(small.dumps())))
    assert len(postings_of(smaller)) < len(postings_of(small))
    with pytest.raises(InputError, match="update the model that it was compressed from"):
        small.update(["w1 new words"], [whole.labels[0]])


def test_the_verb_tells_what_it_costs(whole: Model, tmp_path: Path) -> None:
    path, small, test = tmp_path / "m", tmp_path / "small", tmp_path / "test.tsv"
    size = whole.save(path)
    write_tsv(test, list(zip(NAMES[:300], TEXTS[:300], strict=True)))
    most = round(0.8 * size)
    arguments = ["compress", str(path), str(test), "-o", str(small), "--max-size", str(most)]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert f"{len(postings_of(whole)):,} → " in done.output
    assert "accuracy" in done.output
    assert "on 300 documents" in done.output
    told = json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).stdout)
    assert told["weights"] == len(postings_of(Model.load(small)))
    assert told["from"]["weights"] == len(postings_of(whole))
    assert told["bytes"] <= most
    assert told["evaluation"]
