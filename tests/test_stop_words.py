"""Stop words: tokens that are left out before n-grams are formed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

import textmlr
from textmlr import Featurizer, FeaturizerOptions, InputError
from textmlr.cli import cli
from textmlr.corpus import blocks
from textmlr.features.stop_words import dropped

DATA = Path(__file__).parent.parent / "data"
PLAIN = {"term_frequency": "raw", "idf": False, "norm": None, "min_df": 1, "bias": False}
WORDS = sorted(ENGLISH_STOP_WORDS)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return textmlr.read_corpus(DATA / "genres-train.tsv").texts


def terms(text: str, **options: object) -> list[str]:
    """The features of a text."""
    featurizer = Featurizer(FeaturizerOptions(**PLAIN, ngrams=(1, 2), **options))
    featurizer.fit([text])
    return featurizer.feature_names()


def same(texts: list[str], ours: dict[str, object], theirs: dict[str, object]) -> None:
    """Our matrix is CountVectorizer's."""
    featurizer = Featurizer(FeaturizerOptions(**PLAIN, **ours))
    mine = featurizer.fit_transform(texts)
    vectorizer = CountVectorizer(**theirs)
    other = vectorizer.fit_transform(texts)
    names = vectorizer.get_feature_names_out()
    column = featurizer.vocabulary_
    assert column.keys() == set(names)
    assert abs(mine[:, [column[name] for name in names]] - other).sum() == 0


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 3), (2, 2)])
def test_as_scikit_learn_leaves_them_out(texts: list[str], ngrams: tuple[int, int]) -> None:
    pattern = r"(?u)\b\w\w+\b"
    same(
        texts,
        {"token_pattern": pattern, "stop_words": WORDS, "ngrams": ngrams},
        {"stop_words": "english", "ngram_range": ngrams},
    )
    same(
        texts,
        {"token_pattern": r"\w+", "punctuation": False, "stop_words": WORDS, "ngrams": ngrams},
        {"token_pattern": r"\w+", "stop_words": "english", "ngram_range": ngrams},
    )


def test_they_go_before_n_grams_are_formed_whatever_their_case() -> None:
    assert terms("The cat sat on THE mat", stop_words=["the", "ON"]) == [
        *("cat", "sat", "cat sat", "mat", "sat mat"),
    ]
    assert "The" in terms("The cat", stop_words=["the"], lowercase=False)
    assert "the" not in terms("The cat", stop_words=["The", "the"], lowercase=False)


@pytest.mark.parametrize("pattern", [None, r"\w+"])
def test_a_contraction_is_left_out(pattern: str | None) -> None:
    found = terms("we don't mind", stop_words=["don't"], token_pattern=pattern, punctuation=False)
    assert found == ["we", "mind", "we mind"]


def test_a_word_in_another_form_of_unicode_is_the_same_word() -> None:
    assert terms("cafe\u0301 au lait", stop_words=["caf\u00e9"]) == ["au", "lait", "au lait"]
    assert terms("café au lait", stop_words=["CAFÉ"], strip_accents=True)[0] == "au"


def test_several_words_are_no_reason_to_leave_out_one() -> None:
    options = FeaturizerOptions(stop_words=["e-mail", "the", "我们", "!"])
    assert dropped(options).unfound == ("e-mail", "我们")
    assert dropped(options).names == ("!", "the")
    assert "mail" in terms("the mail!", stop_words=["e-mail"])


def test_they_are_told_of(tmp_path: Path, train_tsv: Path) -> None:
    (tmp_path / "stop.txt").write_text("the\ne-mail\nrock-and-roll\n", encoding="utf-8")
    arguments = [str(train_tsv), "-o", str(tmp_path / "m"), "-q"]
    done = CliRunner().invoke(
        cli, ["train", *arguments, "--stop-words", str(tmp_path / "stop.txt")]
    )
    assert "2 stop words are no single word" in done.stderr
    assert "e-mail, rock-and-roll" in done.stderr


