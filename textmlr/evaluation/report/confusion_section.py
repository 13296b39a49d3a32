"""The section of a report on confusions: which label is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from textmlr.base.web_page import name_of, table
from textmlr.evaluation.label_figures import confusions
from textmlr.evaluation.report import drawing, plots
from textmlr.evaluation.report.images import Images, figure
from textmlr.evaluation.report.shown_labels import ShownLabels
from textmlr.evaluation.true_labels import TrueLabels

FEW_LABELS = 25  # a confusion matrix of at most these has a number in each cell
NAMED_LABELS = 60  # it names at most these
MOST_LABELS = 400  # it shows at most these, those with the most errors
PAIRS = 40


def confusion_section(answered: TrueLabels, names: ShownLabels, images: Images) -> str:
    """The confusion matrix and the commonest errors."""
    if len(answered.names) <= FEW_LABELS:
        drawn = _draw_matrix(answered, names, range(len(answered.names)), numbers=True)
        text = figure(
            images,
            "confusion",
            drawn,
            "Confusion matrix: rows are labels, columns answers. Numbers are documents, shades "
            "their share of the label's documents.",
        )
    else:
        text = _large_confusion(answered, names, images)
    return text + names.key() + _pairs(answered)


def pair_section(answered: TrueLabels, images: Images) -> str:
    """The commonest errors of very many labels, and how the labels of those errors are confused:
    a map of all would be empty."""
    pairs = confusions(answered, 1)
    if pairs and pairs[0].count == 1:
        return "<p>No pair of labels is confused twice. Some that are once:</p>" + _pairs(answered)
    text, chosen = "", sorted(_most_confused(answered))
    if chosen:
        names = ShownLabels([answered.names[label] for label in chosen])
        text = _most_section(answered, names, chosen, images) + names.key()
    return text + _pairs(answered)


def _pairs(answered: TrueLabels) -> str:
    """The commonest errors as a table."""
    pairs = confusions(answered, PAIRS)
    if not pairs:
        return "<p>No document was taken for another label.</p>"
    support = np.bincount(answered.codes, minlength=len(answered.names))
    own = dict(zip(answered.names, support.tolist(), strict=True))
    rows = [
        (name_of(p.true), name_of(p.predicted), f"{p.count:,}", f"{p.count / own[p.true]:.1%}")
        for p in pairs
    ]
    which = "All errors, the commonest first:"
    if len(pairs) == PAIRS:
        which = f"The {PAIRS} commonest errors:"
    heads = ("label", "taken for", "documents", "of the label’s documents")
    return f"<p>{which}</p>" + table(heads, rows, (0, 1))


def _large_confusion(answered: TrueLabels, names: ShownLabels, images: Images) -> str:
    """Many labels: all in one map, and the most confused with numbers."""
    errors = _errors(answered)
    worst = np.argsort(-errors, kind="stable")[:MOST_LABELS]
    order = _clustered(answered, np.sort(worst))
    ticks = None if len(order) <= NAMED_LABELS else _spread(errors[order], NAMED_LABELS)
    some = "" if len(order) == len(errors) else f" (the {len(order):,} with the most errors)"
    whole = (
        f"Confusion matrix of all labels{some}: rows are labels, columns answers, shades the share "
        "of the label's documents. Labels that are taken for one another lie side by side"
        + ("." if ticks is None else "; those with the most errors are named.")
    )
    most = _most_confused(answered)
    chosen = [label for label in order.tolist() if label in most]
    text = figure(images, "confusion", _draw_matrix(answered, names, order, ticks=ticks), whole)
    if not chosen:
        return text
    return text + _most_section(answered, names, chosen, images)


def _most_section(
    answered: TrueLabels, names: ShownLabels, chosen: Sequence[int], images: Images
) -> str:
    """The labels of the commonest errors, with numbers."""
    return figure(
        images,
        "confusion-most",
        _draw_matrix(answered, names, chosen, numbers=True, rest=True),
        f"The {len(chosen)} labels of the commonest errors, with numbers of documents; “elsewhere” "
        "counts those taken for any other label.",
    )


def _draw_matrix(
    answered: TrueLabels,
    names: ShownLabels,
    labels: Sequence[int] | NDArray[np.int64],
    *,
    numbers: bool = False,
    rest: bool = False,
    ticks: Sequence[int] | None = None,
) -> tuple[bytes, bytes]:
    """The confusion matrix of some labels; with ``rest``, a last column of other answers."""
    chosen = np.asarray(labels, np.int64)
    place = np.full(len(answered.names), len(chosen), np.int64)
    place[chosen] = np.arange(len(chosen))
    rows, columns = place[answered.codes], place[answered.top]
    width = len(chosen) + 1
    flat = np.bincount(rows * width + columns, minlength=width * width)
    matrix = flat.reshape(width, width)[:-1]
    shown = [names[answered.names[label]] for label in chosen.tolist()]
    draw = partial(
        plots.confusion,
        matrix if rest else matrix[:, :-1],
        shown,
        [*shown, "elsewhere"] if rest else shown,
        totals=matrix.sum(axis=1),
        numbers=numbers,
        ticks=ticks,
    )
    return drawing.themed(draw, names.families)


def _errors(answered: TrueLabels) -> NDArray[np.int64]:
    """The errors of each label: its documents taken for others, and others' taken for it."""
    wrong = answered.codes != answered.top
    ends = np.concatenate([answered.codes[wrong], answered.top[wrong]])
    return np.bincount(ends, minlength=len(answered.names))


def _most_confused(answered: TrueLabels) -> set[int]:
    """Up to FEW_LABELS - 1 labels: those of the commonest errors."""
    code_of = {name: code for code, name in enumerate(answered.names)}
    chosen: set[int] = set()
    for pair in confusions(answered, 10 * FEW_LABELS):
        both = {code_of[pair.true], code_of[pair.predicted]}
        if len(chosen | both) < FEW_LABELS:
            chosen |= both
    return chosen


def _clustered(answered: TrueLabels, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels in an order in which those confused with one another lie side by side."""
    place = np.full(len(answered.names), len(labels), np.int64)
    place[labels] = np.arange(len(labels))
    width = len(labels) + 1
    flat = np.bincount(place[answered.codes] * width + place[answered.top], minlength=width**2)
    return clustered(flat.reshape(width, width)[:-1, :-1], labels)


def clustered(matrix: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels in another order: the leaves of average linkage, where the distance of two falls with
    the share of documents in their cells;  matrix  (r, r) documents of each pair of labels."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    distance = 1 / (1e-3 + shares + shares.T)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    order: NDArray[np.int64] = labels[leaves_list(tree)]
    return order


def _spread(errors: NDArray[np.int64], most: int) -> list[int]:
    """Places to name, those of the most errors first, so far apart that they can be read."""
    apart = max(1, -(-len(errors) // most))
    chosen: list[int] = []
    for place in np.argsort(-errors, kind="stable").tolist():
        if all(abs(place - other) >= apart for other in chosen):
            chosen.append(place)
    return sorted(chosen)
