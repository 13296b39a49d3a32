"""update: a model and further labelled documents, whatever holds them, in; a new Model out."""

from __future__ import annotations

from typing import Any

from textmlr.base.checks import MODEL_MEND, check_callable, check_flag, check_kind
from textmlr.base.option_keywords import stages_of, takes_options
from textmlr.base.update_options import UpdateOptions
from textmlr.corpus.alike_labels import joined_notes
from textmlr.corpus.given_data import Data, Labels, Weights, given_corpora
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.model.model import Model
from textmlr.training.training_events import Watch
from textmlr.training.training_notes import update_notes
from textmlr.training.training_progress import TrainingProgress, both, tell_notes, tell_taken
from textmlr.training.update.model_update import update_model

STAGES = {"update_options": UpdateOptions}
OTHERS = ("model", "data", "labels", "text", "label", "weights", "validation", "reading")


@takes_options(STAGES)
def update(
    model: Model,
    data: Data,
    labels: Labels | None = None,
    *,
    text: str | None = None,
    label: str | None = None,
    weights: Weights | str | None = None,
    reading: ReadingOptions | None = None,
    validation: Data | tuple[Any, Any] | None = None,
    threads: int | None = None,
    verbose: bool = False,
    watch: Watch | None = None,
    **options: Any,
) -> Model:
    """A new model of the old documents and further ones, made from the old model and the new
    documents alone; the old model stays as it is.

    Labels and features that the model lacks are added.  Old features keep their idf, new n-grams
    have to be in min_df of the new documents, and the calibration stays, as do the thresholds of
    labels; a new label gets their median.  The time it takes grows with the new documents and the
    size of θ.

    data ... reading  as ``textmlr.train`` takes them; of a model of several labels a document any
                number of labels each, none too
    validation  documents to compare the answers on before and after, in place of a held-out part
    threads     None: one a processor.  Their number changes no bit of the model
    verbose     show progress and warnings, as in ``textmlr.train``
    watch       called with a Stage, a SolverStep of the solver or a Progress of SGD, as it goes
    The comparison is in the last of the new model's record.updates.
    Raises InputError if no document counts, or the model cannot be updated.

    >>> import textmlr
    >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a sheriff"]
    >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
    >>> textmlr.update(model, ["a wedding kiss"], ["romance"]).labels
    ['romance', 'scifi', 'western']
    """
    check_kind("model", model, Model, MODEL_MEND)
    check_flag("verbose", verbose)
    check_callable("watch", watch)
    (own,) = stages_of(options, STAGES, OTHERS, {"reading": ReadingOptions})
    with TrainingProgress(quiet=not verbose) as progress:
        progress.reading()
        usual = model.record.taken
        corpus, judges = given_corpora(
            data,
            labels,
            text,
            label,
            weights,
            reading,
            validation,
            usual,
            multilabel=model.is_multilabel,
        )
        tell_taken(corpus, verbose=verbose)
        tell_notes(joined_notes(corpus.labels, model.labels), verbose=verbose)
        told = both(progress.watch, watch)
        after = update_model(model, corpus, own, validation=judges, threads=threads, watch=told)
    tell_notes(update_notes(after, corpus, judges), verbose=verbose)
    return after
