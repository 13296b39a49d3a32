"""The vocabulary of a fit: the n-grams of its documents, or the features that were given."""

from __future__ import annotations

from collections.abc import Sequence

from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_errors import OptionError, Sentence
from textmlr.corpus.batch import Batch
from textmlr.features.given_vocabulary import counted, given_vocabulary
from textmlr.features.ngrams import HashedBlock, Hasher
from textmlr.features.vocabulary import NameSource, Vocabulary, build


def fitted_vocabulary(
    hashed: Sequence[HashedBlock],
    blocks: Sequence[Batch],
    hasher: Hasher,
    documents: int,
    threads: int,
) -> tuple[Vocabulary, NameSource | None]:
    """The vocabulary of hashed blocks, and the source of its names where it has none yet.

    hashed[i] is hasher.hash(blocks[i]).
    Raises InputError where it is empty, and that is for no want of text.
    """
    options = hasher.options
    if options.vocabulary is not None:
        return counted(given_vocabulary(options), hashed), None
    bounds = options.bounds_of_fit(documents)
    vocabulary, source = build(hashed, blocks, hasher, bounds, threads)
    if not len(vocabulary):
        any_text = any(block.text_bytes for block in blocks)
        check_some(options, documents, any_ngram=any(len(b.hashes) for b in hashed) or not any_text)
    return vocabulary, source


def check_some(options: FeaturizerOptions, documents: int, *, any_ngram: bool) -> None:
    """Raise InputError for options that leave no features.

    any_ngram  whether the documents have n-grams, or have no text at all
    """
    own = "token_pattern" if options.tokenizer is None else "tokenizer"
    if options.has_own_tokens and not any_ngram:
        raise OptionError(
            own,
            Sentence(
                f"{{{own}}} finds no word in {documents:,} documents",
                {own: getattr(options, own)},
            ),
            Sentence("try it on a text"),
        )
    if not options.bias:
        least = options.bounds(documents).least or 1
        mend = "lower min_df, or give longer documents"
        raise InputError(f"no feature occurs in {least} documents", mend=mend)
