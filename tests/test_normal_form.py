"""Composed and decomposed text give the same features, in every option set and on every way."""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pytest
import torture
from click.testing import CliRunner
from conftest import mostly_slow
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer, strip_accents_unicode

from textmlr import Corpus, Featurizer, FeaturizerOptions, Model
from textmlr.base.arrays import frozen
from textmlr.cli import cli
from textmlr.corpus import blocks
from textmlr.corpus.batch import Batch
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.reading import read_corpus
from textmlr.features import normal_tables, prepared_text
from textmlr.features.canonical_text import Reading, lowered, small
from textmlr.features.name_hashes import hashes_of
from textmlr.features.ngrams import Hasher
from textmlr.features.unicode_tables import frozen_tables
from textmlr.kernels import normal_form as kernels
from textmlr.model.explanation.document_tokens import DocumentTokens
from textmlr.training.corpus_training import train_corpus
from textmlr.training.update.model_update import update_model

EVERYTHING = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
# Without most of the code points that have no character, or one of somebody's own.
VARIED = [c for c in EVERYTHING if unicodedata.category(c) not in ("Cn", "Co") or ord(c) % 31 == 0]
FORMS = ("nfc", "nfkc", "nfd")
SETS = [
    FeaturizerOptions(normalize=form, strip_accents=strip, lowercase=lowercase, **more)
    for form in (*FORMS, None)
    for strip in (False, True)
    for lowercase in (False, True)
    for more in ({}, {"token_pattern": r"\w+", "char_ngrams": (2, 3)})
    if form or strip
]


SIXTH = SETS[::6]  # these are of every change, the others of the slow tests


def name_of(options: FeaturizerOptions) -> str:
    reading = Reading.of(options)
    return "-".join(map(str, (*reading, options.lowercase, options.token_pattern)))


def hot_characters() -> list[str]:
    """Those that forms have to do with, each script alike; and a few that they leave alone."""
    rng = random.Random(7)
    parts = [c for c in EVERYTHING if unicodedata.normalize("NFKD", c) != c]
    parts = [c for c in parts if not "\uac00" <= c <= "\ud7a3"]
    marks = [c for c in EVERYTHING[:0x20000] if unicodedata.combining(c)]
    jamo = [
        chr(c) for c in (*range(0x1100, 0x1114), *range(0x1160, 0x1177), *range(0x11A7, 0x11C4))
    ]
    syllables = [chr(c) for c in range(0xAC00, 0xAC00 + 60)]
    pairs = [unicodedata.normalize("NFD", c) for c in parts]
    found = [*parts, *marks, *jamo, *syllables, *(c for pair in pairs for c in pair)]
    return [*rng.sample(found, 2500), *jamo, *syllables, *"iIİıjJsSσςΣßẞ ab\n1_"]


HOT = hot_characters()
TEXTS = st.lists(st.one_of(st.sampled_from(HOT), st.characters(codec="utf-8")), max_size=8).map(
    "".join
)


def block_of(texts: list[str] | list[bytes]) -> Batch:
    return batches_of(texts)[0]


def changed(texts: list[str] | list[bytes], options: FeaturizerOptions) -> NDArray[np.bool_]:
    """What the kernel says of each."""
    block = block_of(texts)
    out = np.full(len(block), 9, np.uint8)
    form = prepared_text.normal_form(options)
    count = kernels.changes(
        frozen(block.text), frozen(block.starts), frozen(block.stops), form, out
    )
    assert set(out.tolist()) <= {0, 1}
    assert count == out.sum()
    return out > 0


def features(texts: list[str] | list[bytes], options: FeaturizerOptions) -> list[dict[int, float]]:
    """column → value of each document."""
    featurizer = Featurizer(replace(options, hash_bits=30, idf=False))
    rows = featurizer.transform(texts)
    return [
        dict(zip(rows[[i]].indices.tolist(), rows[[i]].data.tolist(), strict=True))
        for i in range(len(texts))
    ]


