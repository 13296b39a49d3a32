"""Small models: as large as they may be, nearly as good, and models like any other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import corpus_of, documents
from test_model import TEXTS

from textmlr import FeaturizerOptions, InputError
from textmlr.cli import cli
from textmlr.cli.compress import Size
from textmlr.compression import compress
from textmlr.corpus import Corpus, read_corpus
from textmlr.evaluation import answer
from textmlr.learning import train
from textmlr.model import Model
from textmlr.options import TrainingOptions
from textmlr.packed import Storage

DATA = Path(__file__).parent.parent / "data"
PAIRS = documents(200, 4)
TWO = [pair for pair in PAIRS if pair[0] != "scifi"]
QUICK = TrainingOptions(epochs=1, holdout=0.0)
EXACT = TrainingOptions(solver="exact", l2=1e-3)


@pytest.fixture(scope="module")
def genres() -> Model:
    return train(read_corpus([str(DATA / "genres-train.tsv")]))


@pytest.fixture(scope="module")
def unseen() -> Corpus:
    return read_corpus([str(DATA / "genres-test.tsv")])


def figures(model: Model, corpus: Corpus) -> tuple[float, float]:
    """(accuracy, log loss)."""
    answered = answer(model, corpus)
    return float((answered.top == answered.codes).mean()), float(answered.losses.mean())


def kept_by(model: Model, chosen: np.ndarray) -> Model:
    """The model of some features (numbers, ascending), by hand: no rounding, nothing made up for."""
    columns = np.concatenate([[0], chosen + 1])
    small = replace_norm(model).keep(columns)
    small.options = model.featurizer.options
    return Model(model.labels, small, [model.theta[columns]], model.record, None, model.calibration)


def replace_norm(model: Model):
    """The featurizer as if documents were not scaled to length 1, so that ``keep`` drops."""
    from textmlr.features import Featurizer

    f = model.featurizer
    options = replace(f.options, norm=None)
    return Featurizer.restore(options, f.vocabulary, None, f.idf, model.labels, f.documents)


def test_a_twentieth_of_the_size_answers_alike(genres: Model, unseen: Corpus) -> None:
    """3.4 MB to 170 kB: P differs by 2 % on the mean, accuracy by 2 documents of 144 at most."""
    small = compress(genres, 170_000)
    whole_figures, small_figures = figures(genres, unseen), figures(small, unseen)
    assert abs(small_figures[0] - whole_figures[0]) <= 2.5 / 144
    assert small_figures[1] < whole_figures[1] + 0.02
    p, q = answer(genres, unseen).probabilities, answer(small, unseen).probabilities
    assert np.abs(p - q).max(axis=1).mean() < 0.02


def test_what_contributes_most_is_kept(genres: Model, unseen: Corpus) -> None:
    """Better than as many features drawn at random, than the most frequent, and than float16."""
    small = compress(genres, 50_000)
    number = len(small.layers[0]) - 1
    assert 5_000 < number < 15_000
    loss = figures(small, unseen)[1]
    drawn = np.random.default_rng(1).choice(genres.featurizer.columns - 1, number, replace=False)
    for other in (
        kept_by(genres, np.sort(drawn)),
        kept_by(genres, np.arange(number)),
        compress(genres, 50_000, dtype="float16"),
    ):
        assert figures(other, unseen)[1] > loss + 0.02


def test_the_length_of_documents_is_made_up_for(genres: Model, unseen: Corpus) -> None:
    """Without it the features left would be too sure, since all of the length is theirs."""
    small = compress(genres, 50_000)
    names = set(small.featurizer.feature_names())
    chosen = [i for i, name in enumerate(genres.featurizer.feature_names()[1:]) if name in names]
    plain = kept_by(genres, np.array(chosen))
    scores = [model.scores(unseen.batches).std(axis=1).mean() for model in (genres, small, plain)]
    assert abs(scores[1] / scores[0] - 1) < 0.1
    assert scores[2] / scores[0] > 1.1


@pytest.mark.parametrize("limit", [20_000, 60_000, 150_000])
@pytest.mark.parametrize("dtype", ["int8", "float16"])
def test_the_file_is_nearly_as_large_as_it_may_be(
    genres: Model, limit: int, dtype, tmp_path: Path
) -> None:
    tried: list[tuple[int, int]] = []
    small = compress(genres, limit, dtype=dtype, watch=lambda *one: tried.append(one))
    size = small.save(tmp_path / "small")
    assert 0.97 * limit < size <= limit
    assert size == (tmp_path / "small").stat().st_size
    assert (len(small.layers[0]) - 1, size) in tried
    assert len(tried) < 20
    assert small.record["compressed"] == {
        "from_features": genres.kept["features"],
        "features": small.kept["features"],
    }


def test_where_all_features_fit_rounding_is_finer(genres: Model) -> None:
    smaller, larger = compress(genres, 140_000), compress(genres, 170_000)
    assert larger.storage.top < smaller.storage.top
    whole = compress(genres, 10**6)
    assert whole.kept["features"] == genres.kept["features"]
    # As fine as 8 bits allow.
    rows = {name: row for name, row in zip(genres.featurizer.feature_names(), genres.theta)}
    for name, row in zip(whole.featurizer.feature_names()[:500], whole.theta):
        assert np.abs(row - rows[name]).max() <= np.abs(rows[name]).max() / 127 * 0.7


OPTIONS = {
    "words": (FeaturizerOptions(), QUICK),
    "characters": (FeaturizerOptions(char_ngrams=(2, 3)), QUICK),
    "idf": (FeaturizerOptions(idf=True), QUICK),
    "no norm, no bias": (FeaturizerOptions(norm=None, bias=False, min_df=2), QUICK),
    "hashed": (FeaturizerOptions(hash_bits=12), QUICK),
    "hashed, idf": (FeaturizerOptions(hash_bits=12, idf=True, bias=False), QUICK),
    "sparse": (FeaturizerOptions(), TrainingOptions(l1=1e-3)),
    "sparse, no norm": (FeaturizerOptions(norm=None), TrainingOptions(l1=1e-3)),
    "exact": (FeaturizerOptions(), EXACT),
}


@pytest.mark.parametrize("pairs", [PAIRS, TWO], ids=["three labels", "two"])
@pytest.mark.parametrize("dtype", ["int8", "float16"])
@pytest.mark.parametrize("name", OPTIONS)
def test_any_model_is_compressed_and_read_to_the_same_bits(
    name: str, dtype, pairs: list[tuple[str, str]], tmp_path: Path
) -> None:
    whole = train(corpus_of(pairs), *OPTIONS[name])
    limit = whole.save(tmp_path / "whole") // 3
    small = compress(whole, limit, dtype=dtype)
    assert small.save(tmp_path / "small") <= limit
    loaded = Model.load(tmp_path / "small")
    for model in (small, loaded):
        assert model.storage.dtype == dtype
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


def test_a_small_model_is_left_as_it_is(genres: Model, tmp_path: Path) -> None:
    assert compress(genres, genres.save(tmp_path / "m")) is genres
    small = compress(genres, 60_000)
    assert compress(small, 60_000) is small


def test_it_is_compressed_again(genres: Model, unseen: Corpus, tmp_path: Path) -> None:
    once = compress(genres, 60_000)
    twice = compress(compress(genres, 100_000), 60_000)
    assert twice.save(tmp_path / "m") <= 60_000
    assert figures(twice, unseen)[1] < figures(once, unseen)[1] + 0.05


def test_other_weights_are_saved_plainly(genres: Model, tmp_path: Path) -> None:
    """A model made from the parts of a small one has no scales to hold its weights by."""
    small = compress(genres, 60_000)
    changed = Model(small.labels, small.featurizer, [small.layers[0] * 1.1], small.record)
    changed.save(tmp_path / "m")
    assert Model.load(tmp_path / "m").theta.tobytes() == changed.theta.tobytes()
    for storage in (small.storage, Storage("float16")):
        parts = (small.labels, small.featurizer, [small.layers[0] * np.float32(1.1)], small.record)
        with pytest.raises(ValueError, match="theta"):
            Model(*parts, storage=storage).save(tmp_path / "m")


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
        assert about["features"] == Model.load(small).kept["features"]
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
        assert "Give a CORPUS" in told
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
