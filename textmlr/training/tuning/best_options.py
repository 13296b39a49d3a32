"""tune: a search for better options, on labelled documents, whatever holds them."""

from __future__ import annotations

from dataclasses import fields
from os import PathLike
from typing import Any

from textmlr.base.checks import check_callable, check_flag
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_keywords import stages_of, takes_options
from textmlr.base.training_options import TrainingOptions
from textmlr.base.tuning_options import TuningOptions
from textmlr.corpus.given_data import Data, Labels, Weights, given_corpora
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.training.training_notes import training_notes
from textmlr.training.training_progress import both, tell_notes, tell_taken
from textmlr.training.tuning.events import TuningResult, Watch
from textmlr.training.tuning.search import search_settings
from textmlr.training.tuning.trial_tables import TuningProgress

STAGES = {
    "featurizer_options": FeaturizerOptions,
    "training_options": TrainingOptions,
    "tuning_options": TuningOptions,
}
OTHERS = ("data", "labels", "text", "label", "weights", "validation", "reading", "journal")


@takes_options(STAGES)
def tune(
    data: Data,
    labels: Labels | None = None,
    *,
    text: str | None = None,
    label: str | None = None,
    weights: Weights | str | None = None,
    reading: ReadingOptions | None = None,
    validation: Data | tuple[Any, Any] | None = None,
    journal: str | PathLike[str] | None = None,
    threads: int | None = None,
    verbose: bool = False,
    watch: Watch | None = None,
    **options: Any,
) -> TuningResult:
    """Search for the options whose model answers held-out documents best, and train that model.

    Options that are given stay as given, and the others are searched.  The same trials give the
    same model, whatever the time and threads they took; their number in a given time may differ
    from run to run.

    data ... reading  as ``textmlr.train`` takes them
    validation  documents to judge by, in place of a held-out part
    journal     file that each trial is written to; the same search resumes from there
    threads     None: one a processor.  Their number changes no trial
    verbose     show the best trials so far, on stderr or in a notebook, and warnings
    watch       called with each event of ``textmlr.training.tuning.events``, one thread at a time
    Raises InputError if the data cannot be trained on, or the journal is of another search.

    >>> import textmlr
    >>> found = textmlr.tune("data/genres-train.tsv", seconds=None, trials=1)
    >>> len(found.trials), found.best == found.default  # the first trial is train's own
    (1, True)
    >>> found.model.labels[:2]
    ['adventure', 'comedy']
    """
    check_flag("verbose", verbose)
    check_callable("watch", watch)
    featurizer, training, tuning = stages_of(options, STAGES, OTHERS, {"reading": ReadingOptions})
    searched = {one.name for stage in (featurizer, training) for one in fields(stage)}
    whole = {
        one.name
        for stage, name in ((featurizer, "featurizer_options"), (training, "training_options"))
        if name in options
        for one in fields(stage)
        if getattr(stage, one.name) != one.default
    }
    with TuningProgress(
        tuning, "" if journal is None else str(journal), quiet=not verbose
    ) as progress:
        corpus, judges = given_corpora(data, labels, text, label, weights, reading, validation)
        tell_taken(corpus, verbose=verbose)
        tuned = search_settings(
            corpus,
            featurizer,
            training,
            tuning,
            fixed=(searched & options.keys()) | whole,
            validation=judges,
            threads=threads,
            journal=journal,
            watch=both(progress.watch, watch),
        )
    tell_notes(training_notes(corpus, judges, tuned.model), verbose=verbose)
    return tuned
