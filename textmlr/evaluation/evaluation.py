"""Evaluation: figures of a model's answers against the true labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import (
    check_flag,
    check_integer,
    check_label,
    check_listed,
    check_share,
    check_strings,
    check_threads,
    is_list,
    taken,
)
from textmlr.base.errors import InputError
from textmlr.base.printable import plural
from textmlr.corpus.duplicates import Overlap
from textmlr.evaluation.chance import Chance, chance
from textmlr.evaluation.coverage import COVERAGE_AT, Coverage, coverage
from textmlr.evaluation.intervals import (
    RESAMPLES,
    Interval,
    percentile_interval,
    resampled_columns,
    resampled_f1,
    resampled_means,
    resampled_scores,
)
from textmlr.evaluation.label_figures import (
    MOST_CONFUSED,
    Confusion,
    LabelFigures,
    confusions,
    label_figures,
)
from textmlr.evaluation.label_table import LabelTable
from textmlr.evaluation.labelled_answers import LabelledAnswers, figures_dict
from textmlr.evaluation.rank_figures import RankFigures, hits_at, rank_figures, ranks_of
from textmlr.evaluation.ranked_truth import RankedTruth
from textmlr.evaluation.reliability import Bin, calibration_error, reliability

MOST_RESAMPLES = 1 << 20  # a thousand are enough for any interval
FEW_ROWS = 20  # of very many labels, in JSON: those of lowest F1, and those of most documents


@dataclass(frozen=True, slots=True)
class Intervals:
    """95 % intervals by the percentile bootstrap: the documents are drawn again with replacement,
    ``resamples`` times.  They say how figures vary with the test documents, not with the training
    documents."""

    accuracy: Interval
    macro_f1: Interval
    log_loss: Interval
    resamples: int


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """Figures over a labelled corpus.

    accuracy  share of documents whose likeliest label is theirs (ties: the first label)
    macro_f1  mean F1 of the labels that occur or are answered, as scikit-learn's "macro"
    log_loss  mean −ln P(y | x), nats, P no less than LEAST_PROBABILITY
    brier     mean of the sum over labels of (P − [label is y])², 0 to 2; None where labels are very
              many
    ece       expected calibration error: 15 equal bins (a, b] of the top probability, mean of
              |accuracy − mean probability| weighted by documents (Guo et al., ICML 2017, eq. 3)
    labels    a row a label, in order; of very many labels a row each of those that documents have
              or that are answered.  confused  the commonest errors, commonest first
    intervals    of accuracy, macro-F1 and log loss
    coverage     a row for each of COVERAGE_AT and min_probabilities, ascending
    reliability  the bins of the ECE that hold documents, ascending
    chance       the figures of answers that are alike for all documents
    overlap      documents that also stand in the corpus that the model was trained on, byte for
                 byte but for space around them; answers to them say nothing of new documents.
                 None where that is not known
    ranks        of more than a thousand labels: figures of the k likeliest; None of fewer
    answered     the answers themselves; as_dict leaves them out
    """

    documents: int
    accuracy: float
    macro_f1: float
    log_loss: float
    brier: float | None
    ece: float
    labels: tuple[LabelFigures, ...] | LabelTable
    confused: tuple[Confusion, ...]
    intervals: Intervals
    coverage: tuple[Coverage, ...]
    reliability: tuple[Bin, ...]
    chance: Chance
    overlap: Overlap | None
    ranks: RankFigures | None
    answered: LabelledAnswers | RankedTruth = field(compare=False)

    @classmethod
    def of(
        cls,
        labels: Sequence[str],
        y: NDArray[np.int32],
        probabilities: NDArray[np.float64],
        *,
        unknown: Sequence[str | None] | None = None,
        min_probabilities: Sequence[float] = (),
        resamples: int = RESAMPLES,
        threads: int | None = None,
    ) -> Evaluation:
        """The figures of probabilities, of whatever model.

        labels         L names
        y              (n,) integers: the true label of each document, −1 for one not among labels,
                       which counts as wrong, with P = 0
        probabilities  (n, L), rows sum to 1
        unknown        (n,) names of the labels that are −1 in y; they get rows of their own
        min_probabilities  further rows of coverage, see Coverage
        resamples      for the intervals
        Raises InputError for no documents, ValueError for arrays that do not fit or are no
        probabilities.

        >>> p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
        >>> figures = Evaluation.of(["ham", "spam"], np.array([0, 1, 1, 1]), p)
        >>> figures.accuracy, round(figures.log_loss, 3)
        (0.75, 0.4)
        >>> [(row.label, round(row.recall, 2)) for row in figures.labels]
        [('ham', 1.0), ('spam', 0.67)]

        ``model.predict_proba(texts)`` gives such an array.
        """
        names = check_strings("labels", labels) or []
        _check_arrays(y, probabilities)
        if unknown is not None and (
            not isinstance(unknown, list | tuple | np.ndarray) or len(unknown) != len(y)
        ):
            raise taken("unknown", unknown, "a name a document, or None")
        least = check_evaluation_options(min_probabilities, resamples, threads)
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
        answered = LabelledAnswers(names, codes, probabilities.astype(np.float64, copy=False))
        return judge(answered, min_probabilities=least, resamples=resamples, threads=threads)

    @property
    def never_answered(self) -> tuple[str, ...]:
        """Labels of the model that documents have, and that are the answer to none."""
        if isinstance(self.labels, LabelTable):
            return tuple(self.labels.never_answered())
        known = self.labels[: self.answered.width]
        return tuple(row.label for row in known if row.support and not row.predicted)

    def of_label(self, label: str) -> LabelFigures:
        """The figures of one label.  Raises InputError where neither the model nor a document has
        it."""
        names = self.answered.names
        check_label(label, names)
        if isinstance(self.labels, LabelTable):
            return self.labels.of(names.index(label))
        return self.labels[names.index(label)]

    def as_dict(self, *, labels: Sequence[str] = (), everything: bool = False) -> dict[str, Any]:
        """The figures as JSON values.

        Of very many labels it has the rows of those of lowest F1 and of most documents, and as many
        names of never_answered;  label_count and never_answered_count say how many there are.
        labels      whose rows it has, too
        everything  it has all rows and all names
        """
        check_strings("labels", labels)
        check_flag("everything", everything)
        asked = [self.of_label(label) for label in labels]
        never = list(self.never_answered)
        if not isinstance(self.labels, LabelTable):
            few = figures_dict(self) | {"never_answered": never}
            del few["ranks"]
            return few
        rows: Iterable[LabelFigures] = self.labels
        if not everything:
            rows = [*asked, *self.worst(FEW_ROWS), *self.frequent(FEW_ROWS)]
        return {
            **figures_dict(replace(self, labels=())),
            "label_count": len(self.answered.names),
            "labels": [asdict(row) for row in dict.fromkeys(rows)],
            "never_answered": never if everything else never[:FEW_ROWS],
            "never_answered_count": len(never),
        }

    def __repr__(self) -> str:
        low, high = self.intervals.accuracy
        least, most = self.intervals.log_loss
        return (
            f"Evaluation on {plural(self.documents, 'document')} of "
            f"{plural(len(self.answered.names), 'label')}: {self._wider()}"
            f"macro-F1 {self.macro_f1:.4f}, ECE {self.ece:.4f}\n"
            f"accuracy {self.accuracy:.4f} ({low:.3f}–{high:.3f}), chance "
            f"{self.chance.accuracy:.4f}; log loss {self.log_loss:.4f} nats "
            f"({least:.3f}–{most:.3f}), chance {self.chance.log_loss:.4f}\n"
            "look at: .labels, .confused, .never_answered, .coverage, .reliability, .as_dict()"
        )

    def _repr_html_(self) -> str:
        """The figures and the reliability of the answers, as a notebook shows them."""
        from textmlr.base.web_page import name_of
        from textmlr.evaluation.notebook_figures import (
            MOST_WORST,
            Figure,
            figures_beside,
            never_told,
        )

        sure, even = self.intervals, self.chance
        more: list[Figure] = [("Brier score", self.brier, None, None)]
        if self.ranks is not None:
            more = [
                (f"top-{row.k} accuracy", row.accuracy, row.interval, row.chance)
                for row in self.ranks.at[1:]
            ]
        labels = plural(len(self.answered.names), "label")
        return figures_beside(
            f"{plural(self.documents, 'document')} of {labels}",
            [
                ("accuracy", self.accuracy, sure.accuracy, even.accuracy),
                ("log loss, nats", self.log_loss, sure.log_loss, even.log_loss),
                ("macro-F1", self.macro_f1, sure.macro_f1, None),
                *more,
                ("calibration error", self.ece, None, None),
            ],
            f"Chance: always {name_of(even.label)}, and the labels’ shares in the {even.source} "
            "documents.",
            never_told(self.never_answered),
            [(row.label, row.f1, row.support) for row in self.worst(MOST_WORST)],
            self.reliability,
        )

    def worst(self, most: int) -> list[LabelFigures]:
        """Labels that occur or are answered, lowest F1 first, at most so many."""
        check_listed("most", most)
        if isinstance(self.labels, LabelTable):
            return self.labels.worst(most)
        some = [row for row in self.labels if row.support or row.predicted]
        return sorted(some, key=lambda row: (row.f1, -row.support))[:most]

    def frequent(self, most: int) -> list[LabelFigures]:
        """Labels that documents have, those of most documents first, at most so many."""
        check_listed("most", most)
        if isinstance(self.labels, LabelTable):
            return self.labels.frequent(most)
        some = [row for row in self.labels if row.support]
        return sorted(some, key=lambda row: -row.support)[:most]

    def _wider(self) -> str:
        """The accuracy of several labels, for very many, as its part of a line."""
        if self.ranks is None:
            return ""
        return ", ".join(f"top-{row.k} {row.accuracy:.4f}" for row in self.ranks.at[1:]) + ", "


def _check_arrays(y: Any, probabilities: Any) -> None:
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "iu" or y.ndim != 1:
        raise taken("y", y, "an array of codes of labels, see textmlr.corpus.reading.recode")
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


def check_evaluation_options(min_probabilities: Any, resamples: Any, threads: Any) -> list[float]:
    """The least probabilities, once these and the other options are checked."""
    if not is_list(min_probabilities):
        raise taken("min_probabilities", min_probabilities, "a list of numbers of 0 to 1")
    least = list(min_probabilities)
    for share in least:
        check_share("min_probabilities", share)
    check_integer("resamples", resamples, 1, MOST_RESAMPLES, 4000)
    check_threads(threads)
    return least


def judge(
    answered: LabelledAnswers | RankedTruth,
    *,
    min_probabilities: Sequence[float] = (),
    resamples: int = RESAMPLES,
    threads: int | None = None,
) -> Evaluation:
    """The figures of answers;  parameters as in Evaluation.of."""
    if not len(answered):
        raise InputError("no documents to evaluate", mend="give a corpus that is not empty")
    codes, top, losses = answered.codes, answered.top, answered.losses
    confidence, right = answered.confidence, top == codes
    if isinstance(answered, RankedTruth):
        own = _by_ranks(answered, resamples, threads)
    else:
        own = _by_rows(answered, resamples, threads)
    return Evaluation(
        documents=len(codes),
        accuracy=float(right.mean()),
        macro_f1=own.macro_f1,
        log_loss=float(losses.mean()),
        brier=own.brier,
        ece=calibration_error(confidence, right),
        labels=own.labels,
        confused=confusions(answered, MOST_CONFUSED),
        intervals=own.intervals,
        coverage=coverage(confidence, right, sorted({*COVERAGE_AT, *min_probabilities})),
        reliability=reliability(confidence, right),
        chance=chance(answered),
        overlap=answered.overlap,
        ranks=own.ranks,
        answered=answered,
    )


class _Found(NamedTuple):
    """What is found in one way by P of every label, and in another by ranks."""

    labels: tuple[LabelFigures, ...] | LabelTable
    macro_f1: float
    brier: float | None
    intervals: Intervals
    ranks: RankFigures | None


def _by_rows(answered: LabelledAnswers, resamples: int, threads: int | None) -> _Found:
    probabilities = answered.probabilities
    # Σ (P − [ℓ = y])² = Σ P² − 2 P(y) + 1
    squares = np.einsum("ij,ij->i", probabilities, probabilities)
    rows = label_figures(answered)
    present = [row for row in rows if row.support or row.predicted]
    accuracies, scores = resampled_scores(
        answered.codes, answered.top, resamples=resamples, threads=threads
    )
    means = resampled_means(answered.losses, resamples=resamples, threads=threads)
    return _Found(
        rows,
        float(np.mean([row.f1 for row in present])),
        float((squares - 2.0 * answered.of_truth + 1.0).mean()),
        Intervals(
            percentile_interval(accuracies),
            percentile_interval(scores),
            percentile_interval(means),
            resamples,
        ),
        None,
    )


def _by_ranks(answered: RankedTruth, resamples: int, threads: int | None) -> _Found:
    table = LabelTable(answered)
    columns = [hits_at(answered, k) for k in ranks_of(answered.width)]
    scores = resampled_f1(*table.pairs, resamples=resamples, threads=threads)
    figures = np.column_stack([answered.losses, *columns])
    means = resampled_columns(figures, resamples=resamples, threads=threads)
    losses, *several = map(percentile_interval, means.T)
    intervals = Intervals(several[0], percentile_interval(scores), losses, resamples)
    return _Found(table, float(table.f1.mean()), None, intervals, rank_figures(answered, several))


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