class TestQuickCheck:
    @pytest.mark.parametrize("form", FORMS)
    def test_of_every_code_point(self, form: str) -> None:
        options = FeaturizerOptions(normalize=form, lowercase=False)
        stays = [unicodedata.is_normalized(form.upper(), c) for c in EVERYTHING]
        np.testing.assert_array_equal(changed(EVERYTHING, options), ~np.array(stays))

    @pytest.mark.parametrize("options", mostly_slow(SETS, SIXTH[:2]), ids=name_of)
    def test_of_every_code_point_lower_cased_and_stripped(self, options: FeaturizerOptions) -> None:
        reading = Reading.of(options)
        low = small if reading.lowercase else str
        want = [low(reading.canonical(c)) != low(c) for c in VARIED]
        np.testing.assert_array_equal(changed(VARIED, options), want)

    @pytest.mark.parametrize("form", mostly_slow(FORMS))
    @given(texts=st.lists(TEXTS, min_size=1, max_size=40))
    @settings(max_examples=60, deadline=None)
    def test_of_random_text(self, form: str, texts: list[str]) -> None:
        """Nothing is missed.  What it says needlessly has a mark behind a letter with a mark of a
        higher class."""
        texts = [*texts, *(unicodedata.normalize(form.upper(), text) for text in texts)]
        options = FeaturizerOptions(normalize=form, lowercase=False)
        for text, found in zip(texts, changed(texts, options).tolist(), strict=True):
            wanted = not unicodedata.is_normalized(form.upper(), text)
            assert found >= wanted
            if found > wanted:
                assert form != "nfd"
                assert any(has_lower_mark(a, text[i + 1 :]) for i, a in enumerate(text))

    @pytest.mark.parametrize("form", mostly_slow(FORMS))
    @given(texts=st.lists(TEXTS, min_size=1, max_size=40))
    @settings(max_examples=60, deadline=None)
    def test_of_lower_case(self, form: str, texts: list[str]) -> None:
        options = FeaturizerOptions(normalize=form)
        reading = Reading.of(options)
        texts = [*texts, *map(reading.canonical, texts)]
        for text, found in zip(texts, changed(texts, options).tolist(), strict=True):
            assert found >= (small(reading.canonical(text)) != small(text))

    @pytest.mark.parametrize(
        "text",
        [
            "Größe, ỗ, Ǻ",
            "한국어 문장입니다",
            "日本語の「ガギグゲゴ」です。",
            "हिन्दी में क\u094dष",
            "বাংলায় কো".replace("\u09df", "\u09af\u09bc"),
            "தமிழ் கொள்கை",
            "ಕನ್ನಡದ ಕೋಗಿಲೆ",
            "أَهْلًا وَسَهْلًا بِآدَم",
            "שָׁלוֹם".replace("\ufb2a", "\u05e9\u05c1"),
            "ẹ̀tọ́ kọ̀ọ̀kan sì dọ́gba",
            "ภาษาไทย น้ำใจ",
        ],
    )
    def test_common_text_stays(self, text: str) -> None:
        """Characters that may compose with others do not send a text that is in the form to the
        slow way."""
        assert unicodedata.is_normalized("NFC", text)
        assert not changed([text], FeaturizerOptions()).any()
        block = block_of([text])
        assert prepared_text.prepared(block, FeaturizerOptions()) is block

    def test_few_documents_are_looked_at_in_python(self, monkeypatch: pytest.MonkeyPatch) -> None:
        texts = ["plain", "cafe\u0301", "na\u00efve", "x" * 60_000, "더"]
        want = [unicodedata.normalize("NFC", text).encode() for text in texts]
        options = FeaturizerOptions()
        (block,) = batches_of(texts)
        monkeypatch.setattr(prepared_text, "are_made", lambda reading: False)
        monkeypatch.setattr(prepared_text, "normal_form", None)
        own = prepared_text.prepared(block, options)
        assert [own[i] for i in range(len(own))] == want
        between = Batch(block.text, block.starts[[0, 3]], block.stops[[0, 3]])
        assert prepared_text.prepared(between, options) is between

    def test_ascii_is_not_looked_at(self) -> None:
        block = block_of(["plain", "text"])
        for options in SETS:
            assert prepared_text.prepared(block, options) is block

    @pytest.mark.parametrize("options", mostly_slow(SETS[:6]), ids=name_of)
    def test_pages(self, options: FeaturizerOptions) -> None:
        lower, classes, _, pages = prepared_text.normal_form(options)
        for page in range(kernels.PAGES):
            codes = range(page * kernels.PAGE, (page + 1) * kernels.PAGE)
            read = [int(lower[c]) if c < len(lower) else c for c in codes]
            assert pages[page] == any(classes[c] & kernels.MATTERS for c in read)

    def test_what_the_tables_leave_out(self) -> None:
        beyond = [c for c in EVERYTHING if ord(c) >= normal_tables.LIMIT]
        assert not any(map(unicodedata.combining, beyond))
        assert all(unicodedata.normalize("NFKD", c) == c == c.lower() for c in beyond)
        plain = "".join(chr(c) for part in normal_tables._PLAIN for c in part)
        assert not any(map(unicodedata.combining, plain))
        for c in plain:
            assert len(unicodedata.decomposition(c).split()) < 2

    @pytest.mark.parametrize("pattern", [None, r"\w+"])
    def test_lower_case_is_of_the_same_kind(self, pattern: str | None) -> None:
        """A document that is changed is lower-cased before tokens are cut."""
        lower, kind = frozen_tables(FeaturizerOptions(token_pattern=pattern), False)
        np.testing.assert_array_equal(kind[lower], kind[: len(lower)])

    def test_lower_case_is_small(self) -> None:
        lower, _ = frozen_tables(FeaturizerOptions(), False)
        assert [chr(c) for c in lower.tolist() if not 0xD800 <= c < 0xE000] == [
            small(chr(c)) for c in range(len(lower)) if not 0xD800 <= c < 0xE000
        ]


