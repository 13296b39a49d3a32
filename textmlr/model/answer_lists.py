"""A model's answers as lists of labels with their probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import check_flag, check_listed
from textmlr.base.errors import InputError
from textmlr.model.heads import ranked
from textmlr.model.label_choice import LabelChoice
from textmlr.model.ranked_answers import RankedAnswers

# The labels that are the model's answer, in place of a number of the likeliest.
ANSWER: Literal["answer"] = "answer"


class Answer(NamedTuple):
    """P(Y=label | x; θ) of one label for one document; label None is the answer "unsure", with
    the probability of the likeliest label."""

    label: str | None
    probability: float


def check_top(top: Any, least: Any, at_least_one: Any, is_multilabel: bool) -> None:
    """Raise InputError unless these say which labels of a document are listed."""
    if top is not None and not (type(top) in (int, str) and top in (1, ANSWER)):
        check_listed("top", top)
    if at_least_one is False:
        return
    check_flag("at_least_one", at_least_one)
    if at_least_one and not is_multilabel:
        mend = "leave at_least_one out"
        raise InputError("at_least_one: each document has one label by this model", mend=mend)
    if at_least_one and top != ANSWER:
        raise InputError("top and at_least_one exclude each other", mend="give one of them")
    if at_least_one and least:
        check_one_rule()


def check_one_rule() -> None:
    """Raise the InputError of asking for a label at least, and for none below a probability."""
    problem = "at_least_one and min_probability exclude each other"
    raise InputError(problem, mend="give one of them")


def lists_of(
    rows: NDArray[np.float64],
    labels: Sequence[str],
    top: int | Literal["answer"] | None,
    least: float,
    choice: LabelChoice | None,
) -> list[list[Answer]]:
    """Answers to documents, as ``Model.classify`` gives them.

    rows    (n, L), P of each label
    choice  of a multi-label model; None: a document has one label
    """
    if choice is not None and top == ANSWER:
        return [
            [Answer(labels[label], row[label]) for label in own]
            for own, row in zip(choice.lists(rows), rows.tolist(), strict=True)
        ]
    answers = []
    for row in rows.tolist():
        order = ranked(row, top if isinstance(top, int) else None)
        several = [Answer(labels[label], row[label]) for label in order]
        if choice is not None:
            several = [answer for answer in several if answer.probability >= least]
        elif row[order[0]] < least:
            several.insert(0, Answer(None, row[order[0]]))
        answers.append(several)
    return answers


def ranked_lists(
    ranked: Iterable[RankedAnswers],
    labels: Sequence[str],
    top: int | Literal["answer"] | None,
    least: float,
    several_labels: bool,
) -> list[list[Answer]]:
    """``lists_of`` of the likeliest labels of each document;  several_labels  of a multi-label
    model, by which labels below ``least`` are left out."""
    answers = []
    for block in ranked:
        rows = zip(block.labels.tolist(), block.probabilities.tolist(), strict=True)
        for own, p in rows:
            several = [Answer(labels[label], share) for label, share in zip(own, p, strict=True)]
            if several_labels:
                several = [answer for answer in several if answer.probability >= least]
            elif p[0] < least:
                unsure = Answer(None, p[0])
                several = [unsure] if top in (1, ANSWER) else [unsure, *several]
            answers.append(several)
    return answers


def likeliest_names(ranked: Iterable[RankedAnswers], labels: Sequence[str]) -> NDArray[Any]:
    """The likeliest label of each document: (n,) array of str."""
    numbers = [own for block in ranked for own in block.labels[:, 0].tolist()]
    out = np.empty(len(numbers), object)
    out[:] = [labels[number] for number in numbers]
    return out


def label_tuples(
    rows: NDArray[np.float64], labels: Sequence[str], choice: LabelChoice
) -> NDArray[Any]:
    """The labels of each document, the likeliest first: (n,) array of tuples of str."""
    out = np.empty(len(rows), object)
    for i, own in enumerate(choice.lists(rows)):
        out[i] = tuple(labels[label] for label in own)
    return out
