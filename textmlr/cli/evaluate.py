"""textmlr evaluate: a model's answers compared with the true labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.checks import check_label
from textmlr.base.option_headings import SHOW, WRITE
from textmlr.base.printable import plain, to_json
from textmlr.cli.model_argument import labels_option, takes_model
from textmlr.cli.shared_options import (
    check_output,
    config_option,
    corpus_options,
    json_option,
    reading_option,
    threads_option,
)
from textmlr.cli.taken_rows import tables_said, taken_json
from textmlr.cli.value_types import PROBABILITY
from textmlr.cli.verb import Verb, verb_option
from textmlr.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from textmlr.corpus.corpus import Corpus
    from textmlr.evaluation.curves import CurvePoint
    from textmlr.evaluation.evaluation import Evaluation
    from textmlr.evaluation.multilabel.multilabel_evaluation import MultilabelEvaluation
    from textmlr.model.model import Model


@click.command(cls=Verb)
@takes_model("corpora", "CORPUS...", required=True)
@verb_option(
    "--min-probability",
    "asked",
    heading=SHOW,
    type=PROBABILITY,
    multiple=True,
    metavar="P",
    help="Also show the figures of answers with probability P or more.",
)
@labels_option("Show the figures of this label; may be given again.")
@verb_option(
    "--all",
    "everything",
    heading=SHOW,
    is_flag=True,
    help="Show all labels, or 40 of more than a thousand, and more pairs that are confused.",
)
@verb_option(
    "--report",
    heading=WRITE,
    metavar="DIR",
    help="Write the page DIR/report.html and its figures as PNG (needs matplotlib).",
)
@verb_option(
    "--training",
    heading=WRITE,
    multiple=True,
    metavar="FILE",
    help="Draw a learning curve from this training corpus; it trains five models.",
)
@corpus_options(weights=False)
@reading_option("weight_column", help="Column of the weight in --training.")
@threads_option
@json_option
@config_option
def evaluate(
    model: str,
    corpora: tuple[str, ...],
    asked: tuple[float, ...],
    labels: tuple[str, ...],
    everything: bool,
    report: str | None,
    training: tuple[str, ...],
    reading: ReadingOptions,
    threads: int | None,
    as_json: bool,
) -> None:
    """Compare a model's answers with the labels of CORPUS.

    CORPUS is as for train. Accuracy and log loss stand beside what chance gives: the accuracy of
    always answering the commonest label of the training documents, and the log loss of the labels'
    shares in them. Intervals are of 95 % (bootstrap over the documents).

    The labels of lowest F1 come first, then the pairs of labels that are confused most; --all shows
    all. Lines of P tell how many answers are left, and how many of them are right, where answers
    below a probability are left to a person, as with classify --min-probability; --json has every
    hundredth. The Brier score and the expected calibration error (ECE, 15 bins of the top
    probability) tell how true the probabilities are.

    Of more than a thousand labels some are shown, and --label shows any. The likeliest 1, 3, 5 and
    10 labels of a document are judged, too: how often its own is among them (top-k accuracy), the
    same where rare labels count more (by propensity), and nDCG.

    A model of several labels a document is judged by F1 (micro, macro and samples) at its
    thresholds, beside that at 0.5 and the best that any thresholds could reach on CORPUS; by its
    likeliest labels; and by the labels that are said where another was.

    Documents that the model was trained on, byte for byte but for space around them, are counted:
    the answers to them say nothing about new ones.

    --report writes a page with figures: reliability, accuracy against coverage, confusions,
    precision and recall of each label at any threshold, the learning curve, and the text of the
    documents that are most confidently wrong.

    \b
    Examples:
      textmlr evaluate test.tsv
      textmlr evaluate -m reviews.textmlr test.tsv --json
      textmlr evaluate test.tsv --report report --training train.tsv
    """
    if training and report is None:
        raise click.UsageError("--training is for the learning curve of --report DIR")
    if reading.weight_column is not None and not training:
        raise click.UsageError("--weight-column is for --training: an evaluation has no weights")
    if report is not None:
        from textmlr.base.whole_files import make_folder
        from textmlr.evaluation.report.drawing import require
        from textmlr.evaluation.report.report_files import files_of

        require()
        make_folder(report)
        for path in files_of(report):
            check_output(path, [*corpora, *training], [model])
    from textmlr.cli.warnings import warn_of_answers, warn_of_skipped
    from textmlr.corpus.reading import read_corpus
    from textmlr.evaluation import model_evaluation
    from textmlr.model.model import Model

    loaded = Model.load(model)
    usual = loaded.record.taken
    unweighted = replace(reading, weight_column=None).for_model(loaded.is_multilabel)
    corpus = read_corpus(corpora, unweighted, usual=usual)
    for one in labels:  # before all documents are answered
        check_label(one, [*loaded.labels, *corpus.labels], model)
    result = model_evaluation.evaluate(loaded, corpus, min_probabilities=asked, threads=threads)
    summary = _figures(result, labels, everything=everything)
    summary["taken"] = taken_json(corpus.taken)
    if not as_json:
        said = tables_said(corpus.taken, usual, reading)
        _show(result, asked, said, labels, everything=everything)
    if report is not None:
        points = None
        if training:
            points = _learning_curve(loaded, training, corpus, reading, threads)
            summary["learning_curve"] = [asdict(point) for point in points]
        summary["report"] = _write_report(report, (model, loaded, corpus), result, points)
        if not as_json:
            click.echo(f"Report: {plain(summary['report'])}")
    if as_json:
        click.echo(to_json(summary))
    warn_of_skipped([corpus])
    warn_of_answers(result.answered)


def _write_report(
    folder: str,
    about: tuple[str, Model, Corpus],
    result: Evaluation | MultilabelEvaluation,
    points: Sequence[CurvePoint] | None,
) -> str:
    """Write the page;  about  the model's file, the model, and the documents."""
    from textmlr.evaluation.evaluation import Evaluation
    from textmlr.evaluation.report.page import Findings, write_report
    from textmlr.evaluation.report.set_page import SetFindings

    if isinstance(result, Evaluation):
        return write_report(folder, Findings(*about, result.answered, result, points))
    return write_report(folder, SetFindings(*about, result.answered, result, points))


