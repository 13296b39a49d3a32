"""How good answers are: probabilities against the true labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import (
    check_integer,
    check_share,
    check_strings,
    check_threads,
    is_list,
    taken,
)
from textmlr.base.errors import InputError
from textmlr.base.threads import chosen_threads, machine_memory
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.duplicates import Overlap
from textmlr.corpus.reading import recode
from textmlr.evaluation.intervals import (
    RESAMPLES,
    Interval,
    percentile_interval,
    resampled_means,
    resampled_scores,
    wilson,
)
from textmlr.model.heads import SOFTMAX, Head, of_label
from textmlr.model.model import Model

BINS = 15  # of the calibration error, Guo et al. 2017
MOST_CONFUSED = 10
# Least probabilities for which coverage and accuracy are reckoned: every hundredth, and, since
# models of few labels are often very sure, two above.
COVERAGE_AT = (*(i / 100 for i in range(100)), 0.995, 0.999)
# Least probabilities of a label for which its precision and recall are reckoned.
LABEL_AT = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
# The least probability log loss reckons with, as scikit-learn's log_loss does: 36 nats.
LEAST = float(np.finfo(np.float64).eps)

MOST_RESAMPLES = 1 << 20  # a thousand are enough for any interval


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """A label given to every document with P(label | x) >= min_probability, whatever else is
    likely: how many that is (``documents``), the share of them that have it (precision, None
    where there are none), and the share of the label's own that get it (recall, None for a label
    of no document)."""

    min_probability: float
    documents: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label: precision, recall and F1 (0 where undefined), its documents (support), how often
    it was the answer (predicted), and what it comes to at each of LABEL_AT."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int
    thresholds: tuple[AtThreshold, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """``count`` documents of label ``true`` were taken for ``predicted``."""

    true: str
    predicted: str
    count: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Answers below ``min_probability`` are "unsure", and left to a person.

    documents  that are answered;  coverage  their share of all
    accuracy   share of the answered that are right, None where none is answered
    interval   of the accuracy, 95 % (Wilson)
    """

    min_probability: float
    documents: int
    coverage: float
    accuracy: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Documents whose top probability is in (above, up_to]: their mean probability, the share
    that is right, and its 95 % interval (Wilson).  They are told apart as for the ECE."""

    above: float
    up_to: float
    documents: int
    probability: float
    accuracy: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Intervals:
    """95 % intervals of figures over documents drawn again with replacement (``resamples`` times):
    percentile bootstrap.  They tell how the figures vary with the test documents, not with the
    training documents."""

    accuracy: Interval
    macro_f1: Interval
    log_loss: Interval
    resamples: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures over a labelled corpus.

    accuracy  share of documents whose likeliest label is theirs (ties: the first label)
    macro_f1  mean F1 of the labels that occur or are answered, as scikit-learn's "macro"
    log_loss  mean −ln P(y | x), nats, P no less than LEAST
    brier     mean of the sum over labels of (P − [label is y])², 0 to 2
    ece       expected calibration error: 15 equal bins (a, b] of the top probability, mean of
              |accuracy − mean probability| weighted by documents (Guo et al., ICML 2017, eq. 3)
    labels    a row a label, in order; confused  the commonest errors, commonest first
    intervals    of accuracy, macro-F1 and log loss
    coverage     a row for each of COVERAGE_AT, and what else is asked for, ascending
    reliability  the bins of the ECE that hold documents, ascending
    overlap      documents that also stand in the corpus that the model was trained on, byte for
                 byte but for space around them, so that answers to them say nothing of new ones;
                 None where that is not known
    """

    documents: int
    accuracy: float
    macro_f1: float
    log_loss: float
    brier: float
    ece: float
    labels: tuple[LabelFigures, ...]
    confused: tuple[Confusion, ...]
    intervals: Intervals
    coverage: tuple[Coverage, ...]
    reliability: tuple[Bin, ...]
    overlap: Overlap | None = None

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """Probabilities and true labels of n documents.

    names          L labels of the model, then true labels it does not know, which get P = 0
    codes          (n,) int64   true label of each document, into names
    probabilities  (n, L) float64, rows sum to 1
    invalid        pieces of invalid UTF-8 in the text
    overlap        as in Evaluation
    head           of the model
    """

    names: list[str]
    codes: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    invalid: int = 0
    overlap: Overlap | None = None
    head: Head = SOFTMAX

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def top(self) -> NDArray[np.int64]:
        """(n,) the likeliest label of each document; ties go to the first."""
        return self.head.answers(self.probabilities)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(n,) P of the likeliest label."""
        highest: NDArray[np.float64] = self.probabilities.max(axis=1)
        return highest

    @property
    def of_truth(self) -> NDArray[np.float64]:
        """(n,) P of the true label."""
        return of_label(self.probabilities, self.codes)

    @property
    def losses(self) -> NDArray[np.float64]:
        """(n,) −ln P(y | x), nats, P no less than LEAST."""
        return self.head.log_losses(self.probabilities, self.codes, LEAST)

    @property
    def strangers(self) -> dict[str, int]:
        """Documents of each label the model does not know."""
        width = self.probabilities.shape[1]
        counts = np.bincount(self.codes, minlength=len(self.names)).tolist()
        return dict(zip(self.names[width:], counts[width:], strict=True))


def answer(model: Model, corpus: Corpus, *, threads: int | None = None) -> Answered:
    """A model's answers to the documents of a corpus, beside their true labels.

    Raises InputError where they would not fit in memory.
    """
    _check_memory(len(corpus), len(model.labels))
    _, strangers = recode(corpus, model.labels)
    blocks = list(model.stream(corpus.batches, threads))
    names = [*model.labels, *strangers]
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.array([code_of[label] for label in corpus.labels], np.int64)[corpus.y]
    probabilities = np.concatenate([block.probabilities for block in blocks])
    invalid = sum(block.invalid for block in blocks)
    overlap = None
    if model.trained_on is not None:
        overlap = model.trained_on.overlap(corpus.batches, chosen_threads(threads))
    return Answered(names, codes, probabilities, invalid, overlap, model.head)


def _check_memory(documents: int, labels: int) -> None:
    """Refuse probabilities that cannot fit, which are held twice while they are put together."""
    needed = 2 * 8 * documents * labels
    available = machine_memory()
    if needed > available:
        raise InputError(
            f"probabilities of {documents:,} documents × {labels:,} labels need "
            f"{needed / 2**30:.1f} GiB, and this machine has {available / 2**30:.1f} GiB",
            mend="give fewer documents, or classify --corpus, which keeps none",
        )


def _check_arrays(y: Any, probabilities: Any) -> None:
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "iu" or y.ndim != 1:
        raise taken("y", y, "an array of codes of labels, as textmlr.corpus.recode gives them")
    if (
        not isinstance(probabilities, np.ndarray)
        or probabilities.ndim != 2
        or probabilities.dtype.kind != "f"
    ):
        raise taken(
            "probabilities",
            probabilities,
            "an array of a row a document, as Model.probabilities gives it",
        )


def evaluate(
    labels: Sequence[str],
    y: NDArray[np.int32],
    probabilities: NDArray[np.float64],
    *,
    unknown: Sequence[str | None] | None = None,
    min_probabilities: Sequence[float] = (),
    resamples: int = RESAMPLES,
    threads: int | None = None,
) -> Evaluation:
    """Compare probabilities with true labels.

    labels         L names
    y              (n,) integers: the true label of each document, −1 for one not among labels,
                   which counts as wrong, with P = 0
    probabilities  (n, L), rows sum to 1
    unknown        (n,) names of the labels that are −1 in y; they get rows of their own
    min_probabilities  further rows of coverage, see Coverage
    resamples      for the intervals
    Raises InputError for no documents, ValueError for arrays that do not fit or are no
    probabilities.

    >>> import numpy as np
    >>> from textmlr import evaluate
    >>> p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    >>> figures = evaluate(["ham", "spam"], np.array([0, 1, 1, 1]), p)
    >>> figures.accuracy, round(figures.log_loss, 3)
    (0.75, 0.4)
    >>> [(row.label, round(row.recall, 2)) for row in figures.labels]
    [('ham', 1.0), ('spam', 0.67)]

    ``model.probabilities(texts)`` gives such an array, and ``corpus.recode`` such codes.
    """
    names = check_strings("labels", labels) or []
    _check_arrays(y, probabilities)
    if unknown is not None and (
        not isinstance(unknown, list | tuple | np.ndarray) or len(unknown) != len(y)
    ):
        raise taken("unknown", unknown, "a name a document, or None")
    if not is_list(min_probabilities):
        raise taken("min_probabilities", min_probabilities, "a list of numbers of 0 to 1")
    min_probabilities = list(min_probabilities)
    for share in min_probabilities:
        check_share("min_probabilities", share)
    check_integer("resamples", resamples, 1, MOST_RESAMPLES, 4000)
    check_threads(threads)
    n, width = probabilities.shape
    if not n:
        raise InputError("no documents to evaluate", mend="give a corpus that is not empty")
    _check(names, y, probabilities)
    codes = y.astype(np.int64)
    if (y < 0).any():
        given = unknown if unknown is not None else [None] * n
        strangers = [given[i] or "(unknown)" for i in np.flatnonzero(y < 0).tolist()]
        extra = {name: width + i for i, name in enumerate(sorted(set(strangers)))}
        codes[y < 0] = [extra[name] for name in strangers]
        names += extra
    answered = Answered(names, codes, probabilities.astype(np.float64, copy=False))
    return judge(
        answered, min_probabilities=min_probabilities, resamples=resamples, threads=threads
    )


def judge(
    answered: Answered,
    *,
    min_probabilities: Sequence[float] = (),
    resamples: int = RESAMPLES,
    threads: int | None = None,
) -> Evaluation:
    """The figures of answers; parameters and result as in evaluate."""
    if not len(answered):
        raise InputError("no documents to evaluate", mend="give a corpus that is not empty")
    codes, top, losses = answered.codes, answered.top, answered.losses
    probabilities, confidence = answered.probabilities, answered.confidence
    right = top == codes
    # Σ (P − [ℓ = y])² = Σ P² − 2 P(y) + 1
    squares = np.einsum("ij,ij->i", probabilities, probabilities)
    rows = _rows(answered, top)
    present = [row for row in rows if row.support or row.predicted]
    accuracies, scores = resampled_scores(codes, top, resamples=resamples, threads=threads)
    means = resampled_means(losses, resamples=resamples, threads=threads)
    return Evaluation(
        documents=len(codes),
        accuracy=float(right.mean()),
        macro_f1=float(np.mean([row.f1 for row in present])),
        log_loss=float(losses.mean()),
        brier=float((squares - 2.0 * answered.of_truth + 1.0).mean()),
        ece=calibration_error(confidence, right),
        labels=rows,
        confused=confusions(answered, MOST_CONFUSED),
        intervals=Intervals(
            percentile_interval(accuracies),
            percentile_interval(scores),
            percentile_interval(means),
            resamples,
        ),
        coverage=coverage(confidence, right, sorted({*COVERAGE_AT, *min_probabilities})),
        reliability=reliability(confidence, right),
        overlap=answered.overlap,
    )


def coverage(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], at: Sequence[float]
) -> tuple[Coverage, ...]:
    """What is answered, and how well, where answers below a probability are left to a person.

    confidence, right  (n,)  top probability, and whether the answer is right
    at                 least probabilities to answer from, a row each
    """
    order = np.argsort(confidence, kind="stable")
    first = np.searchsorted(confidence[order], np.array(at), side="left")
    right_from = np.append(np.cumsum(right[order][::-1])[::-1], 0)
    documents, hits = len(right) - first, right_from[first]
    low, high = wilson(hits, np.maximum(documents, 1))
    columns = (at, documents, hits, low, high)
    return tuple(
        Coverage(p, n, n / len(right), h / n if n else None, (a, b) if n else None)
        for p, n, h, a, b in zip(*(np.asarray(c).tolist() for c in columns), strict=True)
    )


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Bins of top probabilities (n,), that were right or not, against how often they were."""
    bins = _bins(confidence)
    documents = np.bincount(bins, minlength=BINS)
    hits = np.bincount(bins[right], minlength=BINS)
    some = np.maximum(documents, 1)
    mean = np.bincount(bins, confidence, minlength=BINS) / some
    low, high = wilson(hits, some)
    return tuple(
        Bin(i / BINS, (i + 1) / BINS, n, p, share, (a, b))
        for i, (n, p, share, a, b) in enumerate(
            zip(*(c.tolist() for c in (documents, mean, hits / some, low, high)), strict=True)
        )
        if n
    )


