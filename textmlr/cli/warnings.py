"""Warnings: documents that were skipped or occur more than once, rare labels, cut features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from textmlr.base.printable import plain, plural

if TYPE_CHECKING:
    from textmlr.corpus.corpus import Corpus
    from textmlr.corpus.duplicates import Overlap
    from textmlr.corpus.notes import ReadingNotes
    from textmlr.evaluation.labelled_answers import LabelledAnswers
    from textmlr.model.record import CutRecord, DuplicatesRecord, OverlapRecord, Record

MANY = 0.05  # share of a corpus that repeats another part of it
MOST_NAMED = 5


def warn_of_duplicates(duplicates: DuplicatesRecord | None, documents: int) -> None:
    """Say which documents of a corpus occur in it more than once.

    duplicates  as in a model's record, ``Duplicates.summary``
    documents   of the corpus
    """
    if duplicates is None:
        return
    about = "" if duplicates.exact else "about "
    if duplicates.contradictory and duplicates.first is not None:
        (name, i), (other, j) = duplicates.first
        which = f"documents {i:,} and {j:,} of {plain(name)}"
        if name != other:
            which = f"document {i:,} of {plain(name)} and {j:,} of {plain(other)}"
        how = "first" if duplicates.exact else "two of them"
        warn(
            f"{about}{plural(duplicates.contradictory, 'document')} occur more than once with "
            f"different labels ({how}: {which})"
        )
    if duplicates.repeated >= MANY * documents:
        warn(
            f"{about}{duplicates.repeated:,} of {plural(documents, 'document')} repeat one before "
            "them, with its label: some are both trained on and held out, and figures on held-out "
            "documents are too good"
        )


def warn_of_few(labels: Sequence[str], per_label: Sequence[int]) -> None:
    """Say which labels have fewer than two documents."""
    few = [label for label, count in zip(labels, per_label, strict=True) if count < 2]
    if few:
        named = ", ".join(map(plain, few[:MOST_NAMED]))
        more = f" and {len(few) - MOST_NAMED:,} more" if len(few) > MOST_NAMED else ""
        have = "has only one document" if len(few) == 1 else "have only one document each"
        warn(f"{plural(len(few), 'label')} {have}, and none to be judged by: {named}{more}")


def warn_of_overlap(
    overlap: Overlap | OverlapRecord | None, documents: int, what: str, where: str, so: str
) -> None:
    """Say how many documents also occur in another corpus.

    overlap  None where it is not known
    what     "validation ", or nothing;  where  the other corpus;  so  what follows
    """
    if overlap is None or not overlap.documents:
        return
    about = "" if overlap.exact else "about "
    occur = "occurs" if overlap.documents == 1 else "occur"
    whole = plural(documents, f"{what}document")
    warn(f"{about}{overlap.documents:,} of {whole} also {occur} in {where}; {so}")


def warn(message: str) -> None:
    """Print a warning to stderr; unprintable characters are escaped."""
    click.echo(click.style("Warning: ", fg="yellow") + plain(message), err=True)


def warn_of_skipped(corpora: Iterable[Corpus | ReadingNotes]) -> None:
    """Say what was left out of corpora, and how they were read."""
    for corpus in corpora:
        for note in corpus.notes:
            warn(plain(note))
        if corpus.skipped:
            first = f" (first: {corpus.skipped_examples[0]})" if corpus.skipped_examples else ""
            warn(f"skipped {plural(corpus.skipped, 'bad line')}{first}")


def warn_of_invalid(invalid: int) -> None:
    """Say how much text was not UTF-8."""
    if invalid:
        warn(f"{plural(invalid, 'piece')} of invalid UTF-8 read as U+FFFD")


def warn_of_answers(answered: LabelledAnswers, model: str = "the model") -> None:
    """Say which documents of a labelled corpus a model could not read, or has seen before."""
    warn_of_invalid(answered.invalid)
    warn_of_overlap(
        answered.overlap,
        len(answered),
        "",
        f"the corpus that {plain(model)} was trained on",
        "their accuracy says nothing",
    )
    strangers = answered.strangers
    if strangers:
        some = plain(", ".join(list(strangers)[:5]))
        warn(
            f"{plural(sum(strangers.values()), 'document')} with labels {plain(model)} does not "
            f"know ({some}); they count as wrong"
        )


def warn_of_corpus(corpora: Sequence[Corpus], record: Record) -> None:
    """Say what training left out, replaced or could not do.

    corpora  that of training, and that of validation if there was one
    """
    from textmlr.model.record import ExactRecord

    warn_of_skipped(corpora)
    corpus, held, options = record.corpus, record.held_out, record.options or {}
    assert corpus is not None  # as training writes it
    assert held is not None
    warn_of_invalid(corpus.invalid_utf8 or 0)
    _warn_of_cut(record.cut)
    warn_of_duplicates(corpus.doubles, corpus.documents)
    warn_of_few(corpora[0].labels, corpus.per_label)
    warn_of_overlap(
        held.overlap,
        len(corpora[-1]),
        "validation ",
        "the training corpus",
        "the figures on them are too good",
    )
    final = record.final
    if not held.documents and options["holdout"]:
        if not isinstance(final, ExactRecord):
            warn(
                "too few documents to hold some out: the step size is the default, unchecked, and "
                "the probabilities are not calibrated (give --validation FILE for both)"
            )
        elif options["l2"] is None:
            warn(
                "too few documents to hold some out: the penalty is the default, unchecked "
                "(give --validation FILE or --l2)"
            )
    if isinstance(final, ExactRecord) and not final.converged:
        warn(
            f"the tolerance of {options['tolerance']:g} is not met, only that of the certificate "
            "(weights of 32 bits may not allow more)"
        )


def _warn_of_cut(cut: CutRecord | None) -> None:
    """Say which features --memory had no room for."""
    if cut is None:
        return
    if cut.kept < cut.of:
        warn(
            f"{cut.of:,} features do not fit in --memory, and the most frequent "
            f"{cut.kept:,} are kept"
        )
    if cut.missed:
        warn(
            "the n-grams do not fit in --memory while they are counted, and rare ones are left "
            f"out: features of up to {plural(cut.missed, 'document')} may be missing, and "
            "the counts of others may be as much too small"
        )