def _figures(
    result: Evaluation | MultilabelEvaluation, labels: Sequence[str], *, everything: bool
) -> dict[str, Any]:
    """The figures as JSON values; of very many labels the rows of some, or of those asked for."""
    from textmlr.evaluation.evaluation import Evaluation

    if isinstance(result, Evaluation):
        return result.as_dict(labels=labels, everything=everything)
    return result.as_dict()


def _show(
    result: Evaluation | MultilabelEvaluation,
    asked: tuple[float, ...],
    said: Sequence[str],
    labels: Sequence[str],
    *,
    everything: bool,
) -> None:
    from textmlr.evaluation.evaluation import Evaluation

    if isinstance(result, Evaluation) and result.ranks is not None:
        from textmlr.cli.rank_screen import show_ranked

        show_ranked(result, result.ranks, asked, said, labels, everything=everything)
    elif isinstance(result, Evaluation):
        from textmlr.cli.evaluation_screen import show_evaluation

        show_evaluation(result, asked, said, labels, everything=everything)
    else:
        from textmlr.cli.multilabel_screen import show_multilabel

        show_multilabel(result, asked, said, labels, everything=everything)


def _learning_curve(
    model: Model,
    training: tuple[str, ...],
    test: Corpus,
    reading: ReadingOptions,
    threads: int | None,
) -> list[CurvePoint]:
    from textmlr.base.printable import plural
    from textmlr.cli.warnings import warn_of_skipped
    from textmlr.corpus.reading import read_corpus
    from textmlr.evaluation.curves import learning_curve

    weighted = model.record.corpus is not None and bool(model.record.corpus.weighted)
    own = replace(reading, weighted=weighted).for_model(model.is_multilabel)
    corpus = read_corpus(training, own, usual=model.record.taken)
    warn_of_skipped([corpus])

    def watch(documents: int) -> None:
        click.echo(f"learning curve: training on {plural(documents, 'document')}…", err=True)

    return learning_curve(model, corpus, test, threads=threads, watch=watch)