def has_lower_mark(letter: str, rest: str) -> bool:
    apart = unicodedata.normalize("NFD", letter)
    rank = unicodedata.combining(apart[-1])
    for c in rest:
        own = unicodedata.combining(c)
        if not own:
            return False
        if own < rank:
            return len(apart) > 1
    return False


def mixtures(text: str, seed: int) -> list[str]:
    """Texts that are canonically equivalent."""
    rng = random.Random(seed)
    apart = unicodedata.normalize("NFD", text)
    pieces = [
        rng.choice([c, unicodedata.normalize("NFC", c)]) for c in re.split("(?=[ -~])", apart)
    ]
    shuffled = ""
    for piece in re.findall(r"(?s)[^\w\s]+|.", apart):
        marks = list(piece)
        if all(map(unicodedata.combining, marks)):  # those of one class keep their order
            ranks = {unicodedata.combining(c) for c in marks}
            order = rng.sample(sorted(ranks), len(ranks))
            marks.sort(key=lambda c: order.index(unicodedata.combining(c)))
        shuffled += "".join(marks)
    found = [unicodedata.normalize("NFC", text), apart, "".join(pieces), shuffled]
    for one in found:
        assert unicodedata.normalize("NFD", one) == apart
    return found


class TestFeatures:
    @pytest.mark.parametrize(
        "options", mostly_slow([one for one in SETS if one.normalize], SIXTH[:2]), ids=name_of
    )
    @given(text=TEXTS, seed=st.integers(0, 99))
    @settings(max_examples=40, deadline=None)
    def test_equivalent_text_has_the_same(
        self, options: FeaturizerOptions, text: str, seed: int
    ) -> None:
        own, *others = features([text, *mixtures(text, seed)], options)
        assert all(other == own for other in others)

    @pytest.mark.parametrize("form", mostly_slow(FORMS))
    @given(text=TEXTS)
    @settings(max_examples=60, deadline=None)
    def test_lower_case_has_the_same(self, form: str, text: str) -> None:
        options = FeaturizerOptions(normalize=form)
        low = text.lower()
        own, *others = features([text, low, *mixtures(low, 1)], options)
        assert all(other == own for other in others)

    def test_capitals_have_the_same(self) -> None:
        """What one letter becomes one letter, that is: ß becomes SS in Python."""
        words = ["ǰuk", "ẖat", "ẗ", "ΐ", "ᾶ", "οδός", "İyi", "i̇yi", "iyi", "résumé", "ἄνθρωπος"]
        for word in words:
            for other in (word.upper(), unicodedata.normalize("NFD", word.upper())):
                assert features([other], FeaturizerOptions()) == features(
                    [word], FeaturizerOptions()
                )
        assert features(["straße"], FeaturizerOptions()) == features(
            ["STRAẞE"], FeaturizerOptions()
        )
        assert features(["straße"], FeaturizerOptions()) != features(
            ["STRASSE"], FeaturizerOptions()
        )

    def test_dots(self) -> None:
        assert lowered("i\u0307") == "i"
        assert lowered("i\u0329\u0307") == "i\u0329"  # a mark below
        assert lowered("i\u0301\u0307") == "i\u0301\u0307"  # the dot stands above an acute
        assert lowered("a\u0307") == "a\u0307"

    @pytest.mark.parametrize("options", mostly_slow(SETS, SIXTH), ids=name_of)
    def test_of_torture_are_the_twins(self, options: FeaturizerOptions) -> None:
        """The text that kernels read, of every document."""
        documents = [document for _, document in torture.documents()]
        block = block_of(documents)
        made = prepared_text.prepared(block, options)
        lower = naive.lower if options.lowercase else lambda text, options: text
        for i, document in enumerate(documents):
            want = lower(naive.prepared(naive.decode(document), options), options)
            assert lower(made[i].decode("utf-8", "replace"), options) == want

    @pytest.mark.parametrize("options", mostly_slow(SETS, SIXTH), ids=name_of)
    def test_invalid_bytes_stay_as_many(self, options: FeaturizerOptions) -> None:
        broken = [
            b"e\xcc\x81 \xff\xfe e\xcc\x81\xe1\xbb",
            b"\xe1\xcc\x81\xba\xa3",  # without the mark the rest would be a letter
            b"\xfe",
            "ｗｉｄｅ é e\u0301".encode() + b"\xfe\x80\x80\xf0\x9f",
            *(b"e\xcc\x81" + piece for piece in list(torture.byte_sequences())[::97]),
        ]
        block = block_of(broken)
        made = prepared_text.prepared(block, options)
        for i, document in enumerate(broken):
            wanted = len(re.findall("\ufffd", document.decode("utf-8", "replace")))
            assert made[i].decode("utf-8", "replace").count("\ufffd") == wanted
            reading = Reading.of(options)
            assert made[i].decode("utf-8", "replace") in (
                reading.canonical(document.decode("utf-8", "replace")),
                document.decode("utf-8", "replace"),
            )
        plain = [document.decode("utf-8", "replace") for document in broken]
        assert features(broken, options) == features(plain, options)
        featurizer = Featurizer(replace(options, hash_bits=20, idf=False))
        featurizer.transform(broken)
        found = featurizer.invalid
        featurizer = Featurizer(replace(options, hash_bits=20, idf=False, normalize=None))
        featurizer.transform(broken)
        assert found == featurizer.invalid

    @pytest.mark.parametrize("options", mostly_slow(SETS[:4]), ids=name_of)
    def test_long_documents_go_in_pieces(
        self, options: FeaturizerOptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        parts = [document for _, document in torture.documents() if isinstance(document, str)]
        text = unicodedata.normalize("NFD", naive.decode(" ".join(parts)))
        few = [text, "e\u0301" * 50, "가나다", "각" * 99, "\u0301" * 99, "ཀྱི" + "\u0f71" * 60]
        want = features(few, options)
        for size in (1, 7, 100):
            monkeypatch.setattr(prepared_text, "PIECE_BYTES", size)
            made = prepared_text.prepared(block_of(few), options)
            for i, document in enumerate(few):
                own = naive.prepared(document, options)
                assert small(made[i].decode()) == small(own)
        monkeypatch.setattr(blocks, "GIANT_BYTES", 1 << 10)
        assert features(few, options) == want

    def test_pieces_are_no_longer_than_they_must(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(prepared_text, "PIECE_BYTES", 100)
        for text in ("한국어" * 400, "字" * 400, "é" * 400, "हिन्दी" * 99):
            data = np.frombuffer(unicodedata.normalize("NFD", text).encode(), np.uint8)
            reading = Reading.of(FeaturizerOptions())
            sizes = [len(piece) for piece in prepared_text._pieces(data, reading)]
            assert sum(sizes) == len(data)
            assert max(sizes) < 130


class TestKernels:
    @given(
        parts=st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9), st.booleans())),
    )
    @settings(max_examples=100, deadline=None)
    def test_documents_are_taken_apart_and_put_together(
        self, parts: list[tuple[bytes, bytes, bool]]
    ) -> None:
        data = b"--".join(old for old, _, _ in parts) + b"---"
        lengths = np.array([len(old) for old, _, _ in parts], np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths + 2)])[:-1].astype(np.int64)
        spans = frozen(starts), frozen(starts + lengths)
        text = frozen(np.frombuffer(data, np.uint8))
        chosen = frozen(np.array([own for _, _, own in parts], np.uint8))
        olds = [old.replace(b"\xfe", b"\xff") + b"\xfe" for old, _, own in parts if own]
        apart = np.empty(len(b"".join(olds)), np.uint8)
        kernels.take_apart(text, *spans, chosen, apart)
        assert apart.tobytes() == b"".join(olds)
        news = [new.replace(b"\xfe", b"") for _, new, _ in parts]
        made = b"".join(new + b"\xfe" for new, (_, _, own) in zip(news, parts, strict=True) if own)
        want = [new if own else old for new, (old, _, own) in zip(news, parts, strict=True)]
        out, ends = np.empty(sum(map(len, want)), np.uint8), np.empty(len(parts), np.int64)
        kernels.put_together(text, *spans, chosen, frozen(np.frombuffer(made, np.uint8)), out, ends)
        assert out.tobytes() == b"".join(want)
        assert ends.tolist() == np.cumsum([len(one) for one in want]).tolist()

    @given(text=TEXTS, at=st.integers(4, 30))
    @settings(max_examples=200, deadline=None)
    def test_the_next_beginning(self, text: str, at: int) -> None:
        reading = Reading.of(FeaturizerOptions())
        classes, _ = normal_tables.normal_tables(reading)
        data = ("    " + text).encode()
        at = min(at, len(data))
        found = kernels.next_begin(frozen(np.frombuffer(data, np.uint8)), at, classes)
        places = np.cumsum([0, *(len(c.encode()) for c in "    " + text)]).tolist()
        whole = unicodedata.normalize("NFD", "    " + text)
        want = len(data)
        for place, c in zip(places, "    " + text, strict=False):
            first = reading.canonical(c)[0]
            joins = unicodedata.combining(first) or first in naive.second_characters()
            if place >= at and not joins:
                want = place
                break
        assert found == want
        left, right = data[:found].decode(), data[found:].decode()
        parts = (unicodedata.normalize("NFD", part) for part in (left, right))
        assert "".join(parts) == whole