# ---------------------------------------------------------------- files and lists
@pytest.mark.parametrize(
    "data",
    [b"the\nof\n", b"\xef\xbb\xbfthe\r\nof", b"the\n\n  of  \n\n", b"the\rof\r", b"the\nthe\nof\n"],
)
def test_files_of_words(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "words").write_bytes(data)
    for path in (tmp_path / "words", str(tmp_path / "words")):
        assert FeaturizerOptions(stop_words=path).stop_words == ("the", "of")


@pytest.mark.parametrize(
    "words", [["the", "of"], ("the", "of"), np.array(["the", "of"]), iter(["the", "of"])]
)
def test_lists_of_words(words: object) -> None:
    assert FeaturizerOptions(stop_words=words).stop_words == ("the", "of")


def test_sets_of_words_are_sorted() -> None:
    assert FeaturizerOptions(stop_words={"the", "of"}).stop_words == ("of", "the")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "words: has no words; write a word a line, or leave it out"),
        (b"\n \n", "words: has no words"),
        (b"the\nof the\n", "words, line 2: 'of the' is several words; write a word a line"),
        (b"the, of, and\n", "words, line 1: 'the, of, and' is several words"),
        (b"the\ncaf\xe9\n", "words, line 2: is not UTF-8 (byte 8); save the list as UTF-8"),
        ("the\n".encode("utf-16"), "words, line 1: is not UTF-8"),
    ],
)
def test_bad_files(tmp_path: Path, train_tsv: Path, data: bytes, told: str) -> None:
    path = tmp_path / "words"
    path.write_bytes(data)
    with pytest.raises(InputError) as refused:
        FeaturizerOptions(stop_words=path)
    assert told in str(refused.value)
    done = CliRunner().invoke(cli, ["train", str(train_tsv), "--stop-words", str(path)])
    assert isinstance(done.exception, InputError)
    assert told in str(done.exception)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("english", "stop_words='english' is not a file that can be read"),
        ([], "stop_words has no words"),
        (["of the"], "stop_words: 'of the' is several words"),
        (["{a b}"], "stop_words: '{ a b}' is several words"),
        ([b"the"], "stop_words has b'the' in it, which is not text"),
        ({"the": 1}, "stop_words={'the': 1} is not a list of words"),
        (3, "stop_words=3 is not a list of words"),
    ],
)
def test_bad_lists(words: object, told: str) -> None:
    with pytest.raises(InputError) as refused:
        FeaturizerOptions(stop_words=words)
    assert str(refused.value).startswith(told)


# ---------------------------------------------------------------- models
@pytest.fixture(scope="module")
def model() -> textmlr.Model:
    return textmlr.train(
        DATA / "genres-train.tsv", stop_words=["the", "a", "Robot"], char_ngrams=(3, 3), epochs=2
    )


def test_a_model_keeps_them(model: textmlr.Model, tmp_path: Path, texts: list[str]) -> None:
    model.save(tmp_path / "m")
    loaded = textmlr.load(tmp_path / "m")
    assert loaded.featurizer.options.stop_words == ("the", "a", "Robot")
    assert loaded.info() == model.info()
    assert loaded.info()["featurizer"]["stop_words"] == ["the", "a", "Robot"]
    assert (loaded.probabilities(texts) == model.probabilities(texts)).all()
    small = model.compress("20kB")
    small.save(tmp_path / "s")
    assert textmlr.load(tmp_path / "s").featurizer.options.stop_words == ("the", "a", "Robot")
    shown = CliRunner().invoke(cli, ["info", str(tmp_path / "m")]).output
    assert "--stop-words (3 words)" in shown
    names = [name for name in model.featurizer.feature_names() if not name.startswith("char:")]
    assert not {"the", "a", "robot"} & {word for name in names for word in name.split()}


