"""The sections of a report on pairs of labels: said for one another, and standing together."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from textmlr.base.web_page import name_of, table
from textmlr.evaluation.multilabel.set_answers import SetAnswers
from textmlr.evaluation.multilabel.set_pairs import (
    PairCounts,
    mistaken,
    mistaken_pairs,
    together,
)
from textmlr.evaluation.report import drawing, plots
from textmlr.evaluation.report.confusion_section import FEW_LABELS, NAMED_LABELS, clustered
from textmlr.evaluation.report.images import Images, figure
from textmlr.evaluation.report.shown_labels import ShownLabels

PAIRS = 40


def mistaken_section(answered: SetAnswers, names: ShownLabels, images: Images) -> str:
    """Which label is said where another was missed: a heat map, and the commonest pairs."""
    pairs = mistaken(answered, PAIRS)
    text = (
        "<p>A was said where B was: the document has label B, which was not answered, and lacks "
        "label A, which was. A document with several such labels counts for each pair.</p>"
    )
    if not pairs:
        return text + "<p>There is no such document.</p>"
    counts = mistaken_pairs(answered)
    chosen = _foremost(counts, len(answered.names), FEW_LABELS - 1)
    support = np.bincount(answered.sets.codes, minlength=len(answered.names))
    some = "" if len(chosen) == len(answered.names) else f" (the {len(chosen)} of most such pairs)"
    text += figure(
        images,
        "mistaken",
        _drawn(counts, chosen, support, names, answered, "answered instead", numbers=True),
        f"Rows are labels that were missed, columns the answers that were wrong{some}. Numbers are "
        "documents, shades their share of the label’s documents.",
    )
    own = dict(zip(answered.names, support.tolist(), strict=True))
    rows = [
        (name_of(p.true), name_of(p.answer), f"{p.count:,}", f"{p.count / own[p.true]:.1%}")
        for p in pairs
    ]
    which = f"The {PAIRS} commonest:" if len(pairs) == PAIRS else "All, the commonest first:"
    heads = ("label missed", "answered instead", "documents", "of the label’s documents")
    return text + f"<p>{which}</p>" + table(heads, rows, (0, 1))


def together_section(answered: SetAnswers, names: ShownLabels, images: Images) -> str:
    """Which labels documents have together, and get together: heat maps, and the commonest."""
    pairs = together(answered, PAIRS)
    text = "<p>Do the answers stand together as the labels of documents do?</p>"
    if not pairs:
        return text + "<p>No document has two labels.</p>"
    width = len(answered.names)
    have = PairCounts.of(answered.sets, answered.sets, width)
    get = PairCounts.of(answered.answered, answered.answered, width)
    chosen = _foremost(have, width, NAMED_LABELS)
    if len(chosen) > 2:
        chosen = clustered(have.matrix(chosen), chosen)
    numbers = len(chosen) <= FEW_LABELS
    some = "" if len(chosen) == width else f" (the {len(chosen)} that stand together most)"
    how = " Numbers are documents." if numbers else ""
    for name, counts, sets, what in (
        ("together", have, answered.sets, "labels of documents"),
        ("together-answered", get, answered.answered, "answers"),
    ):
        totals = np.bincount(sets.codes, minlength=width)
        drawn = _drawn(counts, chosen, totals, names, answered, "stands beside", numbers=numbers)
        text += figure(
            images,
            name,
            drawn,
            f"The {what}{some}: shades are the share of the documents with the label of the row "
            f"that have the label of the column too.{how}",
        )
    rows = [
        (name_of(p.a), name_of(p.b), f"{p.documents:,}", f"{p.answered:,}", f"{p.hits:,}")
        for p in pairs
    ]
    which = f"The {PAIRS} commonest pairs:" if len(pairs) == PAIRS else "All pairs:"
    heads = ("label", "and", "documents have both", "get both", "have both and get both")
    return text + f"<p>{which}</p>" + table(heads, rows, (0, 1))


def _foremost(counts: PairCounts, width: int, most: int) -> NDArray[np.int64]:
    """All labels if they are so few, else so many at most: those of the commonest pairs of two."""
    if width <= most:
        return np.arange(width)
    chosen: set[int] = set()
    for pair in counts.commonest(len(counts.pairs)).tolist():
        both = {pair // width, pair % width}
        if len(both) == 2 and len(chosen | both) <= most:
            chosen |= both
    return np.array(sorted(chosen), np.int64)


def _drawn(
    counts: PairCounts,
    chosen: NDArray[np.int64],
    totals: NDArray[np.int64],
    names: ShownLabels,
    answered: SetAnswers,
    across: str,
    *,
    numbers: bool,
) -> tuple[bytes, bytes]:
    """The heat map of pairs of the chosen labels;  totals  documents of each label."""
    shown = [names[answered.names[label]] for label in chosen.tolist()]
    matrix = counts.matrix(chosen)
    np.fill_diagonal(matrix, 0)  # a label beside itself says nothing
    draw = partial(
        plots.confusion,
        matrix,
        shown,
        shown,
        totals=totals[chosen],
        numbers=numbers,
        across=across,
    )
    return drawing.themed(draw, names.families)
