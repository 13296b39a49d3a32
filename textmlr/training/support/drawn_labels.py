"""The choice of a sparse θ's features and rows, on some labels with all of their documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.ngram_lengths import AUTO
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import LabelSets
from textmlr.training.ngram_choice import SINGLE_WORDS, Candidate, NgramChoice
from textmlr.training.rows import Rows
from textmlr.training.support.closed_form import ClosedForm, row_scales_of
from textmlr.training.support.label_sums import LabelSums, most_labels
from textmlr.training.support.support_choice import SupportChoice

# Drawn labels have so many bytes of text.
DRAWN_BYTES = 2 << 20
MOST_JUDGES = 500
# Powers of idf in weights, from the middle on as long as the loss falls; shares of labels that
# features with weights may meet: the first is tried with all powers.
POWERS = (0.0, 0.75, 1.5, 2.25)
FIRST_POWER = 1
CAPS = (0.05, 0.01, 0.2)
# A wider share makes answers slower, and pairs of words make θ several times as large: the loss has
# to be below so much of that without.
EARNED_BY_ROWS, EARNED_BY_PAIRS = 0.98, 0.96


def choose_sparse(
    corpus: Corpus,
    options: FeaturizerOptions,
    training: TrainingOptions,
    threads: int,
    watch: Callable[[Candidate], None],
) -> NgramChoice:
    """Choose the rows of a sparse θ, and the n-grams where the options are "auto": single words, or
    pairs of words as well.

    The judges are documents of some labels, each taken out of its own label in closed form, without
    steps of SGD.  Characters are not tried: they make postings ten times as many.
    """
    plain = options.decided()
    lengths = [plain]
    if options.vocabulary is None and options.ngrams == AUTO and training.holdout:
        words = [SINGLE_WORDS, plain.word_range]
        lengths = [replace(plain, ngrams=own) for own in dict.fromkeys(words)]
    sample, share = some_labels(corpus, DRAWN_BYTES, training.seed)
    candidates: list[Candidate] = []
    best, chosen, least = plain, SupportChoice(), np.inf
    for tried in lengths:
        rows = Rows.of(sample, tried, training, threads)
        trials = _Trials(rows, len(corpus.labels), share, training.seed)
        choice, loss = trials.best()
        if np.isnan(loss):  # no label has two documents
            break
        if len(lengths) > 1:
            candidates.append(
                Candidate(tried.word_range, tried.char_range, len(sample), loss, None)
            )
            watch(candidates[-1])
        if loss < least * (EARNED_BY_PAIRS if candidates[1:] else 1):
            best, chosen, least = tried, choice, loss
    return NgramChoice(best, candidates, None, chosen)


@dataclass(slots=True, eq=False)
class _Trials:
    """Closed forms of the same rows.

    labels  of the whole corpus;  share  of them that were drawn
    widest  sums of all rows that any trial has
    """

    rows: Rows
    labels: int
    share: float
    seed: int
    widest: LabelSums = field(init=False)

    def __post_init__(self) -> None:
        self.widest = LabelSums.of(self.rows.in_memory, self.rows.bias, self._most(max(CAPS)))

    def best(self) -> tuple[SupportChoice, float]:
        """(the choice of least loss, its loss; NaN: none can be judged)."""
        cap = CAPS[0]
        losses = {FIRST_POWER: self._loss(POWERS[FIRST_POWER], cap)}
        for step in (1, -1):
            at = FIRST_POWER + step
            while 0 <= at < len(POWERS) and at - step == min(losses, key=losses.__getitem__):
                losses[at] = self._loss(POWERS[at], cap)
                at += step
        at = min(losses, key=losses.__getitem__)
        found = {cap: losses[at]} | {own: self._loss(POWERS[at], own) for own in CAPS[1:]}
        chosen = min(found)
        for own in sorted(found)[1:]:
            if found[own] < EARNED_BY_ROWS * found[chosen]:
                chosen = own
        return SupportChoice(POWERS[at], chosen), found[chosen]

    def _most(self, cap: float) -> int:
        return max(1, round(self.share * most_labels(self.labels, cap)))

    def _loss(self, power: float, cap: float) -> float:
        rows, objective = self.rows, self.rows.in_memory
        assert rows.frequencies is not None
        scales = row_scales_of(rows.frequencies, len(objective.y), power, rows.bias)
        sums = self.widest.at_most(self._most(cap)).with_scales(scales)
        form = ClosedForm.of(objective, sums, self.seed)
        if not len(form.fair):
            return np.nan
        rng = np.random.default_rng([self.seed, (1 << 31) + 24])
        judges = np.sort(rng.permutation(form.fair)[:MOST_JUDGES])
        return form.judges(objective, judges).calibrate(form.theta)[1].loss


def some_labels(corpus: Corpus, most_bytes: int, seed: int) -> tuple[Corpus, float]:
    """(about so many bytes of a corpus: some of its labels, drawn at random, with all of their
    documents; the share of labels)."""
    labels, size = len(corpus.labels), corpus.text_bytes
    wanted = max(2, labels * most_bytes // max(size, 1))
    if wanted >= labels:
        return corpus, 1.0
    rng = np.random.default_rng([seed, (1 << 31) + 23])
    chosen = np.sort(rng.permutation(labels)[:wanted])
    numbers = np.full(labels, -1, np.int32)
    numbers[chosen] = np.arange(wanted, dtype=np.int32)
    assert not isinstance(corpus.y, LabelSets)
    own = numbers[corpus.y]
    documents = np.flatnonzero(own >= 0)
    drawn = replace(
        corpus,
        batches=corpus.picked(documents),
        y=own[documents],
        labels=[corpus.labels[label] for label in chosen.tolist()],
        weights=None if corpus.weights is None else corpus.weights[documents],
        file_of=None,
    )
    return drawn, wanted / labels