@pytest.mark.slow
def test_thousands_of_them_are_kept(tmp_path: Path) -> None:
    many = [f"word{i:09}" for i in range(150_000)]
    own = textmlr.train(["robot orbit", "kiss"] * 9, ["a", "b"] * 9, stop_words=many)
    own.save(tmp_path / "m")
    assert textmlr.load(tmp_path / "m").featurizer.options.stop_words == tuple(many)


def test_one_document_is_answered_as_many(model: textmlr.Model, texts: list[str]) -> None:
    many = model.probabilities(texts[:40], threads=2)
    assert (many == np.vstack([model.probabilities([text]) for text in texts[:40]])).all()
    assert (model.probabilities("the robot") == model.probabilities("")).all()


def test_explain_leaves_them_out(model: textmlr.Model) -> None:
    text = "The robot and a saddle"
    explanation = model.explain(text)
    assert [word.text for word in explanation.words] == ["and", "saddle"]
    assert all(text[word.start : word.stop] == word.text for word in explanation.words)
    named = {name for feature in explanation.features for name in feature.names}
    assert "saddle" in named
    assert not {"the", "robot", "a"} & named


def test_long_documents_are_read_alike(monkeypatch: pytest.MonkeyPatch, texts: list[str]) -> None:
    featurizer = Featurizer(FeaturizerOptions(stop_words=WORDS, char_ngrams=(3, 3)))
    whole = featurizer.fit_transform(texts[:50])
    names = featurizer.feature_names()
    monkeypatch.setattr(blocks, "GIANT_BYTES", 100)
    other = Featurizer(featurizer.options)
    assert abs(other.fit_transform(texts[:50]) - whole).max() < 1e-6
    assert other.feature_names() == names


def test_a_stream_takes_them(tmp_path: Path, train_tsv: Path) -> None:
    (tmp_path / "stop.txt").write_text("the\nrobot\n")
    arguments = ["train", str(train_tsv), "--stream", "-o", str(tmp_path / "m"), "-q"]
    done = CliRunner().invoke(cli, [*arguments, "--stop-words", str(tmp_path / "stop.txt")])
    assert done.exit_code == 0, done.output
    own = textmlr.load(tmp_path / "m")
    assert own.featurizer.options.stop_words == ("the", "robot")
    assert (own.probabilities("the robot") == own.probabilities("")).all()


def test_an_update_leaves_them_out(model: textmlr.Model) -> None:
    label = model.labels[0]
    after = model.update(["the a zyzzyva the zyzzyva"], [label])
    added = set(after.featurizer.feature_names()) - set(model.featurizer.feature_names())
    assert {"zyzzyva", "zyzzyva zyzzyva"} <= added
    assert not any("the" in name.split() for name in added)


def test_files_of_options_hold_a_path_or_a_list(tmp_path: Path, train_tsv: Path) -> None:
    (tmp_path / "stop.txt").write_text("the\nof\n")
    made = []
    for number, value in enumerate((str(tmp_path / "stop.txt"), ["the", "of"])):
        (tmp_path / "o.toml").write_text(f"stop-words = {json.dumps(value)}\n")
        target = tmp_path / f"m{number}"
        arguments = ["train", str(train_tsv), "-o", str(target), "--json", "--config"]
        done = CliRunner().invoke(cli, [*arguments, str(tmp_path / "o.toml")])
        told = json.loads(done.stdout)
        assert told["config"]["train"]["stop-words"] == value
        (tmp_path / "o.json").write_text(done.stdout)
        again = CliRunner().invoke(cli, [*arguments, str(tmp_path / "o.json")])
        assert again.exit_code == 0, again.output
        made.append(textmlr.load(target).featurizer.options.stop_words)
    assert made == [("the", "of")] * 2


def test_tune_takes_them(train_tsv: Path) -> None:
    found = textmlr.tune(train_tsv, seconds=None, trials=2, stop_words=["the"], ngrams=(1, 1))
    assert found.model.featurizer.options.stop_words == ("the",)
