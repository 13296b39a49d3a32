"""What a user should know of a training or an update, a sentence each: documents that were skipped
or occur more than once, rare labels, features that were cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.printable import plain, plural
from textmlr.corpus.alike_labels import alike_notes, joined_notes
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import LabelSets
from textmlr.corpus.notes import FIRST_USED
from textmlr.features.stop_words import dropped
from textmlr.model.record import ExactRecord, OverlapRecord, SgdRecord
from textmlr.model.support_record import SupportRecord

if TYPE_CHECKING:
    from textmlr.corpus.duplicates import Overlap
    from textmlr.corpus.notes import ReadingNotes
    from textmlr.model.model import Model
    from textmlr.model.record import CutRecord, DuplicatesRecord, Record

MANY = 0.05  # share of a corpus that repeats another part of it
MOST_NAMED = 5
# Options by which a corpus may have no feature.
_DROPPING = ("min_df", "max_df", "min_token_length", "token_pattern", "stop_words")


def training_notes(corpus: Corpus, judges: Corpus | None, model: Model) -> list[str]:
    """What training left out, replaced or could not do.

    judges  the corpus of validation, if there was one
    """
    record = model.record
    corpora = [corpus] + ([judges] if judges else [])
    documents, held, options = record.corpus, record.held_out, record.options or {}
    assert documents is not None  # as training writes it
    assert held is not None
    return [
        *reading_notes(corpora),
        *invalid_notes(documents.invalid_utf8 or 0),
        *featurizer_notes(model.featurizer.options),
        *_cut_notes(record.cut),
        *_crowded_notes(record),
        *duplicate_notes(documents.doubles, documents.documents, corpus.is_multilabel),
        *alike_notes(corpus.labels),
        *joined_notes(corpus.labels),
        *_unparted_notes(corpus),
        *few_notes(corpus.labels, documents.per_label),
        *overlap_notes(
            held.overlap,
            len(corpora[-1]),
            "validation ",
            "the training corpus",
            "the figures on them are too good",
        ),
        *_stranger_notes(corpus, judges),
        *_unchecked_notes(record, held_out=held.documents, options=options),
        *(
            _empty_notes(model)
            or _never_notes(corpus.labels, held.never_answered, _of_rare_labels(record))
        ),
    ]


def _unparted_notes(corpus: Corpus) -> list[str]:
    """That a separator stands in no label."""
    signs = [one.separator for one in corpus.taken if one.separator is not None]
    several = any(FIRST_USED in note for note in corpus.notes)
    if isinstance(corpus.y, LabelSets):
        several = bool((corpus.y.sizes > 1).any())
    if several or not signs:
        return []
    sign = "tab" if signs[0] == "\t" else signs[0]
    return [
        f"no document has several labels with {sign} between: --label-separator takes nothing apart"
    ]


def _empty_notes(model: Model) -> list[str]:
    """That a model has no feature, or no weight, and by which options."""
    final, featurizer = model.record.final, model.featurizer
    so = "the model answers every document with the labels' shares"
    if isinstance(final, ExactRecord) and final.features_kept == 0:
        return [f"--l1 {final.l1:g} leaves no weight that is not 0: {so}; give a smaller --l1"]
    if featurizer.columns > int(featurizer.options.bias):
        return []
    usual = FeaturizerOptions()
    given = {name: getattr(featurizer.options, name) for name in _DROPPING}
    causes = [
        f"--{name.replace('_', '-')} {plain(str(value))}"
        for name, value in given.items()
        if value != getattr(usual, name)
    ]
    if not causes:
        return [f"no document has a word, so that no feature is left: {so}; give texts of words"]
    all_of = ", ".join(causes)
    leave = "leaves" if len(causes) == 1 else "leave"
    mend = "another value, or leave it out" if len(causes) == 1 else "other values"
    return [f"{all_of} {leave} no feature: {so}; give {mend}"]


def featurizer_notes(options: FeaturizerOptions) -> list[str]:
    """What is slow, and what stop words do nothing."""
    notes = []
    if options.has_own_tokens:
        what = "the tokenizer"
        if options.tokenizer is None:
            what = f"token pattern {plain(str(options.token_pattern))}"
        notes.append(
            f"{what} is slow: Python finds the words, about five times as slowly as textmlr finds "
            "those of its own rule"
        )
    unfound = dropped(options).unfound
    if unfound:
        named = ", ".join(map(plain, unfound[:MOST_NAMED]))
        more = f" and {len(unfound) - MOST_NAMED:,} more" if len(unfound) > MOST_NAMED else ""
        has = "stop word is" if len(unfound) == 1 else "stop words are"
        notes.append(
            f"{len(unfound):,} {has} no single word to the featurizer, and nothing is left out for "
            f"{'it' if len(unfound) == 1 else 'them'}: {named}{more}"
        )
    return notes


def _stranger_notes(corpus: Corpus, judges: Corpus | None) -> list[str]:
    """Which labels of validation documents training has not; sets of labels go without them."""
    if judges is None:
        return []
    known = set(corpus.labels)
    strangers = [label for label in judges.labels if label not in known]
    if not strangers:
        return []
    named = plain(", ".join(strangers[:MOST_NAMED]))
    more = f" and {len(strangers) - MOST_NAMED:,} more" if len(strangers) > MOST_NAMED else ""
    return [
        "the training corpus lacks "
        f"{plural(len(strangers), 'label')} of the validation documents, left out: {named}{more}"
    ]


def _unchecked_notes(record: Record, held_out: int, options: dict[str, object]) -> list[str]:
    """What could not be chosen, or not be reached."""
    final = record.final
    notes: list[str] = []
    if not held_out and options["holdout"]:
        if not isinstance(final, ExactRecord):
            notes.append(
                "too few documents to hold some out: the step size is the default, unchecked, and "
                "the probabilities are not calibrated (a validation file does both)"
            )
        elif options["l2"] is None:
            notes.append(
                "too few documents to hold some out: the penalty is the default, unchecked "
                "(give a validation file, or l2)"
            )
    own = record.thresholds
    if own is not None and own.micro_f1 is None and own.maximise != "utility":
        notes.append("no documents choose thresholds: labels answer where P is at least 0.5")
    if isinstance(final, ExactRecord):
        if not final.converged:
            notes.append(
                f"the tolerance of {options['tolerance']:g} is not met, only that of the "
                "certificate (weights of 32 bits may not allow more)"
            )
    elif isinstance(final, SgdRecord) and final.halvings:
        notes.append(
            f"the steps diverged, so that the step size was halved {final.halvings}× and epochs "
            "run again"
        )
    return notes


def _of_rare_labels(record: Record) -> str:
    """What makes more of rare labels and was not asked for, with a comma behind it."""
    options = record.options or {}
    if record.thresholds is not None:
        return "" if options.get("maximise") == "macro-f1" else "--maximise macro-f1, "
    return "" if options["class_weight"] else "--class-weight balanced, "


def _never_notes(labels: Sequence[str], never: Sequence[int], helps: str) -> list[str]:
    """Which labels were the answer to no held-out document, though some of these have them.

    helps  what makes more of rare labels, with a comma behind it
    """
    if not never:
        return []
    more = f" and {len(never) - MOST_NAMED:,} more" if len(never) > MOST_NAMED else ""
    named = ", ".join(plain(labels[number]) for number in never[:MOST_NAMED])
    verb = "is" if len(never) == 1 else "are"
    return [
        f"{plural(len(never), 'label')} {verb} never the answer to held-out documents (F1 0): "
        f"{named}{more}; {helps}more documents of such labels, or a smaller --min-df help"
    ]


def update_notes(after: Model, corpus: Corpus, judges: Corpus | None) -> list[str]:
    """What the last update left out or replaced, and which documents it has met before.

    judges  the corpus of validation, if there was one
    """
    update, trained = after.record.updates[-1], after.record.corpus
    assert trained is not None  # as an update writes it
    notes = [
        *reading_notes([corpus] + ([judges] if judges else [])),
        *invalid_notes(update.invalid_utf8 or 0),
        *duplicate_notes(update.doubles, len(corpus), corpus.is_multilabel),
        *alike_notes(after.labels),
        *few_notes(after.labels, trained.per_label),
        *overlap_notes(
            update.overlap,
            len(corpus),
            "new ",
            "the corpus that the model was trained on",
            "they are trained on again",
        ),
    ]
    if judges:
        assert update.compared is not None
        values = update.compared["overlap"]
        overlap = None if values is None else OverlapRecord(**values)
        so = "the figures on them are too good"
        notes += overlap_notes(overlap, len(judges), "test ", "the documents of training", so)
    return notes


def reading_notes(corpora: Iterable[Corpus | ReadingNotes]) -> list[str]:
    """What was left out of corpora, and how they were read."""
    notes: list[str] = []
    for corpus in corpora:
        notes += map(plain, corpus.notes)
        if corpus.skipped:
            first = f" (first: {corpus.skipped_examples[0]})" if corpus.skipped_examples else ""
            notes.append(f"skipped {plural(corpus.skipped, 'bad line')}{first}")
    return notes


def invalid_notes(invalid: int) -> list[str]:
    """How much text was not UTF-8."""
    if not invalid:
        return []
    return [f"{plural(invalid, 'piece')} of invalid UTF-8 read as U+FFFD"]


def duplicate_notes(
    duplicates: DuplicatesRecord | None, documents: int, several: bool = False
) -> list[str]:
    """Which documents of a corpus occur in it more than once.

    duplicates  as in a model's record, ``Duplicates.summary``
    documents   of the corpus
    several     whether they may have several labels
    """
    if duplicates is None:
        return []
    notes = []
    about = "" if duplicates.exact else "about "
    if duplicates.contradictory and duplicates.first is not None:
        (name, i), (other, j) = duplicates.first
        which = f"documents {i:,} and {j:,} of {plain(name)}"
        if name != other:
            which = f"document {i:,} of {plain(name)} and {j:,} of {plain(other)}"
        how = "first" if duplicates.exact else "two of them"
        notes.append(
            f"{about}{plural(duplicates.contradictory, 'document')} occur more than once with "
            f"different labels ({how}: {which})"
        )
    if duplicates.repeated >= MANY * documents:
        its = "its labels" if several else "its label"
        notes.append(
            f"{about}{duplicates.repeated:,} of {plural(documents, 'document')} repeat one before "
            f"them, with {its}: some are both trained on and held out, and figures on held-out "
            "documents are too good"
        )
    return notes


def few_notes(labels: Sequence[str], per_label: Sequence[int]) -> list[str]:
    """Which labels have fewer than two documents."""
    few = [label for label, count in zip(labels, per_label, strict=True) if count < 2]
    if not few:
        return []
    named = ", ".join(map(plain, few[:MOST_NAMED]))
    more = f" and {len(few) - MOST_NAMED:,} more" if len(few) > MOST_NAMED else ""
    have = "has only one document" if len(few) == 1 else "have only one document each"
    return [f"{plural(len(few), 'label')} {have}, and none to be judged by: {named}{more}"]


def overlap_notes(
    overlap: Overlap | OverlapRecord | None, documents: int, what: str, where: str, so: str
) -> list[str]:
    """How many documents also occur in another corpus.

    overlap  None where it is not known
    what     "validation ", or nothing;  where  the other corpus;  so  what follows
    """
    if overlap is None or not overlap.documents:
        return []
    about = "" if overlap.exact else "about "
    occur = "occurs" if overlap.documents == 1 else "occur"
    whole = plural(documents, f"{what}document")
    return [f"{about}{overlap.documents:,} of {whole} also {occur} in {where}; {so}"]


def _crowded_notes(record: Record) -> list[str]:
    """Which weights of a sparse θ the memory had no room for."""
    final = record.final
    if not isinstance(final, SupportRecord) or not final.crowded:
        return []
    have = "have" if final.crowded > 1 else "has"
    return [
        f"{plural(final.crowded, 'feature')} that occur in most labels {have} no weights: "
        "they do not fit in the memory allowed"
    ]


def _cut_notes(cut: CutRecord | None) -> list[str]:
    """Which features the memory had no room for."""
    notes: list[str] = []
    if cut is not None and cut.kept < cut.of:
        notes.append(
            f"{cut.of:,} features do not fit in the memory allowed, and the most frequent "
            f"{cut.kept:,} are kept"
        )
    if cut is not None and cut.missed:
        notes.append(
            "the n-grams do not fit in the memory allowed while they are counted, and rare ones "
            f"are left out: features of up to {plural(cut.missed, 'document')} may be missing, "
            "and the counts of others may be as much too small"
        )
    return notes
