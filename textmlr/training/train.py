"""train: labelled documents in, whatever holds them, a Model out."""

from __future__ import annotations

from typing import Any

from textmlr.base.checks import check_callable, check_flag
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_keywords import stages_of, takes_options
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.given_data import Data, Labels, Weights, given_corpora
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.model.model import Model
from textmlr.training.corpus_training import train_corpus
from textmlr.training.training_events import Watch
from textmlr.training.training_notes import training_notes
from textmlr.training.training_progress import TrainingProgress, both, tell_notes, tell_taken

STAGES = {"featurizer_options": FeaturizerOptions, "training_options": TrainingOptions}
OTHERS = (
    "data",
    "labels",
    "text",
    "label",
    "weights",
    "validation",
    "reading",
    "multilabel",
    "threads",
    "verbose",
)


@takes_options(STAGES)
def train(
    data: Data,
    labels: Labels | None = None,
    *,
    text: str | None = None,
    label: str | None = None,
    weights: Weights | str | None = None,
    reading: ReadingOptions | None = None,
    multilabel: bool | None = None,
    validation: Data | tuple[Any, Any] | None = None,
    threads: int | None = None,
    verbose: bool = False,
    watch: Watch | None = None,
    **options: Any,
) -> Model:
    """Train a Model on labelled documents.

    data        texts, with their labels beside them: lists, arrays, Series, columns of tables;
                or a table (a DataFrame of pandas or polars, an Arrow table, a data set of Hugging
                Face's, a dict of columns), or the path of a file or a list of paths, whose
                columns hold both; or a Corpus
    labels      one a text: str, int or bool, or a list of them.  None where data hold them
    text, label  names of the columns of a table or file; None: they have plain names
    weights     one a text, or the name of a column.  None: each document counts 1
    reading     ReadingOptions: how files are read
    multilabel  whether a document has a set of labels, each learnt by itself; None: where one has
                several.  With False the first of each counts
    validation  documents to choose by, in place of a held-out part: data as above that hold their
                labels, or (texts, labels)
    threads     None: one a processor.  Their number changes no bit of the model
    verbose     show progress, on stderr or in a notebook, and warnings.  The logger "textmlr" has
                both in any case
    watch       called with each event of ``textmlr.training.training_events`` as training goes
    Raises InputError if the data cannot be trained on; it says what to do.

    >>> import textmlr
    >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a sheriff"]
    >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
    >>> model.labels
    ['scifi', 'western']
    >>> model.classify(["my robot"])[0][0].label
    'scifi'
    >>> sets = [["scifi"], ["western"], ["scifi", "comedy"], ["western", "comedy"]]
    >>> textmlr.train(texts, sets).is_multilabel
    True
    >>> textmlr.train("data/genres-train.tsv", ngrams=(1, 1), epochs=2).labels[:2]
    ['adventure', 'comedy']
    """
    check_flag("verbose", verbose)
    check_callable("watch", watch)
    featurizer, training = stages_of(options, STAGES, OTHERS, {"reading": ReadingOptions})
    with TrainingProgress(quiet=not verbose) as progress:
        progress.reading()
        own = data, labels, text, label, weights, reading, validation
        corpus, judges = given_corpora(*own, multilabel=multilabel)
        tell_taken(corpus, verbose=verbose)
        told = both(progress.watch, watch)
        model = train_corpus(
            corpus, featurizer, training, validation=judges, threads=threads, watch=told
        )
    tell_notes(training_notes(corpus, judges, model), verbose=verbose)
    return model