class TestAccents:
    @given(text=TEXTS)
    @settings(max_examples=200, deadline=None)
    def test_are_those_of_scikit_learn(self, text: str) -> None:
        options = FeaturizerOptions(strip_accents=True, normalize=None, lowercase=False)
        assert Reading.of(options).canonical(text) == strip_accents_unicode(text)

    def test_tokens_are_those_of_scikit_learn(self) -> None:
        """But for the sigma that ends a word, which is one like others."""
        documents = list(torture.SENTENCES.values())
        options = FeaturizerOptions(
            strip_accents=True,
            normalize=None,
            split_scripts=False,
            punctuation=False,
            token_pattern=r"\w+",
            ngrams=(1, 1),
        )
        vectorizer = CountVectorizer(strip_accents="unicode", token_pattern=r"(?u)\w+")
        vectorizer.fit(documents)
        ours = Featurizer(options).fit(documents).feature_names()[1:]
        theirs = vectorizer.get_feature_names_out()
        assert {x.replace("ς", "σ") for x in ours} == {x.replace("ς", "σ") for x in theirs}

    @pytest.mark.parametrize(
        ("text", "left"),
        [
            ("Ünïcode ﬁt Ångström", "Unicode fit Angstrom"),
            ("Ελλάδα ΐ", "Ελλαδα ι"),
            ("ёлка й", "елка и"),  # letters of their own, to a Russian
            ("بِسْمِ", "بسم"),
            ("שָׁלוֹם", "שלום"),
            ("हिन्दी", "हिनदी"),  # vowel signs stay, the sign between two consonants goes
            ("ガ", "カ"),
            ("น้ำ", "นํา".replace("\u0e4d", "\u0e4d")),
            ("한글", "한글"),  # taken apart and put together again
            ("½ ①", "1⁄2 1"),
        ],
    )
    def test_of_scripts(self, text: str, left: str) -> None:
        options = FeaturizerOptions(strip_accents=True, lowercase=False)
        assert Reading.of(options).canonical(text) == unicodedata.normalize("NFC", left)


