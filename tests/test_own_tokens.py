"""Tokens that a regular expression or a function of the user's finds."""

from __future__ import annotations

import pickle
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torture
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

import textmlr
from textmlr import Featurizer, FeaturizerOptions, InputError
from textmlr.cli import cli
from textmlr.corpus import blocks
from textmlr.corpus.in_memory import batches_of
from textmlr.features import own_tokens
from textmlr.features.prepared_text import alignment, prepared

DATA = Path(__file__).parent.parent / "data"
PLAIN = {"term_frequency": "raw", "idf": False, "norm": None, "min_df": 1, "bias": False}
SCIKIT = r"(?u)\b\w\w+\b"
PATTERNS = [
    SCIKIT,
    r"[a-z]+|\d",
    r"\S+",
    r"(?u)\b(\w)\w*\b",
    r"[^\W\d_]+(?:['-]\w+)*",
    r"(?i)#?\w+",
]


def split(text: str) -> list[str]:
    return text.split()


def stems(text: str) -> list[str]:
    return [word.rstrip("s") + "$" if word.endswith("s") else word for word in text.split()]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return textmlr.read_corpus(DATA / "genres-train.tsv").texts[:300]


def readable(document: str | bytes) -> str:
    text = document if isinstance(document, str) else document.decode("utf-8", "replace")
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def check_same(documents: list[str], ours: dict[str, object], theirs: dict[str, object]) -> None:
    """Our counts are CountVectorizer's, under names in which white space does not break."""
    featurizer = Featurizer(FeaturizerOptions(**PLAIN, normalize=None, **ours))
    mine = featurizer.fit_transform(documents)
    vectorizer = CountVectorizer(**theirs)
    other = vectorizer.fit_transform(documents)
    names = vectorizer.get_feature_names_out()
    column = featurizer.vocabulary_
    assert column.keys() == set(names)
    assert abs(mine[:, [column[name] for name in names]] - other).sum() == 0


# ---------------------------------------------------------------- scikit-learn
@pytest.mark.parametrize("ngrams", [(1, 1), (1, 3)])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_find_what_scikit_learn_finds(
    texts: list[str], pattern: str, ngrams: tuple[int, int]
) -> None:
    check_same(
        texts,
        {"token_pattern": pattern, "ngrams": ngrams},
        {"token_pattern": pattern, "ngram_range": ngrams},
    )


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("pattern", [SCIKIT, r"\b[^\W\d]\w*"])
def test_in_every_script(pattern: str, lowercase: bool) -> None:
    documents = [readable(document) for _, document in torture.documents()]
    check_same(
        documents,
        {"token_pattern": pattern, "lowercase": lowercase, "ngrams": (1, 2)},
        {"token_pattern": pattern, "lowercase": lowercase, "ngram_range": (1, 2)},
    )


@pytest.mark.parametrize("tokenizer", [split, stems, lambda text: re.split(r"\W+", text)])
def test_functions_find_what_scikit_learn_finds(texts: list[str], tokenizer: object) -> None:
    def some(text: str) -> list[str]:  # scikit-learn counts empty tokens
        return [token for token in tokenizer(text) if token]  # type: ignore[operator]

    check_same(
        texts,
        {"tokenizer": tokenizer, "ngrams": (1, 2)},
        {"tokenizer": some, "ngram_range": (1, 2), "token_pattern": None},
    )


def test_weights_are_tfidf_vectorizers(texts: list[str]) -> None:
    options = FeaturizerOptions(token_pattern=SCIKIT, ngrams=(1, 2), min_df=1, bias=False)
    featurizer = Featurizer(options)
    mine = featurizer.fit_transform(texts)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    other = vectorizer.fit_transform(texts)
    order = [featurizer.vocabulary_[name] for name in vectorizer.get_feature_names_out()]
    assert abs(mine[:, order] - other).max() < 1e-6
    np.testing.assert_allclose(featurizer.idf_[order], vectorizer.idf_, rtol=1e-6)


