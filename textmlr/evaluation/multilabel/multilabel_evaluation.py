"""Evaluation of label sets: figures of a model's answers against the labels of documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import check_label, check_listed, check_strings, is_list, taken
from textmlr.base.errors import InputError
from textmlr.base.printable import plural
from textmlr.corpus.duplicates import Overlap
from textmlr.corpus.label_sets import LabelSets
from textmlr.evaluation.evaluation import check_evaluation_options
from textmlr.evaluation.intervals import RESAMPLES
from textmlr.evaluation.labelled_answers import figures_dict
from textmlr.evaluation.multilabel.at_rank import AtRank, at_ranks
from textmlr.evaluation.multilabel.best_f1 import BestF1, best_f1
from textmlr.evaluation.multilabel.f1_scores import (
    CUTS,
    HALF,
    AtCut,
    Counts,
    F1Scores,
    at_cuts,
    counts_at,
)
from textmlr.evaluation.multilabel.pair_reliability import LIKELY, error_of, pair_reliability
from textmlr.evaluation.multilabel.ranked_labels import ranked_labels
from textmlr.evaluation.multilabel.set_answers import SetAnswers
from textmlr.evaluation.multilabel.set_chance import SetChance, set_chance
from textmlr.evaluation.multilabel.set_intervals import SetIntervals, resampled_figures
from textmlr.evaluation.multilabel.set_labels import SetLabelFigures, set_label_figures
from textmlr.evaluation.multilabel.set_pairs import (
    MOST_MISTAKEN,
    MOST_TOGETHER,
    Mistaken,
    Together,
    mistaken,
    together,
)
from textmlr.evaluation.reliability import Bin


@dataclass(frozen=True, slots=True, repr=False)
class MultilabelEvaluation:
    """Figures over a corpus whose documents have any number of labels.

    A label is an answer where its probability is its threshold or more.

    labels_a_document, answers_a_document  means over documents
    precision, recall  of all answers: the share that is right (None without answers), the share of
              all labels of documents that is answered (None without labels)
    micro_f1, macro_f1, samples_f1  at the model's thresholds, see ``f1_scores.F1Scores``
    f1_at_half  the same where all labels with P >= 0.5 are answers
    best      the highest that thresholds chosen on these documents reach: a bound
    at_rank   figures of the 1, 3 and 5 likeliest labels
    exact     share of documents whose answers are their labels, all of them and no other
    hamming_loss  share of all pairs of a document and a label that are answered wrongly
    cost      mean over documents of the labels that are missed, and the cost of those that are
              wrong; None unless the model's thresholds are chosen by costs
    mean_average_precision  mean over the labels that documents have, None without any
    log_loss  mean over documents of the sum over labels of their cross-entropy, nats
    ece       expected calibration error of the pairs of a document and a label with P >= 0.05:
              15 equal bins, mean of |share that is right − mean probability| weighted by pairs
    ece_of_all  of all pairs, nearly all of which have hardly any probability
    labels    a row a label, in order;  mistaken, together  the commonest pairs, commonest first
    cuts      a row for each of f1_scores.CUTS and min_probabilities, ascending: one threshold for
              all labels
    reliability  the bins of ``ece``, ascending
    intervals, chance, overlap  as in Evaluation
    answered  the answers themselves; as_dict leaves them out
    """

    documents: int
    labels_a_document: float
    answers_a_document: float
    precision: float | None
    recall: float | None
    micro_f1: float
    macro_f1: float
    samples_f1: float
    f1_at_half: F1Scores
    best: BestF1
    at_rank: tuple[AtRank, ...]
    exact: float
    hamming_loss: float
    cost: float | None
    mean_average_precision: float | None
    log_loss: float
    ece: float
    ece_of_all: float
    labels: tuple[SetLabelFigures, ...]
    mistaken: tuple[Mistaken, ...]
    together: tuple[Together, ...]
    cuts: tuple[AtCut, ...]
    reliability: tuple[Bin, ...]
    intervals: SetIntervals
    chance: SetChance
    overlap: Overlap | None
    answered: SetAnswers = field(compare=False)

    @classmethod
    def of(
        cls,
        labels: Sequence[str],
        y: Any,
        probabilities: NDArray[np.float64],
        thresholds: Any = HALF,
        *,
        min_probabilities: Sequence[float] = (),
        resamples: int = RESAMPLES,
        threads: int | None = None,
    ) -> MultilabelEvaluation:
        """The figures of probabilities, of whatever model.

        labels         L names
        y              the labels of each document: (n, L) of 0 and 1, sparse or not, or a list of
                       names each
        probabilities  (n, L), each in 0 to 1
        thresholds     a label is an answer where P is this or more: one for all, or (L,)
        min_probabilities  further rows of cuts
        resamples      for the intervals
        Raises InputError for no documents, and for arrays that do not fit or are no probabilities.

        >>> p = np.array([[0.9, 0.6], [0.2, 0.8], [0.6, 0.4]])
        >>> figures = MultilabelEvaluation.of(
        ...     ["comedy", "scifi"], [["comedy", "scifi"], ["scifi"], ["scifi"]], p
        ... )
        >>> figures.micro_f1, round(figures.exact, 2), figures.at_rank[0].precision.__round__(2)
        (0.75, 0.67, 0.67)

        ``model.predict_proba(texts)`` gives such an array.
        """
        names = check_strings("labels", labels) or []
        least = check_evaluation_options(min_probabilities, resamples, threads)
        _check_probabilities(names, probabilities)
        if not len(probabilities):
            raise InputError("no documents to evaluate", mend="give a corpus that is not empty")
        cuts = _thresholds(thresholds, len(names))
        sets, strangers = _sets(y, names, len(probabilities))
        own = probabilities.astype(np.float64, copy=False)
        answered = SetAnswers([*names, *strangers], sets, own, cuts)
        return judge_sets(answered, min_probabilities=least, resamples=resamples, threads=threads)

    @property
    def f1(self) -> F1Scores:
        """Micro, macro and samples, at the model's thresholds."""
        return F1Scores(self.micro_f1, self.macro_f1, self.samples_f1)

    @property
    def never_answered(self) -> tuple[str, ...]:
        """Labels of the model that documents have, and that are the answer to none."""
        known = self.answered.probabilities.shape[1]
        return tuple(row.label for row in self.labels[:known] if row.support and not row.predicted)

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON values."""
        return {**figures_dict(self), "never_answered": list(self.never_answered)}

    def of_label(self, label: str) -> SetLabelFigures:
        """The figures of one label.  Raises InputError where neither the model nor a document has
        it."""
        names = self.answered.names
        check_label(label, names)
        return self.labels[names.index(label)]

    def worst(self, most: int) -> list[SetLabelFigures]:
        """Labels that occur or are answered, lowest F1 first, at most so many."""
        check_listed("most", most)
        some = [row for row in self.labels if row.support or row.predicted]
        return sorted(some, key=lambda row: (row.f1, -row.support))[:most]

    def __repr__(self) -> str:
        low, high = self.intervals.micro_f1
        least, most = self.intervals.log_loss
        return (
            f"Evaluation on {plural(self.documents, 'document')} of "
            f"{plural(len(self.labels), 'label')}, {self.labels_a_document:.2f} a document: "
            f"macro-F1 {self.macro_f1:.4f}, samples-F1 {self.samples_f1:.4f}, "
            f"ECE {self.ece:.4f}\n"
            f"micro-F1 {self.micro_f1:.4f} ({low:.3f}–{high:.3f}), chance "
            f"{self.chance.micro_f1:.4f}; log loss {self.log_loss:.4f} nats a document "
            f"({least:.3f}–{most:.3f}), chance {self.chance.log_loss:.4f}\n"
            "look at: .f1, .best, .at_rank, .labels, .mistaken, .together, .cuts, .reliability, "
            ".as_dict()"
        )

    def _repr_html_(self) -> str:
        """The figures and the reliability of the answers, as a notebook shows them."""
        from textmlr.base.web_page import name_of
        from textmlr.evaluation.notebook_figures import MOST_WORST, figures_beside, never_told

        sure, even, f1 = self.intervals, self.chance, self.f1
        first = self.at_rank[0].precision
        always = ", ".join(map(name_of, even.labels[:MOST_WORST]))
        return figures_beside(
            f"{plural(self.documents, 'document')} of {plural(len(self.labels), 'label')}, "
            f"{self.labels_a_document:.2f} a document",
            [
                ("micro-F1", f1.micro, sure.micro_f1, even.micro_f1),
                ("macro-F1", f1.macro, sure.macro_f1, None),
                ("samples-F1", f1.samples, sure.samples_f1, None),
                ("likeliest label right", first, sure.precision_at_1, even.precision_at_1),
                ("mean average precision", self.mean_average_precision, None, None),
                ("log loss a document, nats", self.log_loss, sure.log_loss, even.log_loss),
                ("calibration error, P ≥ 0.05", self.ece, None, None),
            ],
            f"Chance: always {always}, and the labels’ shares in the {even.source} documents.",
            never_told(self.never_answered),
            [(row.label, row.f1, row.support) for row in self.worst(MOST_WORST)],
            self.reliability,
        )


def judge_sets(
    answered: SetAnswers,
    *,
    min_probabilities: Sequence[float] = (),
    resamples: int = RESAMPLES,
    threads: int | None = None,
) -> MultilabelEvaluation:
    """The figures of answers;  parameters as in MultilabelEvaluation.of."""
    n, width = len(answered), len(answered.names)
    if not n:
        raise InputError("no documents to evaluate", mend="give a corpus that is not empty")
    counts = Counts.of(answered.sets, answered.answered, width)
    ranked = ranked_labels(answered)
    f1 = counts.f1
    likely = pair_reliability(answered, LIKELY)
    found = [own.average_precision for own in ranked]
    precisions = [own for own in found if own is not None]
    wrong = int(counts.answers.sum() + counts.labels.sum() - 2 * counts.hits.sum())
    samples = resampled_figures(answered, resamples=resamples, threads=threads)
    return MultilabelEvaluation(
        documents=n,
        labels_a_document=float(answered.sets.sizes.mean()),
        answers_a_document=float(answered.answered.sizes.mean()),
        precision=counts.precision,
        recall=counts.recall,
        micro_f1=f1.micro,
        macro_f1=f1.macro,
        samples_f1=f1.samples,
        f1_at_half=counts_at(answered, HALF).f1,
        best=best_f1(answered, ranked),
        at_rank=at_ranks(answered),
        exact=float(counts.is_exact.mean()),
        hamming_loss=wrong / (n * width),
        cost=_cost(answered, counts),
        mean_average_precision=float(np.mean(precisions)) if precisions else None,
        log_loss=float(answered.losses.mean()),
        ece=error_of(likely),
        ece_of_all=error_of(pair_reliability(answered)),
        labels=set_label_figures(answered, counts, ranked),
        mistaken=mistaken(answered, MOST_MISTAKEN),
        together=together(answered, MOST_TOGETHER),
        cuts=at_cuts(answered, sorted({*CUTS, *min_probabilities})),
        reliability=likely,
        intervals=SetIntervals.of(samples),
        chance=set_chance(answered),
        overlap=answered.overlap,
        answered=answered,
    )


def _cost(answered: SetAnswers, counts: Counts) -> float | None:
    if answered.cost is None:
        return None
    hits = int(counts.hits.sum())
    missed, wrong = int(counts.labels.sum()) - hits, int(counts.answers.sum()) - hits
    return (missed + answered.cost * wrong) / len(answered)


def _check_probabilities(names: Sequence[str], probabilities: Any) -> None:
    if (
        not isinstance(probabilities, np.ndarray)
        or probabilities.ndim != 2
        or probabilities.dtype.kind != "f"
    ):
        wanted = "an array of a row a document, as Model.probabilities gives it"
        raise taken("probabilities", probabilities, wanted)
    if len(names) != probabilities.shape[1] or not names:
        raise InputError(f"{len(names)} labels for probabilities {probabilities.shape}")
    # min and max pass NaN on
    if not (probabilities.min(initial=1) >= 0 and probabilities.max(initial=0) <= 1):
        raise InputError("probabilities are not in 0 to 1")


def _thresholds(thresholds: Any, width: int) -> NDArray[np.float64]:
    wanted = "a number of 0 to 1, or one a label"
    try:
        cuts = np.asarray(thresholds, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise taken("thresholds", thresholds, wanted) from error
    if cuts.shape not in ((), (width,)) or not ((cuts >= 0) & (cuts <= 1)).all():
        raise taken("thresholds", thresholds, wanted)
    return np.broadcast_to(cuts, (width,)).copy()


def _sets(y: Any, names: list[str], documents: int) -> tuple[LabelSets, list[str]]:
    """The labels of documents as sets, and the names of those that are not among names."""
    wanted = f"an array of {documents:,} × {len(names):,} of 0 and 1, or a list of names a document"
    if isinstance(y, LabelSets):
        if len(y) != documents or y.codes.max(initial=-1) >= len(names):
            raise taken("y", y, wanted)
        return y, []
    if hasattr(y, "tocoo"):  # a sparse matrix
        y = y.toarray()
    if isinstance(y, np.ndarray) and y.ndim == 2:
        if y.shape != (documents, len(names)) or not np.isin(y, (0, 1)).all():
            raise taken("y", y, wanted)
        rows, codes = np.nonzero(y)
        return LabelSets.of_pairs(rows, codes, documents), []
    if not is_list(y) or not hasattr(y, "__len__") or len(y) != documents:
        raise taken("y", y, wanted)
    if any(isinstance(one, str) for one in y):
        raise taken("y", y, wanted)
    lists: list[list[Any]] = [list(one) if isinstance(one, Iterable) else [None] for one in y]
    if not all(isinstance(name, str) for one in lists for name in one):
        raise taken("y", y, wanted)
    strangers = sorted({str(name) for one in lists for name in one} - {*names})
    code_of = {name: code for code, name in enumerate([*names, *strangers])}
    return LabelSets.of([[code_of[name] for name in one] for one in lists]), strangers
