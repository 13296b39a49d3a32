"""Small models: within the size asked for, nearly as good, and otherwise like any model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import WORDS, corpus_of, documents
from test_model import TEXTS

from textmlr import FeaturizerOptions, InputError
from textmlr.base.training_options import TrainingOptions
from textmlr.cli import cli
from textmlr.cli.value_types import Size
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.reading import read_corpus
from textmlr.evaluation.labelled_answers import answer
from textmlr.features.featurizer import Featurizer
from textmlr.model.model import Model
from textmlr.model.model_facts import kept_of
from textmlr.model.model_parts import UpdateState
from textmlr.model.record import Record
from textmlr.model.small_file.compressed import deflate
from textmlr.model.small_file.compression import SmallDtype, compress
from textmlr.model.small_file.theta_storage import ThetaStorage
from textmlr.training.corpus_training import train_corpus

pytestmark = pytest.mark.slow  # many, and each trains

DATA = Path(__file__).parent.parent / "data"
PAIRS = documents(200, 4)
TWO = [pair for pair in PAIRS if pair[0] != "scifi"]
QUICK = TrainingOptions(epochs=1, holdout=0.0)
EXACT = TrainingOptions(solver="exact", l2=1e-3)


@pytest.fixture(scope="module")
def genres() -> Model:
    return train_corpus(read_corpus([str(DATA / "genres-train.tsv")]))


@pytest.fixture(scope="module")
def pairs() -> Model:
    """Smaller: 2.3 MB, where compress has all features in 170 kB."""
    corpus = read_corpus([str(DATA / "genres-train.tsv")])
    return train_corpus(corpus, FeaturizerOptions(ngrams=(1, 2), char_ngrams=None))


@pytest.fixture(scope="module")
def words() -> Model:
    options = FeaturizerOptions(ngrams=(1, 1), char_ngrams=None)
    return train_corpus(corpus_of(PAIRS), options, TrainingOptions(epochs=2, holdout=0.0))


@pytest.fixture(scope="module")
def unseen() -> Corpus:
    return read_corpus([str(DATA / "genres-test.tsv")])


def figures(model: Model, corpus: Corpus) -> tuple[float, float]:
    """(accuracy, log loss)."""
    answered = answer(model, corpus)
    return float((answered.top == answered.codes).mean()), float(answered.losses.mean())


@pytest.mark.slow
def test_a_twentieth_of_the_size_answers_alike(genres: Model, unseen: Corpus) -> None:
    """3.4 MB to 170 kB: P moves by 3 % on the mean."""
    small = compress(genres, 170_000)
    whole_figures, small_figures = figures(genres, unseen), figures(small, unseen)
    assert abs(small_figures[0] - whole_figures[0]) < 0.03
    assert small_figures[1] < whole_figures[1] + 0.04
    p, q = answer(genres, unseen).probabilities, answer(small, unseen).probabilities
    assert np.abs(p - q).sum(axis=1).mean() / 2 < 0.05


def test_what_contributes_most_is_kept(genres: Model, unseen: Corpus) -> None:
    """A model of as many features drawn at random answers worse by far; so does float16, which
    has room for a fourth of them."""
    small = compress(genres, 50_000)
    number = kept_of(small.parts)["features"]
    assert 7_000 < number < 12_000
    loss = figures(small, unseen)[1]
    rng = np.random.default_rng(1)
    drawn = np.sort(rng.choice(len(genres.theta) - 1, number, replace=False)) + 1
    rows = np.concatenate([[0], drawn])
    vocabulary = genres.featurizer.vocabulary.take(drawn - 1)
    featurizer = Featurizer.restore(genres.featurizer.options, vocabulary, None, genres.labels, 576)
    parts = (genres.labels, featurizer, [genres.theta[rows]], genres.record, None)
    assert figures(Model(*parts, genres.parts.calibration), unseen)[1] > loss + 0.2
    half = compress(genres, 50_000, dtype="float16")
    assert kept_of(half.parts)["features"] < number / 2
    assert figures(half, unseen)[1] > loss + 0.2


def test_words_of_a_label_stay_and_common_words_go(words: Model) -> None:
    """They are as frequent or more, and contribute nothing; documents are no longer than they
    were, so that P is nearly what it was, though all of the length is now that of some words."""
    own = {word for words_of_label in WORDS.values() for word in words_of_label}
    theta = words.theta.copy()
    names = words.featurizer.feature_names()
    for row, name in enumerate(names):
        if row and name not in own:
            theta[row] *= 1e-4
    model = Model(words.labels, words.featurizer, [theta], Record(), None, words.parts.calibration)
    small = next(
        one
        for one in (compress(model, limit) for limit in range(1360, 1600, 10))
        if kept_of(one.parts)["features"] > 28
    )
    kept = set(small.featurizer.feature_names()[1:])
    assert kept <= own
    texts = [text for _, text in documents(60, 8)]
    spread, before = (one.scores(texts).std(axis=1).mean() for one in (small, model))
    assert abs(spread / before - 1) < 0.06
    # What it would be if all of a document's length were that of the words left.
    matrix = model.featurizer.transform(texts)
    left = [i for i, name in enumerate(names) if name in kept]
    shorter = np.sqrt(matrix[:, left].multiply(matrix[:, left]).sum(axis=1))
    assert np.mean(shorter) < 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "dtype"), [(15_000, "int8"), (60_000, "int8"), (60_000, "float16")]
)
def test_the_file_is_nearly_as_large_as_it_may_be(
    pairs: Model, limit: int, dtype: SmallDtype, tmp_path: Path
) -> None:
    tried: list[tuple[int, int]] = []
    small = compress(pairs, limit, dtype=dtype, watch=lambda *one: tried.append(one))
    size = small.save(tmp_path / "small")
    assert 0.97 * limit < size <= limit
    assert size == (tmp_path / "small").stat().st_size
    assert (len(small.parts.layers[0]) - 1, size) in tried
    assert len(tried) < 12
    assert small.record.compressed.as_json() == {
        "from_features": kept_of(pairs.parts)["features"],
        "features": kept_of(small.parts)["features"],
    }


@pytest.mark.slow
def test_where_all_features_fit_rounding_is_finer(pairs: Model, unseen: Corpus) -> None:
    whole = compress(pairs, 10**6)
    assert whole.parts.storage.top < compress(pairs, 60_000).parts.storage.top
    assert kept_of(whole.parts)["features"] == kept_of(pairs.parts)["features"]
    assert abs(figures(whole, unseen)[1] - figures(pairs, unseen)[1]) < 0.002
    # As fine as 8 bits allow.
    rows = dict(zip(pairs.featurizer.feature_names(), pairs.theta, strict=True))
    for name, row in zip(whole.featurizer.feature_names()[:500], whole.theta[:500], strict=True):
        assert np.abs(row - rows[name]).max() <= np.abs(rows[name]).max() / 127 * 0.7


OPTIONS = {
    "words": (FeaturizerOptions(), QUICK),
    "characters": (FeaturizerOptions(char_ngrams=(2, 3)), QUICK),
    "idf": (FeaturizerOptions(idf=True), QUICK),
    "no norm, no bias": (FeaturizerOptions(norm=None, bias=False, min_df=2), QUICK),
    "hashed": (FeaturizerOptions(hash_bits=12), QUICK),
    "hashed, idf": (FeaturizerOptions(hash_bits=12, idf=True, bias=False), QUICK),
    "sparse": (FeaturizerOptions(), TrainingOptions(l1=1e-4)),
    "sparse, no norm": (FeaturizerOptions(norm=None), TrainingOptions(l1=1e-4)),
    "exact": (FeaturizerOptions(), EXACT),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pairs", "dtype"),
    [(PAIRS, "int8"), (TWO, "int8"), (PAIRS, "float16"), (TWO, "float16")],
    ids=["three labels", "two labels", "three labels, float16", "two labels, float16"],
)
@pytest.mark.parametrize("name", OPTIONS)
def test_any_model_is_compressed_and_read_to_the_same_bits(
    name: str, pairs: list[tuple[str, str]], dtype: SmallDtype, tmp_path: Path
) -> None:
    whole = train_corpus(corpus_of(pairs), *OPTIONS[name])
    limit = min(whole.save(tmp_path / "whole") // 2, 5000)
    small = compress(whole, limit, dtype=dtype)
    assert small.save(tmp_path / "small") <= limit
    loaded = Model.load(tmp_path / "small")
    for model in (small, loaded):
        assert model.parts.storage.dtype == dtype
        for texts in (TEXTS, TEXTS[:1]):
            assert model.scores(texts).tobytes() == small.scores(texts).tobytes()
            assert model.probabilities(texts).tobytes() == small.probabilities(texts).tobytes()
    if whole.featurizer.vocabulary is not None:
        assert loaded.featurizer.feature_names() == small.featurizer.feature_names()
        assert "robot" in small.featurizer.feature_names() or "scifi" not in whole.labels
        counts = loaded.featurizer.vocabulary.frequencies
        assert (np.diff(counts) <= 0).all()
    assert loaded.save(tmp_path / "again") == small.save(tmp_path / "small")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "small").read_bytes()
    unseen = corpus_of([pair for pair in documents(300, 9) if pair[0] in whole.labels])
    assert figures(small, unseen)[0] > figures(whole, unseen)[0] - 0.05


def test_a_small_model_is_left_as_it_is(pairs: Model, tmp_path: Path) -> None:
    assert compress(pairs, pairs.save(tmp_path / "m")) is pairs
    small = compress(pairs, 30_000)
    assert compress(small, 30_000) is small


def test_it_is_compressed_again(pairs: Model, unseen: Corpus, tmp_path: Path) -> None:
    once = compress(pairs, 20_000)
    twice = compress(compress(pairs, 40_000), 20_000)
    assert twice.save(tmp_path / "m") <= 20_000
    assert figures(twice, unseen)[1] < figures(once, unseen)[1] + 0.05


@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_hashed_features_are_compressed_again(dtype: SmallDtype, tmp_path: Path) -> None:
    """Their order tells no frequencies any more; scales do."""
    whole = train_corpus(corpus_of(PAIRS), FeaturizerOptions(hash_bits=12), QUICK)
    unseen = corpus_of(documents(300, 9))
    once = compress(whole, 4_000, dtype=dtype)
    once.save(tmp_path / "m")
    again = compress(Model.load(tmp_path / "m"), 3_000)
    assert (
        kept_of(again.parts)["features"]
        <= kept_of(once.parts)["features"]
        < kept_of(whole.parts)["features"]
    )
    assert figures(again, unseen)[1] < figures(compress(whole, 3_000), unseen)[1] + 0.1


def test_other_weights_are_saved_plainly(genres: Model, tmp_path: Path) -> None:
    """A model made from the parts of a small one has no scales to hold its weights by."""
    small = compress(genres, 60_000)
    changed = Model(small.labels, small.featurizer, [small.parts.layers[0] * 1.1], small.record)
    changed.save(tmp_path / "m")
    assert Model.load(tmp_path / "m").theta.tobytes() == changed.theta.tobytes()
    for storage in (small.parts.storage, ThetaStorage("float16")):
        layers = [small.parts.layers[0] * np.float32(1.1)]
        parts = replace(small.parts, layers=layers, storage=storage, update_state=UpdateState())
        with pytest.raises(ValueError, match="theta"):
            Model.of(parts).save(tmp_path / "m")


def test_the_least_size_is_told(genres: Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model fits in 1,000 bytes") as caught:
        compress(genres, 1000)
    least = int(str(caught.value.mend).split()[1].replace(",", ""))
    assert compress(genres, least).save(tmp_path / "m") == least
    with pytest.raises(InputError, match="no model fits"):
        compress(genres, least - 1)


def test_weights_too_large_for_16_bits(genres: Model) -> None:
    theta = genres.theta * np.float32(1e5)
    large = Model(genres.labels, genres.featurizer, [theta], genres.record)
    with pytest.raises(InputError, match="too large for float16; use int8"):
        compress(large, 60_000, dtype="float16")
    small = compress(large, 60_000)
    assert np.abs(small.theta).max() > np.abs(theta).max() / 2


@pytest.mark.parametrize(
    ("text", "size"),
    [("1MB", 10**6), ("500kB", 500_000), ("1MiB", 1 << 20), ("1.5 mb", 1_500_000), ("999", 999),
     ("2 KiB", 2048)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert Size().convert(text, None, None) == size


class TestCommand:
    def run(self, *arguments: str | Path, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ["compress", *map(str, arguments)])
        if isinstance(result.exception, InputError):  # the process ends with 2
            assert code == 2
            return str(result.exception)
        assert result.exit_code == code, result.output
        return " ".join(result.output.split())

    def test_before_and_after(self, model_file: Path, test_tsv: Path, tmp_path: Path) -> None:
        small = tmp_path / "small"
        told = self.run(model_file, test_tsv, "-o", small, "--max-size", "10kB")
        for part in ("file size", "features", "float32 → int8", "accuracy", "log loss", "90 docu"):
            assert part in told
        assert small.stat().st_size <= 10_000
        about = json.loads(
            self.run(model_file, test_tsv, "-o", small, "--max-size", "10kB", "--json")
        )
        assert about["bytes"] == small.stat().st_size < about["from"]["bytes"]
        assert about["features"] == kept_of(Model.load(small).parts)["features"]
        unseen = read_corpus([str(test_tsv)])
        for side, path in (("a", model_file), ("b", small)):
            got = about["evaluation"][side]
            want = figures(Model.load(path), unseen)
            assert (got["accuracy"], got["log_loss"]) == pytest.approx(want)
        told = CliRunner().invoke(cli, ["info", str(small)]).output
        assert "int8" in told
        assert f"from {about['from']['features']:,} features" in told

    def test_without_a_corpus(self, model_file: Path, tmp_path: Path) -> None:
        told = self.run(model_file, "-o", tmp_path / "m", "--max-size", "10kB")
        assert "accuracy" in told
        assert "A CORPUS that the model has not seen" in told
        told = self.run(model_file, "-o", tmp_path / "m", "--max-size", "1GB")
        assert "Copied" in told
        assert (tmp_path / "m").read_bytes() == model_file.read_bytes()

    def test_what_cannot_be(self, model_file: Path, tmp_path: Path) -> None:
        out = tmp_path / "m"
        for size in ("0", "x", "1XB", "-1kB", "0.1"):
            assert "is not a size" in self.run(model_file, "-o", out, "--max-size", size, code=2)
        assert "Missing option" in self.run(model_file, "-o", out, code=2)
        assert not out.exists()
        result = CliRunner().invoke(
            cli, ["compress", str(model_file), "-o", str(out), "--max-size", "1kB"]
        )
        assert isinstance(result.exception, InputError)
        assert not out.exists()


def test_the_length_of_a_large_stream_is_guessed_by_some_of_it() -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(-2, 3, 6_000_000, np.int8).tobytes()
    whole = len(data) // 100 * len(deflate(data[:500_000], quick=True)) / 5_000
    assert len(deflate(data, quick=True)) == pytest.approx(whole, rel=0.05)