# ---------------------------------------------------------------- the naive twin
NAIVE = re.compile("[ \t\n\r\v\f\x1e\x1f]")


def naive_tokens(text: str, options: FeaturizerOptions) -> list[str]:
    """What is found, as it is named."""
    text = text.lower() if options.lowercase else text
    if options.tokenizer is not None:
        found = list(options.tokenizer(text))
    else:
        assert options.token_pattern is not None
        found = re.findall(options.token_pattern, text)
    named = [re.sub("^char:", "char\ua789", token) for token in found if token]
    return [NAIVE.sub("\u00a0", token) for token in named]


SIGNS = st.text(st.sampled_from("aBc İΣé9'- \n\t\x1e\x1f:#𝒳한\U000e0041\U0010ffff"), max_size=30)


@given(
    SIGNS,
    st.sampled_from([*PATTERNS, r"(?s).+", r".", r"\w \w", "char:.", r"[\x1f ]+"]),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_tokens_and_their_places(text: str, pattern: str, lowercase: bool) -> None:
    options = FeaturizerOptions(token_pattern=pattern, lowercase=lowercase, normalize=None)
    wanted = naive_tokens(text, options)
    block = prepared(batches_of([text])[0], options)
    whole = block[0].decode()
    assert whole == own_tokens.SEPARATOR.join(wanted)
    places = alignment(text, options)
    assert places.text == whole
    assert (np.diff(places.starts) >= 0).all()
    at = 0
    lowered = text.lower() if lowercase else text
    for token in wanted:
        own = slice(at, at + len(token))
        found = text[places.starts[own][0] : places.stops[own][-1]]
        found = found.lower() if lowercase else found
        named = re.sub("^char:", "char\ua789", NAIVE.sub("\u00a0", found))
        # A sigma is final or not by what stands beside it; and a lower case of several characters
        # stands for the one it is of.
        named, token = named.replace("ς", "σ"), token.replace("ς", "σ")
        assert token in named if len(lowered) > len(text) else token == named
        at += len(token) + 1


@given(st.lists(SIGNS, max_size=6), st.sampled_from([split, stems]))
@settings(max_examples=100, deadline=None)
def test_names_and_counts(documents: list[str], tokenizer: object) -> None:
    options = FeaturizerOptions(**PLAIN, tokenizer=tokenizer, ngrams=(1, 2), normalize=None)
    rows = [naive_tokens(text, options) for text in documents]
    if not any(rows):
        return
    grams = [[*row, *map(" ".join, pairwise(row))] for row in rows]
    featurizer = Featurizer(options)
    made = featurizer.fit_transform(documents).toarray()
    names = featurizer.feature_names()
    assert set(names) == {gram for row in grams for gram in row}
    for row, own in zip(made, grams, strict=True):
        assert {n: c for n, c in zip(names, row.tolist(), strict=True) if c} == {
            gram: float(own.count(gram)) for gram in own
        }


def test_invalid_utf8_is_counted() -> None:
    documents = [b"one \xff two\xe2\x82", b"three", b"\xffa"]
    for options in (FeaturizerOptions(), FeaturizerOptions(token_pattern=r"[a-z]+")):
        featurizer = Featurizer(options).fit(documents)
        assert featurizer.invalid == 3
        assert not any("\x1e" in name for name in featurizer.feature_names())
    assert (
        "\ufffda"
        in Featurizer(FeaturizerOptions(token_pattern=r"\S+")).fit(documents).feature_names()
    )


def test_long_documents_are_read_alike(monkeypatch: pytest.MonkeyPatch, texts: list[str]) -> None:
    options = FeaturizerOptions(token_pattern=SCIKIT, char_ngrams=(2, 3), min_token_length=3)
    featurizer = Featurizer(options)
    whole = featurizer.fit_transform(texts[:40])
    names = featurizer.feature_names()
    monkeypatch.setattr(blocks, "GIANT_BYTES", 100)
    other = Featurizer(options)
    assert abs(other.fit_transform(texts[:40]) - whole).max() < 1e-6
    assert other.feature_names() == names


def test_accents_and_forms_come_before_the_tokens() -> None:
    options = FeaturizerOptions(token_pattern=r"\w+é", ngrams=(1, 1))
    assert "café" in Featurizer(options).fit(["cafe\u0301"]).feature_names()
    options = FeaturizerOptions(token_pattern=r"[a-z]+", strip_accents=True, ngrams=(1, 1))
    assert "cafe" in Featurizer(options).fit(["Café"]).feature_names()
    text = "un Cafe\u0301 noir"
    model = textmlr.train(
        [text, "un The"] * 9, ["a", "b"] * 9, token_pattern=r"\w+", ngrams=(1, 1), epochs=2
    )
    assert [word.text for word in model.explain(text).words] == ["un", "Cafe\u0301", "noir"]


# ---------------------------------------------------------------- models
@pytest.fixture(scope="module")
def model() -> textmlr.Model:
    return textmlr.train(
        DATA / "genres-train.tsv", token_pattern=SCIKIT, char_ngrams=None, epochs=2
    )


def test_a_model_keeps_its_pattern(model: textmlr.Model, tmp_path: Path, texts: list[str]) -> None:
    model.save(tmp_path / "m")
    loaded = textmlr.load(tmp_path / "m")
    assert loaded.featurizer.options.token_pattern == SCIKIT
    assert (loaded.probabilities(texts) == model.probabilities(texts)).all()
    small = model.compress("30kB")
    small.save(tmp_path / "s")
    assert (textmlr.load(tmp_path / "s").probabilities(texts) == small.probabilities(texts)).all()
    found = CliRunner().invoke(
        cli, ["classify", "-m", str(tmp_path / "m"), "--text", "a robot", "--top", "1"]
    )
    assert found.output.split("\t")[0] == model.predict("a robot")


def test_one_document_is_answered_as_many(model: textmlr.Model, texts: list[str]) -> None:
    many = model.probabilities(texts[:40], threads=2)
    assert (many == np.vstack([model.probabilities([text]) for text in texts[:40]])).all()


def test_words_of_an_explanation_lie_in_the_text(model: textmlr.Model) -> None:
    # The lower case of İ is an i and a dot, which is no letter to Python's re.
    text = "A robot's İstanbul x, ΣΑΣ 12"
    explanation = model.explain(text)
    assert [word.text for word in explanation.words] == ["robot", "stanbul", "ΣΑΣ", "12"]
    assert all(text[word.start : word.stop] == word.text for word in explanation.words)


def test_an_update_reads_alike(model: textmlr.Model) -> None:
    after = model.update(["zyzzyva-quux x"], [model.labels[0]])
    added = set(after.featurizer.feature_names()) - set(model.featurizer.feature_names())
    assert added == {"zyzzyva", "quux", "zyzzyva quux"}


def test_it_is_told_that_they_are_slow(train_tsv: Path, tmp_path: Path) -> None:
    arguments = ["train", str(train_tsv), "-o", str(tmp_path / "m"), "-q", "--token-pattern"]
    done = CliRunner().invoke(cli, [*arguments, "[a-z]+"])
    assert done.stderr.count("token pattern [a-z]+ is slow") == 1
    assert "slow" not in CliRunner().invoke(cli, [*arguments, r"\w+"]).stderr


def test_what_finds_no_word_is_told(train_tsv: Path, tmp_path: Path) -> None:
    arguments = ["train", str(train_tsv), "-o", str(tmp_path / "m"), "-q"]
    for more in ([], ["--memory", "4MB"]):
        done = CliRunner().invoke(cli, [*arguments, "--token-pattern", "@@", *more])
        assert isinstance(done.exception, InputError)
        assert "--token-pattern @@ finds no word in" in str(done.exception)
    with pytest.raises(InputError, match="finds no word in 2 documents; try it on a text"):
        Featurizer(FeaturizerOptions(tokenizer=lambda text: [])).fit(["a b", "c"])


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("a(b", "missing ), unterminated subpattern at character 2"),
        ("[a-", "unterminated character set at character 1"),
        ("*a", "nothing to repeat at character 1"),
        (r"\q", r"bad escape \q at character 1"),
        ("a{2,1}", "min repeat greater than max repeat at character 3"),
    ],
)
def test_bad_patterns(pattern: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        FeaturizerOptions(token_pattern=pattern)
    said = f"token_pattern={pattern!r} is not a regular expression: {told}"
    assert str(refused.value) == said


def test_of_several_groups_none_is_the_word() -> None:
    with pytest.raises(InputError, match=r"has 2 groups; leave one at most, that of the token"):
        FeaturizerOptions(token_pattern="(a)(b)")


# ---------------------------------------------------------------- functions and files
@pytest.fixture(scope="module")
def own() -> textmlr.Model:
    return textmlr.train(DATA / "genres-train.tsv", tokenizer=stems, epochs=2, ngrams=(1, 1))


def test_no_file_holds_a_function(own: textmlr.Model, tmp_path: Path) -> None:
    told = "no file can hold the tokenizer, which is a function of Python; give a token_pattern, or"
    for write in (
        lambda: own.save(tmp_path / "m"),
        own.dumps,
        lambda: own.export(tmp_path / "m.json"),
        lambda: own.export(tmp_path / "m.onnx"),
        lambda: textmlr.StreamTrainer(FeaturizerOptions(tokenizer=split, hash_bits=10)).save(
            tmp_path / "s"
        ),
        lambda: textmlr.tune(
            ["a b", "c d"] * 20, ["x", "y"] * 20, tokenizer=split, journal=tmp_path / "j", trials=1
        ),
    ):
        with pytest.raises(InputError, match=told):
            write()
    assert not list(tmp_path.iterdir())


def test_a_model_with_one_does_all_else(own: textmlr.Model, texts: list[str]) -> None:
    assert own.info()["featurizer"]["tokenizer"] == "stems"
    assert "12 labels" in repr(own)
    again = pickle.loads(pickle.dumps(own))
    assert (again.probabilities(texts) == own.probabilities(texts)).all()
    assert own.evaluate(DATA / "genres-test.tsv").accuracy > 0.4
    after = own.update(["zyzzyvas"], [own.labels[0]])
    assert "zyzzyva$" in after.featurizer.feature_names()
    own.counterfactual("robots and saddles")
    found = textmlr.tune(
        texts[:60], ["x", "y"] * 30, tokenizer=split, ngrams=(1, 1), seconds=None, trials=2
    )
    assert found.model.featurizer.options.tokenizer is split


def test_a_token_that_is_not_in_the_text_has_no_place(own: textmlr.Model) -> None:
    explanation = own.explain("Robots and saddles here")
    shown = [(word.text, word.start, word.stop) for word in explanation.words]
    assert shown == [("robot$", 0, 0), ("and", 7, 10), ("saddle$", 10, 10), ("here", 19, 23)]
    assert "robot$" in {word.text for word in explanation.by_word}
    assert repr(explanation)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("a b", "the tokenizer gives 'a b' (str), not strings"),
        (None, "the tokenizer gives None (NoneType), not strings"),
        ([b"a"], "the tokenizer gives b'a' (bytes), not strings"),
        ([["a"]], "the tokenizer gives ['a'] (list), not strings"),
    ],
)
def test_functions_that_give_no_strings(made: object, told: str) -> None:
    with pytest.raises(InputError) as refused:
        Featurizer(FeaturizerOptions(tokenizer=lambda text: made)).fit(["a"])
    assert str(refused.value).startswith(told)


def test_generators_and_surrogates_are_taken() -> None:
    options = FeaturizerOptions(
        tokenizer=lambda text: (part for part in ("a\ud800", "", "b")), ngrams=(1, 1), bias=False
    )
    assert Featurizer(options).fit(["x"]).feature_names() == ["a?", "b"]
