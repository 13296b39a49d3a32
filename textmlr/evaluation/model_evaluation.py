"""How good a model is on labelled documents, and which of two models is better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from textmlr.base.checks import MODEL_MEND, check_flag, check_kind, is_list, taken
from textmlr.base.errors import InputError
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.given_data import Data, Labels, as_corpus
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.evaluation.comparison import Comparison
from textmlr.evaluation.evaluation import Evaluation, check_evaluation_options, judge
from textmlr.evaluation.intervals import RESAMPLES
from textmlr.evaluation.labelled_answers import answer, answer_notes
from textmlr.evaluation.true_labels import TrueLabels
from textmlr.model.model import Model
from textmlr.training.training_notes import reading_notes
from textmlr.training.training_progress import console, tell_notes, tell_taken

if TYPE_CHECKING:
    from textmlr.evaluation.multilabel.multilabel_comparison import MultilabelComparison
    from textmlr.evaluation.multilabel.multilabel_evaluation import MultilabelEvaluation


def evaluate(
    model: Model,
    data: Data,
    labels: Labels | None = None,
    *,
    text: str | None = None,
    label: str | None = None,
    reading: ReadingOptions | None = None,
    min_probabilities: Sequence[float] = (),
    resamples: int = RESAMPLES,
    threads: int | None = None,
    verbose: bool = False,
) -> Evaluation | MultilabelEvaluation:
    """Compare a model's answers with the labels of documents.

    A model of several labels a document gives a MultilabelEvaluation, any other an Evaluation.

    model    a Model
    data     labelled documents, as textmlr.train takes them: texts, with their labels; the path of
             a file; a table; or a Corpus
    labels   one a text, or a list of labels each; None where data hold them
    text, label  names of a file's or table's columns; None: they have plain names
    reading  how files are read
    min_probabilities  further rows of coverage, see Evaluation; of several labels, of cuts
    resamples  for the 95 % intervals
    threads  None: one a processor.  Their number changes no bit
    verbose  show progress and warnings, which are logged at any rate
    Raises InputError for data that cannot be used, and for no documents.

    >>> import textmlr
    >>> model = textmlr.train("data/genres-train.tsv")
    >>> figures = textmlr.evaluate(model, "data/genres-test.tsv")
    >>> 0.6 < figures.accuracy < 0.9, round(figures.chance.accuracy, 3)
    (True, 0.083)
    """
    _check_model("model", model)
    check_flag("verbose", verbose)
    options = check_evaluation_options(min_probabilities, resamples, threads)
    corpus = _corpus_for([model], data, labels, text, label, reading)
    tell_taken(corpus, verbose=verbose)
    find, find_figures = _kind_of(model)[:2]
    with _watched(verbose, len(corpus)) as watch:
        answered = find(model, corpus, threads=threads, watch=watch)
    tell_notes([*reading_notes([corpus]), *answer_notes(answered)], verbose=verbose)
    figures: Evaluation | MultilabelEvaluation = find_figures(
        answered, min_probabilities=options, resamples=resamples, threads=threads
    )
    return figures


def compare(
    a: Model,
    b: Model,
    data: Data,
    labels: Labels | None = None,
    *,
    text: str | None = None,
    label: str | None = None,
    reading: ReadingOptions | None = None,
    threads: int | None = None,
    verbose: bool = False,
) -> Comparison | MultilabelComparison:
    """Say which of two models is better on labelled documents, and how surely.

    a, b  two Models.  Labels are matched by name: a true label that a model does not know has
          P = 0, and its answer counts as wrong
    data, labels, text, label, reading, threads, verbose  as in textmlr.evaluate

    >>> import textmlr
    >>> small = textmlr.train("data/genres-train.tsv", ngrams=(1, 1), char_ngrams=None)
    >>> whole = textmlr.train("data/genres-train.tsv")
    >>> comparison = textmlr.compare(small, whole, "data/genres-test.tsv")
    >>> comparison.documents, comparison.accuracy.p < 1
    (144, True)
    """
    _check_model("a", a)
    _check_model("b", b)
    check_flag("verbose", verbose)
    check_comparable(a, b)
    corpus = _corpus_for([a, b], data, labels, text, label, reading)
    tell_taken(corpus, verbose=verbose)
    answers: list[Any] = []
    find, _, find_difference = _kind_of(a)
    with _watched(verbose, 2 * len(corpus)) as watch:
        for model in (a, b):
            answers.append(find(model, corpus, threads=threads, watch=watch))
    notes = [
        note for name, one in zip("AB", answers, strict=True) for note in answer_notes(one, name)
    ]
    tell_notes([*reading_notes([corpus]), *notes], verbose=verbose)
    comparison: Comparison | MultilabelComparison = find_difference(*answers, threads=threads)
    return comparison


def _kind_of(model: Model) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """The functions that answer, judge and compare models of as many labels a document as it has;
    those of several labels are imported only for such a model."""
    if not model.is_multilabel:
        return answer, judge, Comparison.of
    from textmlr.evaluation.multilabel.multilabel_comparison import MultilabelComparison
    from textmlr.evaluation.multilabel.multilabel_evaluation import judge_sets
    from textmlr.evaluation.multilabel.set_answers import answer_sets

    return answer_sets, judge_sets, MultilabelComparison.of


def check_comparable(a: Model, b: Model) -> None:
    """Raise InputError unless both models give a document one label, or both any number."""
    if a.is_multilabel != b.is_multilabel:
        one, other = ("A", "B") if a.is_multilabel else ("B", "A")
        raise InputError(
            f"{one} gives a document any number of labels, and {other} gives it one",
            mend="compare models of one kind",
        )


def _corpus_for(
    models: Sequence[Model],
    data: Data,
    labels: Labels | None,
    text: str | None,
    label: str | None,
    reading: ReadingOptions | None,
) -> Corpus:
    """The corpus that models answer, with as many labels a document as they give."""
    usual = [one for model in models for one in model.record.taken]
    return as_corpus(
        data,
        labels,
        text=text,
        label=label,
        reading=reading,
        usual=usual,
        multilabel=models[0].is_multilabel,
    )


def _check_model(name: str, model: Any) -> None:
    if is_list(model) and not isinstance(model, Corpus | TrueLabels | Model):
        raise taken(
            name,
            model,
            "a Model",
            "call textmlr.Evaluation.of(labels, y, probabilities) for arrays",
        )
    check_kind(name, model, Model, MODEL_MEND)


@contextmanager
def _watched(verbose: bool, documents: int) -> Iterator[Callable[[int], None] | None]:
    """Show how many of the documents are answered;  gives the function to call with more."""
    if not verbose:
        yield None
        return
    from rich.progress import Progress

    with Progress(console=console(), transient=True) as progress:
        task = progress.add_task("evaluating", total=documents)
        yield lambda more: progress.advance(task, more)
