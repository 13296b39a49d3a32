"""An evaluation of very many labels in a terminal: one screen, whose last lines say the most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from textmlr.base.printable import plain, plural
from textmlr.cli.evaluation_screen import (
    ABOVE_CHANCE,
    ALL_COVERAGE_AT,
    ALL_RIGHT,
    WRONG_THOUGH_SURE,
    Figure,
    as_text,
    coverage_table,
    figures_table,
    grid,
    label_rows,
    look_at_probabilities,
    look_elsewhere,
    short_label,
    show,
    show_title,
    what_chance_is,
)

if TYPE_CHECKING:
    from rich.table import Table

    from textmlr.evaluation.evaluation import Evaluation
    from textmlr.evaluation.rank_figures import RankFigures, TopK, TrainingBand

# Of a screen of 24 lines; --all has more, and --json everything.
MOST_WORST = 2
MOST_ROWS = 20  # with --all: of lowest F1, and of most documents
COVERAGE_AT = (0.5, 0.8)
FEW_DOCUMENTS = 5  # in training: labels of fewer are rare
LESS = 0.8  # accuracy of rare labels that is worth a sentence, as a share of that of the others
LEAST_OF_BOTH = 100  # documents of rare and of other labels that such a sentence needs


def show_ranked(
    result: Evaluation,
    ranks: RankFigures,
    asked: tuple[float, ...],
    said: Sequence[str] = (),
    labels: Sequence[str] = (),
    *,
    everything: bool,
) -> None:
    """Show figures;  ranks  of the result, the rest as in ``evaluation_screen.show_evaluation``."""
    show_title(result, said)
    _show_labels(result, ranks.labels_with_documents, labels, everything=everything)
    repeated = [pair for pair in result.confused if pair.count > 1]
    for pair in result.confused if everything else repeated[:1]:
        true, answer = (short_label(name) for name in (pair.true, pair.predicted))
        show(as_text(f"{plural(pair.count, 'document')} of {true} taken for {answer}"), indent=2)
    at = {*(ALL_COVERAGE_AT if everything else COVERAGE_AT), *asked}
    show(as_text("where answers below P are left to a person:", soft=True), indent=2)
    show(coverage_table([row for row in result.coverage if row.min_probability in at]), indent=2)
    if everything and ranks.by_training:
        show(_by_training(ranks.by_training), indent=2)
    show(_at_ranks(ranks.at, everything=everything), indent=2)
    click.echo()
    show(figures_table(_figures(result, ranks, everything=everything)), indent=2)
    for sentence in (what_chance_is(result.chance), look_at_ranked(result, ranks)):
        show(as_text(sentence))


def _show_labels(
    result: Evaluation, labels_with_documents: int, asked: Sequence[str], *, everything: bool
) -> None:
    """The labels that are asked for; else those of lowest F1 and, with everything, of most
    documents."""
    if asked:
        chosen = [result.of_label(label) for label in dict.fromkeys(asked)]
        show(label_rows("label", chosen), indent=2)
        return
    if everything:
        show(label_rows("most documents", result.frequent(MOST_ROWS)), indent=2)
    worst = result.worst(MOST_ROWS if everything else MOST_WORST)
    show(label_rows("lowest F1", worst, plain if everything else short_label), indent=2)
    never, told = len(result.never_answered), f"{len(result.answered.names):,} labels in all"
    if never:
        told = f"never the answer: {never:,} of the {plural(labels_with_documents, 'label')} here"
    more = "" if everything else "; --label or --all shows more"
    show(as_text(told + more, soft=True), indent=2)


def _at_ranks(rows: Sequence[TopK], *, everything: bool) -> Table:
    """The figures of several likeliest labels, beside what they mean."""
    table = grid("likeliest labels", *(f"{row.k}" for row in rows), "meaning")
    lines: list[tuple[str, str, list[str]]] = [
        ("accuracy", "share with the label among them", _shares(r.accuracy for r in rows)),
        ("nDCG", "the earlier it comes, the more", _shares(r.ndcg for r in rows)),
        ("by propensity", "rare labels count more", _shares(r.propensity_scored for r in rows)),
    ]
    if everything:
        lines[1:1] = [
            ("  95 % from", "", _shares(row.interval[0] for row in rows)),
            ("  to", "", _shares(row.interval[1] for row in rows)),
            ("  chance", "always the commonest", _shares(row.chance for row in rows)),
        ]
    for name, meaning, cells in lines:
        if any(cells):
            table.add_row(as_text(name), *cells, as_text(meaning, soft=True))
    return table


def _shares(values: Iterable[float | None]) -> list[str]:
    return ["" if value is None else f"{value:.3f}" for value in values]


def _by_training(bands: Sequence[TrainingBand]) -> Table:
    """The figures of rare and of common labels."""
    table = grid("label in training", "labels", "documents", "accuracy", "top-5", "log loss")
    for band in bands:
        table.add_row(
            as_text(band_name(band)),
            f"{band.labels:,}",
            f"{band.documents:,}",
            f"{band.accuracy:.3f}",
            f"{band.wider:.3f}",
            f"{band.log_loss:.3f}",
        )
    return table


def band_name(band: TrainingBand) -> str:
    """How many documents of training the labels of a band have: 1 document, 5–9 documents."""
    last = band.below - 1
    many = f"{band.least:,}" if last <= band.least else f"{band.least:,}–{last:,}"
    return f"{many} document" + ("" if many == "1" else "s")


def _figures(result: Evaluation, ranks: RankFigures, *, everything: bool) -> list[Figure]:
    """The figures, the one that says the most last."""
    sure, even = result.intervals, result.chance
    more: list[Figure] = [
        ("median place", ranks.median_place, None, None, "of the label among all"),
        ("MRR", ranks.mean_reciprocal_rank, None, None, "mean of 1/place of the label"),
        ("macro-F1", result.macro_f1, sure.macro_f1, None, "mean of the labels' F1"),
    ]
    nats = "nats: −ln P of the true label"
    return [
        *(more if everything else []),
        ("ECE", result.ece, None, None, "gap of how sure and how right"),
        ("log loss", result.log_loss, sure.log_loss, even.log_loss, nats),
        ("accuracy", result.accuracy, sure.accuracy, even.accuracy, "share of right answers"),
    ]


def look_at_ranked(result: Evaluation, ranks: RankFigures) -> str:
    """The sentence on what to look at."""
    low, _ = result.intervals.accuracy
    if (elsewhere := look_elsewhere(result)) is not None:
        return elsewhere
    if low <= result.chance.accuracy:
        return ABOVE_CHANCE
    if (unsound := look_at_probabilities(result)) is not None:
        return unsound
    if (rare := _look_at_rare(ranks.by_training)) is not None:
        return rare
    if result.confused and result.confused[0].count > 1:
        pair = result.confused[0]
        true, answer = short_label(pair.true), short_label(pair.predicted)
        return f"Look at {true}, most often taken for {answer}: --report DIR shows more such pairs."
    if result.confused:
        return WRONG_THOUGH_SURE
    return ALL_RIGHT


def _look_at_rare(bands: Sequence[TrainingBand]) -> str | None:
    """The sentence on labels of few documents in training; None where the others fare as well."""
    rare = [band for band in bands if band.below <= FEW_DOCUMENTS]
    others = [band for band in bands if band.below > FEW_DOCUMENTS]
    if min(_documents(rare), _documents(others)) < LEAST_OF_BOTH:
        return None
    of_rare, of_others = _accuracy(rare), _accuracy(others)
    if of_rare > LESS * of_others:
        return None
    return (
        f"Look at labels of fewer than {FEW_DOCUMENTS} training documents: accuracy {of_rare:.3f}, "
        f"{of_others:.3f} of the others. More documents of them help."
    )


def _documents(bands: Iterable[TrainingBand]) -> int:
    return sum(band.documents for band in bands)


def _accuracy(bands: Sequence[TrainingBand]) -> float:
    return sum(band.accuracy * band.documents for band in bands) / _documents(bands)
