"""textmlr compare: two models on the same documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from textmlr.base.printable import to_json
from textmlr.cli.model_argument import takes_two_models
from textmlr.cli.shared_options import config_option, corpus_options, json_option, threads_option
from textmlr.cli.taken_rows import tables_said, taken_json
from textmlr.cli.verb import Verb
from textmlr.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from textmlr.corpus.taken_columns import Taken
    from textmlr.evaluation.comparison import Comparison, Difference
    from textmlr.evaluation.intervals import Interval
    from textmlr.evaluation.labelled_answers import Answered
    from textmlr.evaluation.multilabel.multilabel_comparison import MultilabelComparison


@click.command(cls=Verb)
@takes_two_models("corpora", "CORPUS...")
@corpus_options(weights=False)
@threads_option
@json_option
@config_option
def compare(
    models: tuple[str, str],
    corpora: tuple[str, ...],
    reading: ReadingOptions,
    threads: int | None,
    as_json: bool,
) -> None:
    """Say which of two models is better on CORPUS, and how surely.

    It shows accuracy and log loss of both, and the differences (B minus A) with 95 % intervals.
    McNemar's test, on the documents that only one model gets right, tells whether one is right more
    often. A bootstrap of the differences in log loss, document by document, tells whether its
    probabilities are better.

    Of more than a thousand labels it also shows how often a document's label is among the likeliest
    3, 5 and 10 (top-3 and so on).

    Models of several labels a document are compared by F1 (micro, macro and samples), by how often
    the likeliest label is right, and by log loss, all by the bootstrap.

    \f
    Labels are matched by their names; a label that a model does not know has probability 0 there.
    Documents that a model was trained on are counted, as by evaluate.

    \b
    Examples:
      textmlr compare old.textmlr new.textmlr test.tsv
      textmlr compare old.textmlr new.textmlr test.tsv --json
    """
    a, b = models
    from textmlr.cli.warnings import warn_of_answers, warn_of_skipped
    from textmlr.corpus.reading import read_corpus
    from textmlr.evaluation import model_evaluation
    from textmlr.model.model import Model

    first, second = Model.load(a), Model.load(b)
    usual = (*first.record.taken, *second.record.taken)
    model_evaluation.check_comparable(first, second)
    corpus = read_corpus(corpora, reading.for_model(first.is_multilabel), usual=usual)
    result = model_evaluation.compare(first, second, corpus, threads=threads)
    answers: tuple[Answered, ...] = result.answered
    if as_json:
        known = [one.overlap and asdict(one.overlap) for one in answers]
        about = {"models": [a, b], "overlap": known, **result.as_dict()}
        click.echo(to_json(about | {"taken": taken_json(corpus.taken)}))
    else:
        _show(result, a, b, tables_said(corpus.taken, usual, reading))
    warn_of_skipped([corpus])
    _warn_of_columns(corpus.taken, second.record.taken)
    for name, answered in zip((a, b), answers, strict=True):
        warn_of_answers(answered, name)


def _warn_of_columns(taken: Sequence[Taken], second: Sequence[Taken]) -> None:
    """Warn where B was trained on other columns of text than it is compared on."""
    from textmlr.cli.warnings import warn
    from textmlr.corpus.taken_columns import named

    read, own = ([one.text for one in of if one.text] for of in (taken, second))
    if read and own and not {*read} & {*own}:
        warn(
            f"B was trained on column {named(own[0])}, and both read column {named(read[0])}; "
            "--text-column says which to read"
        )


def _show(result: Comparison | MultilabelComparison, a: str, b: str, said: Sequence[str]) -> None:
    """Show the figures of both models; which is better comes last."""
    from rich.table import Table

    from textmlr.base.printable import plain, plural
    from textmlr.cli.evaluation_screen import as_text, grid, show
    from textmlr.cli.terminal import show_rows
    from textmlr.evaluation.comparison import p_of

    click.secho(f"Comparison on {plural(result.documents, 'document')}", bold=True)
    for sentence in said:
        show(as_text(sentence, soft=True), indent=2)
    show_rows([("A", plain(a)), ("B", plain(b))])
    table = grid("", "A", "B", "B − A", "95 %", "p")
    names = _figures(result)
    for name, of_a, of_b, difference in _differences(result):
        low, high = difference.interval
        p = p_of(difference.p, result.resamples).removeprefix("p ").removeprefix("= ")
        row = (f"{of_a:.4f}", f"{of_b:.4f}", f"{difference.value:+.4f}")
        table.add_row(name, *row, f"{low:+.3f} to {high:+.3f}", p)
    show(table, indent=2)
    words = Table.grid(padding=(0, 2, 0, 0))
    words.add_row(*_right(result))
    for name, figure in names.items():
        intervals = (getattr(side, f"{figure}_interval") for side in (result.a, result.b))
        words.add_row(name, _both(*intervals))
    words.add_row("p", _how(result))
    show(words, indent=2)
    click.echo()
    for sentence in result.verdict():
        show(as_text(sentence[0].upper() + sentence[1:]))


def _figures(result: Comparison | MultilabelComparison) -> dict[str, str]:
    """The figures that are shown: what they are called, and their names in the result."""
    from textmlr.evaluation.comparison import Comparison

    if isinstance(result, Comparison):
        return {"accuracy": "accuracy", "log loss": "log_loss"}
    return {
        "micro-F1": "micro_f1",
        "macro-F1": "macro_f1",
        "samples-F1": "samples_f1",
        "likeliest right": "precision_at_1",
        "log loss": "log_loss",
    }


def _differences(
    result: Comparison | MultilabelComparison,
) -> list[tuple[str, float, float, Difference]]:
    """The rows of the table: name, figure of A, of B, and the difference; of very many labels also
    how often the label is among the likeliest few."""
    from textmlr.evaluation.comparison import Comparison

    rows = [
        (name, getattr(result.a, figure), getattr(result.b, figure), getattr(result, figure))
        for name, figure in _figures(result).items()
    ]
    if isinstance(result, Comparison):
        rows[1:1] = [(f"top-{row.k}", row.a, row.b, row.difference) for row in result.at_rank]
    return rows


def _right(result: Comparison | MultilabelComparison) -> tuple[str, str]:
    """How many documents both, one or none of the models gets right."""
    from textmlr.evaluation.comparison import Comparison

    if isinstance(result, Comparison):
        name, counts = "right", (result.both, result.only_a, result.only_b, result.neither)
    else:
        name = "exact"
        counts = (result.exact_both, result.exact_a, result.exact_b, result.exact_neither)
    both, only_a, only_b, neither = counts
    return name, f"both {both:,}, only A {only_a:,}, only B {only_b:,}, neither {neither:,}"


def _how(result: Comparison | MultilabelComparison) -> str:
    """How p was found."""
    from textmlr.evaluation.comparison import Comparison

    if not isinstance(result, Comparison):
        return f"by {result.resamples:,} paired resamples"
    test = result.mcnemar
    how = test.test if test.statistic is None else f"{test.test} ({test.statistic:.2f})"
    return f"by McNemar's test, {how}; of log loss by {result.resamples:,} paired resamples"


def _both(a: Interval, b: Interval) -> str:
    from textmlr.cli.terminal import spread

    return f"A {spread(a)}, B {spread(b)} (95 %)"
