"""A model as one JSON object: weights by the names of features, and the tables that cut text.

Its first entry, of ``json_about``, describes the object, so that a program in any language can be
written from it; ``scorer.js`` beside this file is one, in little more than a hundred lines.  Kinds
and lower case of code points are those of the running Python's Unicode, as ranges: other languages
have other versions of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from json.encoder import encode_basestring as _quote
from os import PathLike
from typing import Any, TextIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from textmlr.base.checks import MODEL_MEND, check_flag, check_kind, check_path
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.whole_files import atomic_files
from textmlr.export.json_about import about
from textmlr.export.json_postings import CALIBRATION, SPARSE_FORMAT, PackedRows, of_postings
from textmlr.features.featurizer import Featurizer
from textmlr.features.row_weights import inverse_document_frequency
from textmlr.features.stop_words import dropped, read_with
from textmlr.features.vocabulary import Vocabulary
from textmlr.kernels import code_points as kinds
from textmlr.kernels.ngram_names import CHAR_PREFIX
from textmlr.kernels.sigmoids import KNOT, LIKELY
from textmlr.model.fasttext.fasttext_parts import refuse_export
from textmlr.model.model import Model, versions
from textmlr.model.model_parts import check_dense, check_linear
from textmlr.model.postings_file.settled_parts import settled

FORMAT = "textmlr-json 3"
SETS_FORMAT = "textmlr-json 4"  # of models whose P are those of independent sigmoids
BLOCK = 1 << 15  # features at a time
# Answers depend on these.
OPTIONS = (
    "lowercase",
    "normalize",
    "strip_accents",
    "punctuation",
    "split_scripts",
    "token_pattern",
    "min_token_length",
    "ngrams",
    "char_ngrams",
    "term_frequency",
    "norm",
    "hash_bits",
    "bias",
)
BEND = ("low", "middle", "high")
# A letter for each kind of code point, O for the others.
KINDS = {
    "S": kinds.SPACE,
    "P": kinds.EMOJI,
    "C": kinds.CHARACTER,
    "R": kinds.FLAG,
    "X": kinds.MARK,
    "J": kinds.JOINER,
    "F": kinds.FORMAT,
    "K": kinds.KEYCAP,
    "T": kinds.TONE,
    "M": kinds.MID_LETTER,
    "A": kinds.APOSTROPHE,
    "Q": kinds.QUOTE,
    "L": kinds.WORD,
    "H": kinds.HEBREW,
    "N": kinds.NUMBER,
}
DIGITS, SELECTOR, ZWJ = slice(0x30, 0x3A), 0xFE0F, 0x200D  # D, V and Z
# What tokens are in these letters.
_MARKS = "[XVKZJF]*"
_PART = (
    f"(?:L{_MARKS}(?:M{_MARKS}(?=[LH]))?|H{_MARKS}(?:Q{_MARKS}(?=H)|[MA]{_MARKS}(?=[LH]))?"
    f"|(?:N|D(?!V?K)){_MARKS})"
)
WORDS = (
    f"(?<word>{_PART}*H{_MARKS}A{_MARKS}(?![LHXVKZJF])|{_PART}+)|(?<character>C{_MARKS})"
    f"|(?<symbol>(?:R{_MARKS}R{_MARKS}|DV?K{_MARKS}|[OPXVKMAQ]{_MARKS})(?:(?<=Z)P{_MARKS})*"
    f"|R{_MARKS})"
)
RUNS = "(?<word>L+)|(?<character>CT*)|(?<symbol>[OT])"


@dataclass(frozen=True, slots=True, eq=False)
class _Section:
    """Features of a kind, under their keys.

    keys     the JSON strings of features first:last
    rows     (m,) int64   row of θ of each, None: they have no weights
    columns  (m,) int64   column of each, for its idf
    """

    keys: Callable[[int, int], list[str]]
    rows: NDArray[np.int64] | None
    columns: NDArray[np.int64]


def export_json(
    model: Model, path: str | PathLike[str], script: str | PathLike[str] | None = None
) -> int:
    """Write a model as JSON, whole or not at all; return the size of the file in bytes.

    script  also write ``scorer`` there: both files are written, or none
    Features are written a block at a time, each weight with the fewest digits that give the same
    float32 again.
    Raises InputError for a model with a tokenizer or of fastText, and if the file cannot be
    written.
    """
    check_kind("model", model, Model, MODEL_MEND)
    model.featurizer.options.check_written()
    refuse_export(model.parts.storage)
    if model.parts.head.has_sets:
        check_dense(model.parts, "and several labels a document has no form in JSON")
    check_path("path", path)
    check_path("script", script, optional=True)
    with atomic_files([path] if script is None else [script, path]) as temporaries:
        with open(temporaries[-1], "w", encoding="utf-8", newline="\n") as out:
            _write(model, out)
        if script is not None:
            with open(temporaries[0], "w", encoding="utf-8") as file:
                file.write(scorer(sparse=model.parts.is_sparse))
        return os.path.getsize(temporaries[-1])


def scorer(*, sparse: bool = False) -> str:
    """The source of scorer.js; that of a model with a sparse θ has sparse_scorer.js behind it."""
    check_flag("sparse", sparse)
    names = ("scorer.js", "sparse_scorer.js") if sparse else ("scorer.js",)
    folder = resources.files("textmlr.export")
    return "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


def _write(model: Model, out: TextIO) -> None:
    check_linear(model.parts.layers, "is not written as JSON", mend="write ONNX")
    packed = None
    if model.parts.is_sparse:
        if model.parts.storage.dtype != "postings":  # as its file would have it
            model = Model.of(settled(model.parts))
        packed = PackedRows.of(model.parts)
    options, idf, parts = model.featurizer.options, model.featurizer.idf, model.parts
    out.write("{\n")
    for key, value in _head(model, packed).items():
        indent = 0 if key == "about" else None
        out.write(f"{_quote(key)}: {json.dumps(value, ensure_ascii=False, indent=indent)},\n")
    out.write(f'"bias": {_bias(model)},\n')
    tables = {} if packed is None else packed.tables()
    for name, table in tables.items():
        out.write(f'"{name}": {_numbers(table[None])[0]},\n')
    out.write('"idf": ')
    sections = _hashed(model) if options.hash_bits is not None else _named(model)

    def weights(section: _Section, first: int, last: int) -> list[str]:
        if section.rows is None:
            return ["[]" if packed is None else '""'] * (last - first)
        rows = section.rows[first:last]
        return _numbers(parts.layers[0][rows]) if packed is None else packed.strings(rows)

    if idf is None:
        out.write("null")
    else:
        _write_idf(idf, sections, model.featurizer, out)
    out.write(',\n"weights": {')
    _write_sections(sections, weights, out)
    out.write("}\n}\n")


def _head(model: Model, packed: PackedRows | None) -> dict[str, Any]:
    """All but the bias and what features have."""
    parts, options = model.parts, model.featurizer.options
    own: dict[str, Any]
    if packed is not None:
        own = of_postings(parts, packed)
    else:
        own = {
            "calibration": {name: getattr(parts.calibration, name) for name in CALIBRATION},
            **_of_sigmoids(model),
            "base": parts.base.astype(np.float64).tolist(),
        }
    usual = SETS_FORMAT if parts.head.has_sets else FORMAT
    head: dict[str, Any] = {
        "about": [*parts.head.about, *about(parts)],
        "format": usual if packed is None else SPARSE_FORMAT,
        "made_by": versions(),
        "labels": model.labels,
        "featurizer": {name: getattr(options, name) for name in OPTIONS}
        | {"stop_words": dropped(options).names},
        **own,
        "unicode": _unicode(options),
    }
    if (named := model.featurizer.column_names) is not None:
        columns = named.columns.tolist()
        head["names"] = {str(column): named.label(i) for i, column in enumerate(columns)}
    return head


def _bias(model: Model) -> str:
    """The bias of each label as JSON, [] where the model has none."""
    parts = model.parts
    if parts.postings is not None:
        return _numbers(parts.postings.bias[None])[0]
    if not model.featurizer.options.bias:
        return "[]"
    row = 0 if parts.columns is None else int(parts.columns.find(np.zeros(1, np.int32))[0])
    return _numbers(parts.layers[0][row : row + 1])[0]


def _of_sigmoids(model: Model) -> dict[str, Any]:
    """What a model of independent sigmoids has besides: the bend of scores, thresholds, null where
    a document has one label, and the second pass over labels, null where there is none."""
    parts = model.parts
    if not parts.head.has_sets:
        return {}
    thresholds = None if parts.thresholds is None else parts.thresholds.tolist()
    bend = dict(zip(BEND, parts.calibration.slopes, strict=True))
    own: dict[str, Any] | None = None
    if (second := parts.calibration.second) is not None:
        own = {
            "bend": {"knot": KNOT, **dict(zip(BEND, second.slopes, strict=True))},
            "likely": LIKELY,
            "scales": second.scales.tolist(),
            "offsets": second.offsets.tolist(),
            "links": second.links.astype(np.float64).tolist(),
        }
    return {"bend": {"knot": KNOT, **bend}, "thresholds": thresholds, "second": own}


def _write_idf(
    idf: NDArray[np.float32], sections: dict[str, _Section], featurizer: Featurizer, out: TextIO
) -> None:
    rest = ""
    if featurizer.options.hash_bits is not None:
        # Columns without documents, most of them, have one idf: no need to list them all.
        none = inverse_document_frequency(np.zeros(1, np.int64), featurizer.documents)
        own = np.flatnonzero(idf != none.astype(np.float32))
        own = own[own >= featurizer.options.bias]
        sections = {"columns": _Section(_decimals(own), None, own)}
        rest = f'"rest": {_numbers(none.astype(np.float32))[0]},\n'
    out.write("{" + rest)
    _write_sections(sections, lambda s, first, last: _numbers(idf[s.columns[first:last]]), out)
    out.write("}")


def _write_sections(
    sections: dict[str, _Section], values: Callable[[_Section, int, int], list[str]], out: TextIO
) -> None:
    """Write "name": {key: value, ...} of each section."""
    for number, (name, section) in enumerate(sections.items()):
        out.write(f"{',' if number else ''}{_quote(name)}: {{\n")
        size = len(section.columns)
        for first in range(0, size, BLOCK):
            last = min(first + BLOCK, size)
            pairs = zip(section.keys(first, last), values(section, first, last), strict=True)
            out.write(",\n".join([f"{key}:{value}" for key, value in pairs]))
            out.write(",\n" if last < size else "\n")
        out.write("}")


def _numbers(array: NDArray[np.float32]) -> list[str]:
    """Each float32 of a vector, or each row [a,b,...] of a matrix, as JSON."""
    texts = pa.array(array.reshape(-1)).cast(pa.string())
    if array.ndim == 1:
        return cast("list[str]", texts.to_pylist())
    offsets = np.arange(len(array) + 1, dtype=np.int32) * array.shape[1]
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), texts), ",")
    return [f"[{row}]" for row in joined.to_pylist()]


def _named(model: Model) -> dict[str, _Section]:
    """The features of a vocabulary: words, characters, and those that have only a hash."""
    model.featurizer.name_features()
    vocabulary, bias = model.featurizer.vocabulary, int(model.featurizer.options.bias)
    assert vocabulary is not None
    columns = np.arange(bias, len(vocabulary) + bias)
    rows = columns
    if model.parts.columns is not None:
        columns = model.parts.columns.kept[bias:].astype(np.int64)
        rows = np.arange(bias, len(columns) + bias)
    ends = vocabulary.name_offsets
    starts = ends[columns - bias]
    by_characters = ends[columns - bias + 1] - starts >= len(CHAR_PREFIX)
    for place, byte in enumerate(CHAR_PREFIX):  # no word n-gram begins with "char:"
        at = starts[by_characters] + place
        by_characters[by_characters] = vocabulary.names[at] == byte
    sections = {}
    for name, chosen, skip in (("words", ~by_characters, 0), ("characters", by_characters, 5)):
        own = columns[chosen]
        sections[name] = _Section(_names(vocabulary, own - bias, skip), rows[chosen], own)
    if model.parts.columns is not None:
        silent = np.setdiff1d(np.arange(bias, len(vocabulary) + bias), columns)
        hashes = vocabulary.hashes[silent - bias]

        def keys(first: int, last: int) -> list[str]:
            return [f'"{value:x}"' for value in hashes[first:last].tolist()]

        sections["unnamed"] = _Section(keys, None, silent)
    return sections


def _hashed(model: Model) -> dict[str, _Section]:
    """The columns that have rows in θ."""
    assert model.parts.columns is not None
    rows = np.arange(len(model.parts.columns.kept))
    own = model.parts.columns.kept.astype(np.int64)
    if model.featurizer.options.bias:
        rows, own = rows[own > 0], own[own > 0]
    return {"columns": _Section(_decimals(own), rows, own)}


def _decimals(columns: NDArray[np.int64]) -> Callable[[int, int], list[str]]:
    return lambda first, last: [f'"{column}"' for column in columns[first:last].tolist()]


def _names(
    vocabulary: Vocabulary, features: NDArray[np.int64], skip: int
) -> Callable[[int, int], list[str]]:
    """Names of features (numbers, ascending), without their first ``skip`` characters."""

    def keys(first: int, last: int) -> list[str]:
        own = vocabulary.take(features[first:last])
        return [_quote(name[skip:]) for name in own.name_list()]

    return keys


def _unicode(options: FeaturizerOptions) -> dict[str, Any]:
    """The pattern of tokens, and kind and lower case of code points as ranges; other code points
    are left out.  There are none for a token_pattern of the user's."""
    if options.has_own_tokens:
        return {"tokens": None, "kinds": {}, "lower": []}
    lower, _, _ = read_with(options, ascii_only=False)
    letters = _letters(options)
    found = {letter: _ranges(np.flatnonzero(letters == ord(letter))) for letter in (*KINDS, *"DVZ")}
    code_points = np.arange(len(lower), dtype=np.int64)
    changes = lower.astype(np.int64) - code_points
    runs: list[list[int]] = []  # first, last, step, change
    for c in np.flatnonzero(changes).tolist():
        change = int(changes[c])
        if runs and runs[-1][3] == change:
            first, last, step, _ = runs[-1]
            if first == last or c - last == step:
                runs[-1][1:3] = c, c - last
                continue
        runs.append([c, c, 1, change])
    tokens = WORDS if options.token_pattern is None else RUNS
    return {"tokens": tokens, "kinds": {k: v for k, v in found.items() if v}, "lower": runs}


def _letters(options: FeaturizerOptions) -> NDArray[np.uint8]:
    """(0x110000,) the letter of each code point's kind."""
    lower, kind, _ = read_with(options, ascii_only=False)
    of_kind = np.full(1 << 8, ord("O"), np.uint8)
    for letter, own in KINDS.items():
        of_kind[own] = ord(letter)
    letters = np.full(0x110000, ord("O"), np.uint8)
    letters[: len(lower)] = of_kind[kind[: len(lower)]]
    far = kind[len(lower) :]
    letters[kinds.SELECTORS : kinds.SELECTORS + len(far)] = of_kind[far]
    if options.token_pattern is None:
        letters[DIGITS], letters[SELECTOR], letters[ZWJ] = ord("D"), ord("V"), ord("Z")
    return letters


def _ranges(numbers: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(first, last) of each run of whole numbers, ascending."""
    if not len(numbers):
        return []
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    firsts = numbers[np.concatenate([[0], breaks + 1])]
    lasts = numbers[np.concatenate([breaks, [len(numbers) - 1]])]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))
