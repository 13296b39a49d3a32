"""How results look in a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from textmlr.corpus import Corpus
    from textmlr.evaluation import Answered

BAR = 30
EIGHTHS = " ▏▎▍▌▋▊▉█"


def plain(text: str) -> str:
    """Text that is safe to show: control characters, line ends and direction marks escaped."""
    return "".join(
        c if unicodedata.category(c)[0] != "C" else c.encode("unicode_escape").decode()
        for c in text
    )


def bar(share: float, width: int = BAR) -> str:
    """A bar of the given share (0 to 1) of width cells, in eighths of a cell."""
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def warn(message: str) -> None:
    """A warning, on stderr."""
    click.echo(click.style("Warning: ", fg="yellow") + message, err=True)


def plural(count: int, noun: str) -> str:
    """1 document, 2,000 documents."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def size_of(count: int) -> str:
    """Bytes in a unit fit to read."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"


def warn_of_skipped(corpora: Iterable[Corpus]) -> None:
    """Say what was left out of corpora."""
    for corpus in corpora:
        if corpus.skipped:
            first = f" (first: {corpus.skipped_examples[0]})" if corpus.skipped_examples else ""
            warn(f"skipped {plural(corpus.skipped, 'bad line')}{first}")


def warn_of_invalid(invalid: int) -> None:
    """Say how much text was not UTF-8."""
    if invalid:
        warn(f"{plural(invalid, 'piece')} of invalid UTF-8 read as U+FFFD")


def warn_of_answers(answered: Answered, model: str = "the model") -> None:
    """Say what of a labelled corpus a model could not read or answer."""
    warn_of_invalid(answered.invalid)
    strangers = answered.strangers
    if strangers:
        some = plain(", ".join(list(strangers)[:5]))
        warn(
            f"{plural(sum(strangers.values()), 'document')} with labels {plain(model)} does not "
            f"know ({some}); they count as wrong"
        )


def spread(interval: tuple[float, float]) -> str:
    """An interval of a figure: 0.909–0.916."""
    return "–".join(f"{end:.3f}" for end in interval)


def warn_of_corpus(corpora: Sequence[Corpus], record: dict[str, Any]) -> None:
    """Say what training left out, replaced or could not do."""
    warn_of_skipped(corpora)
    warn_of_invalid(record["corpus"]["invalid_utf8"])
    if not record["held_out"]["documents"] and record["options"]["holdout"]:
        warn(
            "too few documents to hold some out; the step size is the default, unchecked, and "
            "the probabilities are not calibrated (give --validation FILE for both)"
        )


def show_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Name and value, a pair a line."""
    pairs = list(rows)
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"  {name:<{width}}  {value}")


def fit_rows(record: dict[str, Any]) -> list[tuple[str, str]]:
    """What was held out, chosen and reached, from a model's record."""
    held, final = record["held_out"], record["final"]
    rows = []
    if held["documents"]:
        source = "validation file" if held["from"] == "validation" else "corpus"
        rows.append(("held out", f"{plural(held['documents'], 'document')} of the {source}"))
        rows.append(("accuracy", f"{held['accuracy']:.4f} (held out)"))
        rows.append(("log loss", f"{held['loss']:.4f} nats (held out)"))
    scale = f" × idf^{final['idf_power']:g}" if final["idf_power"] else ""
    over = plural(final["epochs"], "epoch")
    rows.append(("step size", f"{final['learning_rate']:g}{scale} over {over}"))
    if final["factor"] != 1:
        rows.append(("factor", f"{final['factor']:.3g} × scores (calibrated)"))
    if final["halvings"]:
        rows.append(("", f"halved {final['halvings']}× because it diverged"))
    return rows


def show_summary(summary: dict[str, Any]) -> None:
    """What training came to, and what to do next."""
    model = summary["model"]
    seconds = f"{summary['seconds']:.1f}"
    if summary["compile_seconds"]:
        seconds += f", of which compiling kernels {summary['compile_seconds']:.1f} (first run only)"
    click.secho(f"Trained {plain(model)}", bold=True)
    show_rows(
        [
            ("documents", f"{summary['documents']:,}"),
            ("labels", f"{summary['labels']:,}"),
            ("features", f"{summary['features']:,}"),
            *fit_rows(summary),
            ("file size", size_of(summary["bytes"])),
            ("seconds", seconds),
        ]
    )
    option = "" if model == "model.textmlr" else f" -m {plain(model)}"
    click.echo(f"Next: textmlr classify{option} doc.txt")
