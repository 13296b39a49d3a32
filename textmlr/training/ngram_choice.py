"""The choice of n-grams: candidates are tried on a sample, and judged on held-out documents."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from textmlr.base.featurizer_options import CHARACTERS, MANY_MIN_DF, FeaturizerOptions
from textmlr.base.ngram_lengths import AUTO
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus
from textmlr.features.canonical_text import Reading
from textmlr.features.unicode_tables import tables
from textmlr.kernels.code_points import CHARACTER
from textmlr.model.heads import SOFTMAX, Head
from textmlr.training.held_out import are_few
from textmlr.training.rows import Rows
from textmlr.training.sgd.fit import probe
from textmlr.training.sgd.runs import Runs
from textmlr.training.support.support_choice import SupportChoice

# Word n-grams that are tried beside WORDS, and character n-grams of a syllabic script (Hangul),
# where a sign is worth two or three letters.  A large corpus has enough of the longest alone: the
# shorter ones lower its loss by 2 %, and take 28 % more time.
MORE_WORDS = (1, 3)
SYLLABLES = (1, 3)
LONG_SYLLABLES = (3, 3)
# Character n-grams of Indic scripts, where most consonants stand for a syllable.
WITH_VOWEL_SIGNS = (3, 3)
VIRAMA, NUKTA = 9, 7  # combining classes of their marks; vowel signs have 0
# N-grams are chosen on a sample of this many bytes.  Character n-grams make everything after them
# two to three times as long and have to earn it: their held-out loss must be below EARNED of that
# of words, and on a sample below EARNED_ON_SAMPLE of it, since their gain falls with the number of
# documents.  The gain of longer word n-grams grows with it: on a sample they may be worse by up to
# LENT.
CHOICE_BYTES = 4 << 20
# Sets of labels take longer, and their losses lie further apart.  Their labels have few documents,
# which pairs of words may not help: words alone are tried as well.
SET_CHOICE_BYTES = 1 << 20
SINGLE_WORDS = (1, 1)
EARNED = 0.985
EARNED_ON_SAMPLE = 0.93
LENT = 1.045
# With more labels than this, words alone are taken: θ has features × labels weights, and is then
# the largest part of memory and time.
CHOICE_LABELS = 256
SCRIPT_BYTES = 1 << 16  # bytes of text that show its script


@dataclass(frozen=True, slots=True)
class Candidate:
    """N-grams that were tried.

    documents       of the sample, those that judged among them
    loss, accuracy  of the documents that judged, after calibration; accuracy None: not measured
    """

    ngrams: tuple[int, int] | None
    char_ngrams: tuple[int, int] | None
    documents: int
    loss: float
    accuracy: float | None

    @classmethod
    def of(cls, values: dict[str, Any]) -> Candidate:
        """The candidate of this JSON, which has no tuples."""
        pairs = {name: values[name] and tuple(values[name]) for name in ("ngrams", "char_ngrams")}
        return cls(**(values | pairs))


class NgramChoice(NamedTuple):
    """The best of some n-grams.

    options     without "auto"
    candidates  in the order in which they were tried
    rows        of the choice, where the sample was the whole corpus
    support     of a sparse θ, what its weights are made of
    """

    options: FeaturizerOptions
    candidates: list[Candidate]
    rows: Rows | None
    support: SupportChoice | None = None


Watch = Callable[[Candidate], None]


def choose(
    corpus: Corpus,
    options: FeaturizerOptions,
    training: TrainingOptions,
    *,
    validation: Corpus | None,
    threads: int,
    watch: Watch,
    head: Head = SOFTMAX,
    kind: type[Runs] = Runs,
) -> NgramChoice:
    """Choose the n-grams where the options are "auto".

    Words alone (1 to 2) are tried against words and character n-grams, on a sample of a large
    corpus; where words alone are better, and the corpus large, longer word n-grams as well, which
    are seen too seldom in a small one.  Where words are single characters, in scripts without
    spaces, longer word n-grams are tried in place of those of characters, in a small corpus too.
    Of label sets single words are tried as well, and taken where they are better.  With more than
    CHOICE_LABELS labels of a dense θ there is no choice.

    kind  of the runs that try them
    """
    plain = options.decided()
    if options.vocabulary is not None:  # which says what lengths there are
        return NgramChoice(plain, [], None)
    if AUTO not in (options.ngrams, options.char_ngrams) or not (training.holdout or validation):
        return NgramChoice(plain, [], None)
    if len(corpus.labels) > CHOICE_LABELS and kind is Runs:
        return NgramChoice(plain, [], None)
    bench = _Bench(corpus, training, threads, watch, head, kind)
    most = SET_CHOICE_BYTES if head.has_sets else CHOICE_BYTES
    sample = drawn(corpus, most, training.seed)
    judges = None if validation is None else drawn(validation, most, training.seed)
    best, large = plain, sample is not corpus
    words = plain
    if large and plain.min_df is None and plain.hash_bits is None:
        # As with all features of the corpus: a sample may have too few for that.
        words = replace(plain, min_df=MANY_MIN_DF)
    loss = bench.loss_of(words, sample, judges)
    if head.has_sets and options.ngrams == AUTO:
        found = bench.loss_of(replace(words, ngrams=SINGLE_WORDS), sample, judges)
        if found < loss:
            loss, words = found, replace(words, ngrams=SINGLE_WORDS)
            best = plain = replace(plain, ngrams=SINGLE_WORDS)
    characters = _characters(sample, plain, LONG_SYLLABLES if large else SYLLABLES)
    short = characters is None
    if options.char_ngrams == AUTO and np.isfinite(loss) and not (plain.char_ngrams or short):
        earned = EARNED_ON_SAMPLE if large else EARNED
        if not large and judges is None and are_few(bench.rows[words].objective):
            earned = 1.0  # they take no time, and all documents judge
        found = bench.loss_of(replace(words, char_ngrams=characters), sample, judges)
        if found < earned * loss:
            best = replace(plain, char_ngrams=characters)
    longer = (large or short) and words.word_range != SINGLE_WORDS
    if options.ngrams == AUTO and np.isfinite(loss) and best is plain and longer:
        found = bench.loss_of(replace(words, ngrams=MORE_WORDS), sample, judges)
        if found < (LENT if large else 1.0) * loss:
            best = replace(plain, ngrams=MORE_WORDS)
    return NgramChoice(best, bench.candidates, bench.rows.get(best))


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """Tries candidates.

    candidates  tried so far;  rows  of those that were tried on the whole corpus
    """

    corpus: Corpus
    training: TrainingOptions
    threads: int
    watch: Watch
    head: Head
    kind: type[Runs]
    candidates: list[Candidate] = field(default_factory=list)
    rows: dict[FeaturizerOptions, Rows] = field(default_factory=dict)

    def loss_of(self, options: FeaturizerOptions, sample: Corpus, judges: Corpus | None) -> float:
        """The held-out loss of a candidate; infinite where too few documents would judge."""
        training, threads = self.training, self.threads
        rows = Rows.of(sample, options, training, threads, self.head)
        judge = None if judges is None else rows.judge(judges, training, threads)
        found = probe(
            rows.in_memory,
            training,
            columns=rows.column_facts,
            validation=judge,
            threads=threads,
            kind=self.kind,
        )
        if sample is self.corpus:
            lasting = found if found is not None and found.lasting else None
            self.rows[options] = replace(rows, trials=lasting)
        if found is None:
            return np.inf
        loss, accuracy = found.best.loss, found.best.accuracy
        word, char = options.word_range, options.char_range
        self.candidates.append(Candidate(word, char, len(sample), loss, accuracy))
        self.watch(self.candidates[-1])
        return loss


def _characters(
    corpus: Corpus, options: FeaturizerOptions, syllables: tuple[int, int]
) -> tuple[int, int] | None:
    """The lengths of character n-grams, by the script of most of the text as it is read: jamo are
    letters.  None where most letters are words by themselves."""
    text, size = [], 0
    for batch in corpus.batches:
        for i in range(len(batch)):
            text.append(batch[i][: SCRIPT_BYTES - size].decode(errors="replace"))
            size += len(text[-1])
            if size >= SCRIPT_BYTES:
                break
    read = Reading.of(options).canonical("".join(text))
    if read.isascii():
        return CHARACTERS, CHARACTERS
    letters = [c for c in read if c.isalpha()]
    if options.split_scripts and not options.has_own_tokens:
        kind = tables(options, ascii_only=False)[1]
        if 2 * int((kind[[*map(ord, letters)]] == CHARACTER).sum()) > len(letters):
            return None
    vowels = [c for c in read if unicodedata.category(c) in ("Mn", "Mc")]
    indic = sum(unicodedata.combining(c) in (0, NUKTA, VIRAMA) for c in vowels)
    if 4 * indic > len(letters):
        return WITH_VOWEL_SIGNS
    signs = sum("SYLLABLE" in unicodedata.name(c, "") for c in letters)
    return syllables if 2 * signs > len(letters) else (CHARACTERS, CHARACTERS)


def drawn(corpus: Corpus, most_bytes: int, seed: int) -> Corpus:
    """About so many bytes of a corpus's documents that count, drawn at random, or all of it."""
    size = corpus.text_bytes
    if size <= most_bytes:
        return corpus
    rng = np.random.default_rng([seed, (1 << 31) + 2])
    n = len(corpus)
    count = np.arange(n) if corpus.weights is None else np.flatnonzero(corpus.weights)
    wanted = min(max(1, n * most_bytes // size), len(count))
    chosen = np.sort(rng.choice(count, wanted, replace=False))
    batches = corpus.picked(chosen)
    weights = None if corpus.weights is None else corpus.weights[chosen]
    return replace(corpus, batches=batches, y=corpus.y[chosen], weights=weights, file_of=None)