def _bins(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error of top probabilities (n,) that were right or not."""
    bins = _bins(confidence)
    gaps = np.bincount(bins, right - confidence.astype(np.float64), minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def _check(labels: Sequence[str], y: NDArray[np.int32], probabilities: NDArray[np.float64]) -> None:
    n, width = probabilities.shape
    if y.shape != (n,) or len(labels) != width:
        raise InputError(f"{y.shape} codes of {len(labels)} labels for probabilities {n, width}")
    if y.max() >= width or y.min() < -1:
        raise InputError("a label code is out of range")
    if not np.isfinite(probabilities).all() or (probabilities < 0).any():
        raise InputError("probabilities are not finite or negative")
    if np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1).max() > 1e-3:
        raise InputError("probabilities do not sum to 1")


def _rows(answered: Answered, top: NDArray[np.int64]) -> tuple[LabelFigures, ...]:
    names, codes = answered.names, answered.codes
    support = np.bincount(codes, minlength=len(names))
    predicted = np.bincount(top, minlength=len(names))
    hits = np.bincount(codes[codes == top], minlength=len(names))
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    columns = (precision, recall, f1, support, predicted)
    figures = zip(
        names,
        *(column.tolist() for column in columns),
        _at_thresholds(answered, support),
        strict=True,
    )
    return tuple(LabelFigures(*row) for row in figures)


def _at_thresholds(answered: Answered, support: NDArray[np.int64]) -> list[tuple[AtThreshold, ...]]:
    """A row a threshold for each label; an unknown label is never given."""
    p, width = answered.probabilities, answered.probabilities.shape[1]
    known = np.flatnonzero(answered.codes < width)
    own, own_codes = answered.of_truth[known], answered.codes[known]
    rows: list[list[AtThreshold]] = [[] for _ in answered.names]
    for threshold in LABEL_AT:
        given = np.zeros(len(rows), np.int64)
        given[:width] = np.count_nonzero(p >= threshold, axis=0)
        hits = np.bincount(own_codes[own >= threshold], minlength=len(rows))
        figures = zip(rows, *(c.tolist() for c in (given, hits, support)), strict=True)
        for row, number, hit, mine in figures:
            precision = hit / number if number else None
            row.append(AtThreshold(threshold, number, precision, hit / mine if mine else None))
    return [tuple(row) for row in rows]


def confusions(answered: Answered, most: int) -> tuple[Confusion, ...]:
    """The commonest errors, commonest first, at most so many."""
    names, codes, top = answered.names, answered.codes, answered.top
    wrong = codes != top
    pairs, counts = np.unique(codes[wrong] * len(names) + top[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    return tuple(
        Confusion(names[pair // len(names)], names[pair % len(names)], int(count))
        for pair, count in zip(pairs[order].tolist(), counts[order].tolist(), strict=True)
    )
