"""FeaturizerOptions: a bad value is refused, and the message names the option."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, fields

import pytest

from textmlr import FeaturizerOptions, InputError

BAD_OPTIONS = [
    ("lowercase", 1),
    ("token_pattern", 3),
    ("normalize", "none"),
    ("normalize", "NFC"),
    ("normalize", False),
    ("strip_accents", "unicode"),
    ("punctuation", None),
    ("split_scripts", "yes"),
    ("min_token_length", 0),
    ("min_token_length", 1.5),
    ("min_token_length", True),
    ("ngrams", (0, 1)),
    ("ngrams", (2, 1)),
    ("ngrams", 2),
    ("ngrams", [1, 2]),
    ("ngrams", (1, 2, 3)),
    ("ngrams", (1, 2.0)),
    ("ngrams", (1, 10**9)),
    ("char_ngrams", (3,)),
    ("char_ngrams", (-1, 3)),
    ("char_ngrams", ("3", "5")),
    ("term_frequency", "tf"),
    ("term_frequency", None),
    ("idf", "smooth"),
    ("idf", 1),
    ("norm", "l1"),
    ("norm", 2),
    ("min_df", 0),
    ("min_df", 1.5),
    ("min_df", -0.5),
    ("min_df", float("nan")),
    ("max_df", 0),
    ("max_df", True),
    ("max_df", 1.01),
    ("max_df", "half"),
    ("token_pattern", "("),
    ("token_pattern", "(a)(b)"),
    ("token_pattern", b"a"),
    ("tokenizer", "split"),
    ("stop_words", 7),
    ("stop_words", "english"),
    ("vocabulary", 7),
    ("vocabulary", "no/such/file"),
    ("max_features", 0),
    ("max_features", -5),
    ("hash_bits", 0),
    ("hash_bits", 63),
    ("hash_bits", 8.0),
    ("bias", "no"),
]


@pytest.mark.parametrize(("option", "value"), BAD_OPTIONS)
def test_a_bad_option_is_named(option, value):
    with pytest.raises(InputError, match="^" + re.escape(f"{option}={value!r}")):
        FeaturizerOptions(**{option: value})


@pytest.mark.parametrize(
    "together",
    [
        {"ngrams": None, "char_ngrams": None},
        {"min_df": 2, "hash_bits": 10},
        {"max_features": 2, "hash_bits": 10},
        {"max_df": 2, "hash_bits": 10},
        {"vocabulary": ["a"], "hash_bits": 10},
        {"min_df": 2, "vocabulary": ["a"]},
        {"max_df": 0.5, "vocabulary": ["a"]},
        {"max_features": 2, "vocabulary": ["a"]},
        {"max_df": 2, "min_df": 3},
        {"max_df": 0.2, "min_df": 0.3},
        {"token_pattern": "a", "tokenizer": str.split},
        {"punctuation": False, "token_pattern": "a"},
        {"split_scripts": False, "tokenizer": str.split},
    ],
)
def test_options_that_do_not_go_together(together):
    with pytest.raises(InputError, match=next(iter(together))):
        FeaturizerOptions(**together)


def test_options_are_frozen_and_every_one_is_checked():
    options = FeaturizerOptions()
    with pytest.raises(FrozenInstanceError):
        options.bias = False
    assert options == FeaturizerOptions()
    assert {field.name for field in fields(options)} == {option for option, _ in BAD_OPTIONS}
