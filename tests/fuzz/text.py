"""Text → f(x): every way through the kernels against the naive Python twin, and each other."""

from __future__ import annotations

import naive
import numpy as np
import torture

from textmlr import Featurizer, FeaturizerOptions
from textmlr.base.arrays import frozen
from textmlr.kernels import hash_table as kernels

from .recipe import Recipe, require

WORDS = [
    b"char:",
    b"(bias)",
    b"\xff",
    b"\xef\xbf\xbd",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\x80",
    b"\xef\xbb\xbf",
    "\u0130".encode(),
    "ß".encode(),
    "\u0f0b".encode(),
    "한국".encode(),
    "漢字".encode(),
    "\u0e01\u0e33".encode(),
    "e\u0301".encode(),
    "\u200d".encode(),
    b"\r\n",
    b"\0",
    "\u2028".encode(),
    "\U0001f3f3\ufe0f\u200d\U0001f308".encode(),
    "\U00017000".encode(),
]
GUIDED = ("textmlr.kernels.tokens", "textmlr.kernels.hash_table", "textmlr.kernels.document_answer")
MODES = {
    "python": {"NUMBA_DISABLE_JIT": "1"},  # the kernels' own lines guide the search
    "compiled": {},
    "checked": {"NUMBA_BOUNDSCHECK": "1"},
}
O = FeaturizerOptions  # noqa: E741
OPTIONS = (
    O(ngrams=(1, 2)),
    O(ngrams=(1, 1), lowercase=False, idf=False, norm=None, term_frequency="raw"),
    O(ngrams=(2, 3), punctuation=False, bias=False, term_frequency="binary"),
    O(ngrams=(1, 16), min_token_length=2, idf=False),
    O(ngrams=None, char_ngrams=(1, 3), norm=None),
    O(ngrams=(1, 1), char_ngrams=(3, 5)),
    O(ngrams=(3, 3), char_ngrams=(16, 16), split_scripts=False),
    O(ngrams=(1, 2), min_df=2, max_features=7, norm=None, idf=False),
    O(ngrams=None, char_ngrams=(2, 16), min_token_length=3, lowercase=False, punctuation=False),
)
HASH_BITS = (1, 4, 16, 30)


def seeds() -> list[bytes]:
    """A sentence of many languages under each of the options, and what has gone wrong elsewhere."""
    sentences = [text.encode()[:90] for text in torture.SENTENCES.values()]
    nasty = [b"a\xff\xfeb \xe2\x82 c", b"x" * 300, b" ".join([b"ab"] * 40), b"\0" * 9, b""]
    found = []
    for number, cut in enumerate(sentences[::3] + nasty + list(map(bytes, WORDS))):
        half = len(cut) // 2
        found.append(bytes([number % len(OPTIONS), number % len(HASH_BITS), half]) + cut)
    return found


def check(data: bytes) -> None:
    """Names and weights are the naive twin's; transform, hashing and looking up some agree."""
    recipe = Recipe(data)
    options = recipe.pick(OPTIONS)
    bits = HASH_BITS[recipe.below(len(HASH_BITS))]
    documents: list[bytes] = []
    while recipe.left and len(documents) < 4:
        documents.append(recipe.part())
    documents.append(recipe.rest())
    expected = naive.weights(documents, options)
    names = naive.feature_names(naive.counts(documents, options), options)
    featurizer = Featurizer(options)
    if not names:  # no bias, and no features
        return
    matrix = featurizer.fit_transform(documents, threads=1)
    require(featurizer.feature_names() == names, "the names are not the naive twin's")
    again = featurizer.transform(documents, threads=1)
    for found in (matrix, again):
        _check_rows(found, names, expected)
    require(
        (matrix.indices == again.indices).all() and (matrix.data == again.data).all(),
        "transform of the same documents differs from fit_transform",
    )
    _check_places(featurizer, documents)
    if options.min_df is None and options.max_features is None:
        _check_hashed(featurizer, documents, bits)