PAIRS = [
    ("love", "Ёлка résumé déjà vu café"),
    ("love", "café naïve Café Ǻ 한국어 좋은 영화"),
    ("hate", "Müller größer οδός ΟΔΌΣ"),
    ("hate", "나쁜 영화 größer হয় ড়"),
]


WAYS = {
    "memory": ["--char-ngrams", "2-3"],
    "hashed": ["--hash-bits", "12"],
    "disk": ["--memory", "1MB", "-q"],
    "stream": ["--stream"],
    "update": ["--char-ngrams", "4"],
}


class TestWholeWay:
    """Train, classify, explain: in memory, with hashing, on disk, one document."""

    def corpus(self, form: str | None, path: Path) -> Path:
        lines = [f"{label}\t{text}" for label, text in PAIRS * 20]
        text = "\n".join(lines) + "\n"
        path.write_text(unicodedata.normalize(form, text) if form else text, encoding="utf-8")
        return path

    @pytest.mark.parametrize("way", mostly_slow(WAYS, ["memory", "disk"]))
    def test_same_model(self, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        run = CliRunner().invoke
        models, given = [], WAYS[way]
        for form in ("NFC", "NFD"):
            corpus = self.corpus(form, tmp_path / f"{form}.tsv")
            done = run(cli, ["train", str(corpus), "-o", form, *given], catch_exceptions=False)
            assert done.exit_code == 0, done.output
            model = Model.load(tmp_path / form)
            models.append(model)
            if way == "update":
                models[-1] = update_model(model, read_corpus([corpus]))
        a, b = models
        assert a.theta.tobytes() == b.theta.tobytes()
        assert a.featurizer.feature_names() == b.featurizer.feature_names()
        texts = [text for _, text in PAIRS]
        apart = [unicodedata.normalize("NFD", text) for text in texts]
        np.testing.assert_array_equal(a.probabilities(texts), a.probabilities(apart))
        for text, other in zip(texts, apart, strict=True):
            assert a.classify([text])[0][0] == a.classify([other])[0][0]

    def test_is_kept_in_the_model(self, tmp_path: Path) -> None:
        options = FeaturizerOptions(normalize="nfkc", strip_accents=True)
        corpus = read_corpus([self.corpus(None, tmp_path / "c.tsv")])
        train_corpus(corpus, options).save(tmp_path / "m")
        again = Model.load(tmp_path / "m").featurizer.options
        assert (again.normalize, again.strip_accents) == ("nfkc", True)

    @pytest.mark.parametrize("name", ["linear", "hashed", "compressed"])
    def test_older_models_read_text_as_it_is(self, name: str) -> None:
        model = Model.load(Path(__file__).parent / "models" / f"{name}.textmlr")
        assert model.featurizer.options.normalize is None

    @pytest.mark.parametrize("bits", [None, 12])
    def test_one_short_document(self, bits: int | None, tmp_path: Path) -> None:
        corpus = read_corpus([self.corpus(None, tmp_path / "c.tsv")])
        model = train_corpus(corpus, FeaturizerOptions(hash_bits=bits))
        for _, text in PAIRS:
            want = model.probabilities([text, text])[0]
            for one in (text, unicodedata.normalize("NFD", text)):
                for document in (one, one.encode()):
                    found = model._answerer.probabilities_of(document)
                    assert found is not None
                    np.testing.assert_allclose(found[0], want, atol=1e-12)


class TestExplanation:
    """Words and n-grams are shown where they stand in the document as it was given."""

    def model(self, options: FeaturizerOptions) -> Model:
        return train_corpus(
            Corpus.of([t for _, t in PAIRS] * 9, [y for y, _ in PAIRS] * 9), options
        )

    @pytest.mark.parametrize("options", mostly_slow(SETS[::3], SETS[::18]), ids=name_of)
    @given(text=TEXTS)
    @example(text="\U0002f834\u1161")  # a jamo behind a character that is replaced
    @settings(max_examples=25, deadline=None)
    def test_places(self, options: FeaturizerOptions, text: str) -> None:
        model = models(options)
        why = model.explain(text)
        assert why.text == naive.decode(text)
        spans = [(word.start, word.stop) for word in why.words]
        assert all(i < j for i, j in spans)
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
        assert all(word.text == why.text[word.start : word.stop] for word in why.words)
        total = why.bias + sum(word.contribution for word in why.words)
        assert total == pytest.approx(why.score, abs=1e-5)
        own = naive.token_spans(text, options)
        assert {i for i, _ in spans} <= {i for _, i, _ in own}
        assert {j for _, j in spans} <= {j for _, _, j in own}
        for feature in why.features:
            assert all(0 <= i < j <= len(why.text) for i, j in feature.spans)

    @pytest.mark.parametrize(
        ("form", "text", "words"),
        [
            ("nfc", "cafe\u0301 au", ["cafe\u0301", "au"]),
            ("nfc", "한국어 영화".replace("한", "한"), ["한국어", "영화"]),
            ("nfkc", "ﬁt ½ ①x", ["ﬁt", "½", "①x"]),
            ("nfkc", "ﷺ ok", ["ﷺ", "ok"]),
            ("nfkc", "1½ 2", ["1½", "2"]),
            ("nfd", "한국어 résumé", ["한국어", "résumé"]),
        ],
    )
    def test_of_expansions(self, form: str, text: str, words: list[str]) -> None:
        model = models(FeaturizerOptions(normalize=form))
        why = model.explain(text)
        assert [word.text for word in why.words] == words
        found = model.counterfactual(text)
        assert found.text == text
        assert set(found.words) <= set(words)

    def test_of_stripped_accents(self) -> None:
        model = models(FeaturizerOptions(strip_accents=True))
        why = model.explain("Cafe\u0301, résumé!")
        assert [word.text for word in why.words] == ["Cafe\u0301", ",", "résumé", "!"]
        assert "cafe" in {name for feature in why.features for name in feature.names}

    def test_a_counterfactual_cuts_the_original(self) -> None:
        model = models(FeaturizerOptions())
        text = unicodedata.normalize("NFD", "나쁜 größer 영화 나쁜")
        found = model.counterfactual(text)
        assert found.words
        left = text
        for i, j in reversed(found.spans):
            left = left[:i] + " " + left[j:]
        answer = model.classify([left])[0][0]
        assert answer.label == found.new_label
        assert answer.probability == pytest.approx(found.new_probability)


MODELS: dict[FeaturizerOptions, Model] = {}


def models(options: FeaturizerOptions) -> Model:
    """One of each set of options."""
    if options not in MODELS:
        MODELS[options] = TestExplanation().model(options)
    return MODELS[options]


@pytest.mark.parametrize("first", [True, False])
def test_names_are_right_though_tables_are_made_between_reading_and_naming(
    first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python makes a lower-cased text, where tokens lie elsewhere: Ⱥ takes two bytes, ⱥ three."""
    texts = ["before", "ȺȺȺ Red Wine", "ÉTÉ red wine", "ȺȺȺ İstanbul red"]
    batch = batches_of(texts)[0]
    block = Batch(batch.text, batch.starts[1:].copy(), batch.stops[1:].copy())
    options = FeaturizerOptions(ngrams=(1, 2), char_ngrams=(3, 3), min_df=1)
    named = []
    for later in (first, not first):
        found = Featurizer(options)
        monkeypatch.setattr(prepared_text, "are_made", lambda reading: first)
        found.fit_counts([block], 1, ordered=False)
        monkeypatch.setattr(prepared_text, "are_made", lambda reading, own=later: own)
        found.name_features(1)
        named.append(found.feature_names())
    assert named[0] == named[1]
    assert {"ⱥⱥⱥ", "red wine", "char:win"} <= set(named[0])


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "given", [{}, {"hash_bits": 12}, {"tokenizer": str.split}, {"normalize": "nfd"}]
)
def test_tokens_are_found_again_where_they_were_read(
    given: dict[str, Any], first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By all that keeps the places of tokens, whichever way the text is prepared."""
    options = FeaturizerOptions(ngrams=(1, 2), char_ngrams=(3, 3), **given).decided()
    batch = batches_of(["before", "ȺȺȺ Red Wine", "ÉTÉ red wine", "plain", "ȺȺȺ İstanbul red"])[0]
    block = Batch(batch.text, batch.starts[1:].copy(), batch.stops[1:].copy())
    hasher = Hasher(options)
    monkeypatch.setattr(prepared_text, "are_made", lambda reading: first)
    found = hasher.hash(block)
    hashes, offsets, tokens = hasher.placed(block)
    document = DocumentTokens.of(batch[4], options)
    grams = np.arange(len(document.grams))
    before = document.names(grams, options)
    monkeypatch.setattr(prepared_text, "are_made", lambda reading: not first)
    every = np.arange(len(hashes)) - np.repeat(offsets[:-1], np.diff(offsets))
    for own, ends, places, wanted in (
        (found.hashes, found.offsets, found.tokens, found.places.astype(np.int64)),
        (hashes, offsets, tokens, every),
    ):
        documents = np.repeat(np.arange(len(block)), np.diff(ends))
        blob, stops = hasher.name(block, places, documents, wanted)
        assert np.array_equal(hashes_of(blob, np.append(0, stops)), own)
    assert document.names(grams, options) == before