def _check_rows(matrix: object, names: list[str], expected: list[naive.Row]) -> None:
    for row, wanted in enumerate(expected):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        columns = matrix.indices[part]
        require((np.diff(columns) > 0).all(), "columns are not ascending")
        found = {names[i]: v for i, v in zip(columns.tolist(), matrix.data[part].tolist())}  # noqa: B905
        require(found.keys() == wanted.keys(), f"row {row} has other features")
        for name, weight in wanted.items():
            close = abs(found[name] - weight) <= 1e-5 * max(1.0, abs(weight))
            require(close, f"{name!r} weighs {found[name]} in row {row}, not {weight}")


def _check_places(featurizer: Featurizer, documents: list[bytes]) -> None:
    """Tokens lie where the naive twin finds them."""
    from textmlr.corpus.in_memory import batches_of
    from textmlr.features.prepared_text import prepared

    options = featurizer.options
    (batch,) = batches_of(documents)
    tokens, _ = featurizer._hasher.read(batch)
    batch = prepared(batch, options)  # in which tokens lie
    for number, document in enumerate(documents):
        own = slice(int(tokens.offsets[number]), int(tokens.offsets[number + 1]))
        starts = (tokens.starts[own] - batch.starts[number]).tolist()
        stops = (tokens.stops[own] - batch.starts[number]).tolist()
        wanted = naive.token_spans(document, featurizer.options)
        require(len(starts) == len(wanted), f"document {number} has other tokens")
        for (token, _, _), start, stop in zip(wanted, starts, stops, strict=True):
            piece = naive.decode(batch[number][start:stop])
            piece = naive.lower(piece, options) if options.lowercase else piece
            if options.token_pattern is None:  # format characters are in no token
                kinds = [naive.word_break(c, options.split_scripts) for c in piece]
                piece = "".join(c for c, kind in zip(piece, kinds, strict=True) if kind != "F")
            require(piece == token, f"a token at {start}:{stop} is {piece!r}, not {token!r}")


def _check_hashed(featurizer: Featurizer, documents: list[bytes], bits: int) -> None:
    """Hashed counts are those of the vocabulary's features, added up by their hashes' columns."""
    own = {field: getattr(featurizer.options, field) for field in O.__dataclass_fields__}
    own |= {"idf": False, "norm": None, "term_frequency": "raw"}
    bias = int(featurizer.options.bias)
    hashed = Featurizer(O(**own | {"hash_bits": bits})).transform(documents, threads=1)
    counted = Featurizer(O(**own)).fit(documents, threads=1)
    matrix = counted.transform(documents, threads=1)
    vocabulary = counted.vocabulary
    asked = np.append(vocabulary.hashes[::3], vocabulary.hashes[:1] ^ np.uint64(1 << 40))
    numbers = np.empty(len(asked), np.int32)
    vocabulary.look_up(asked, bias, numbers)
    known = {h: i + bias for i, h in enumerate(vocabulary.hashes.tolist())}
    require(
        numbers.tolist() == [known.get(h, -1) for h in asked.tolist()],
        "looking up finds other columns",
    )
    columns = np.zeros(bias + len(vocabulary), np.int32)
    kernels.fold(frozen(vocabulary.hashes), bias, (1 << bits) - bias, columns[bias:])
    for row in range(len(documents)):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        wanted: dict[int, float] = {}
        for column, value in zip(
            matrix.indices[part].tolist(), matrix.data[part].tolist(), strict=True
        ):
            wanted[int(columns[column])] = wanted.get(int(columns[column]), 0) + value
        part = slice(hashed.indptr[row], hashed.indptr[row + 1])
        pairs = zip(hashed.indices[part].tolist(), hashed.data[part].tolist(), strict=True)
        require(dict(pairs) == wanted, f"hashed row {row} has other counts")
