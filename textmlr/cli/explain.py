"""textmlr explain: why a document has its label, word by word."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from textmlr.base.errors import InputError
from textmlr.base.option_headings import SHOW, WRITE
from textmlr.base.printable import JOINERS, plain, to_json
from textmlr.cli.document_file import read_document, shown_path
from textmlr.cli.model_argument import complete_labels, takes_model
from textmlr.cli.shared_options import json_option, listed
from textmlr.cli.verb import Verb, verb_option
from textmlr.kernels.jit import run_plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from textmlr.model.explanation.counterfactual import Counterfactual
    from textmlr.model.explanation.explanation import Contribution, Explanation

# For documents of up to so many bytes plain Python takes about as long as loading Numba's kernels
# (it reads a document three times, at about 20 µs a byte), and nothing has to be compiled.
PLAIN_BYTES = 1 << 12
MOST_BYTES = 1 << 24  # every word of a document becomes an object
KEPT = "\n\t" + JOINERS
# Styles of a word by strength, for and against the label: blue and orange, which all colour vision
# tells apart, and a line under orange.  Backgrounds have their own ink and are neither light nor
# dark, so that they stand out in any terminal.
FOR = ("", "#3b8ed0", "#ffffff on #54768f", "bold #ffffff on #0072ce")
AGAINST = (
    "",
    "underline #c8701a",
    "underline #ffffff on #8a6a4d",
    "bold underline #ffffff on #c25400",
)


@click.command(cls=Verb)
@takes_model("documents", "[DOC]")
@verb_option(
    "--label",
    heading=SHOW,
    metavar="LABEL",
    shell_complete=complete_labels,
    help="Explain this label.  [default: the likeliest]",
)
@verb_option(
    "--against",
    heading=SHOW,
    metavar="LABEL",
    shell_complete=complete_labels,
    help="Compare with this label.  [default: the mean of all others]",
)
@verb_option(
    "--flip",
    heading=SHOW,
    is_flag=True,
    help="Find the fewest words without which the label changes.",
)
@verb_option(
    "-k",
    "--features",
    heading=SHOW,
    type=listed("features"),
    default=10,
    show_default=True,
    metavar="K",
    help="Show K features for the label, and K against it.",
)
@verb_option("--whole", heading=SHOW, is_flag=True, help="Show all of a long document.")
@verb_option("--html", heading=WRITE, metavar="FILE", help="Also write one self-contained page.")
@json_option
def explain(
    model: str,
    documents: tuple[str, ...],
    label: str | None,
    against: str | None,
    flip: bool,
    features: int,
    whole: bool,
    html: str | None,
    as_json: bool,
) -> None:
    """Say why a document has its label.

    DOC is one document, whole; - or nothing reads standard input.

    The document comes first, each word coloured by the nats that it adds to the label's score, less
    the mean of what it adds to the others (or less what it adds to the --against label): blue for
    the label, orange and underlined against it, stronger words in stronger colours. In a pipe, or
    without colours, strong words carry their number: robot[+0.31]. More than 4,000 characters are
    cut to the parts around the strongest words. A word gets its share of every n-gram that it is
    in.

    Then a table shows the strongest features, how features and bias add up to the score, and how
    the score gives P = exp(score - log z), the P of textmlr classify. These shares are exact. For a
    model with hidden layers they are integrated gradients from the empty document, which add up to
    the score as well.

    With --flip it also finds the fewest words without which the likeliest label is another: each is
    replaced by a space wherever it occurs, and the rest is classified.

    \b
    Examples:
      textmlr explain doc.txt
      textmlr explain doc.txt --label scifi --against fantasy
      textmlr explain doc.txt --flip
      textmlr explain doc.txt --html why.html
    """
    if len(documents) > 1:
        raise click.UsageError("explain takes one DOC")
    document = documents[0] if documents else "-"
    text = read_document(document)
    if not text.strip():
        raise InputError("is empty", place=shown_path(document), mend="give a document with words")
    if len(text) > MOST_BYTES:
        raise InputError(
            f"has {len(text):,} bytes, and at most {MOST_BYTES:,} are explained",
            place=shown_path(document),
            mend="explain a part of it",
        )
    if html is not None:
        from textmlr.base.whole_files import check_writable

        check_writable(html, [document, model])
    if not flip and len(text) <= PLAIN_BYTES:
        run_plain()
    from textmlr.cli.answers import nothing_known
    from textmlr.cli.warnings import warn, warn_of_invalid
    from textmlr.model.explanation.explanation_page import write_page
    from textmlr.model.model import Model

    loaded = Model.load(model)
    explanation = loaded.explain(text, label, against)
    counterfactual = loaded.counterfactual(text) if flip else None
    sys.stdout.flush()
    if as_json:
        _print_json(document, explanation, counterfactual)
    else:
        _show(document, explanation, counterfactual, features, whole)
    if html is not None:
        write_page(
            html,
            explanation,
            counterfactual,
            document=shown_path(document),
            model=model,
            most=features,
        )
        if not as_json:
            click.echo(f"Page: {plain(html)}")
    # Each piece of invalid UTF-8 is one U+FFFD; the rest were in the text.
    warn_of_invalid(explanation.text.count("\ufffd") - text.count("\ufffd".encode()))
    if not explanation.features or explanation.method == "base rates":
        warn(nothing_known(len(loaded.base) > 0))


def _print_json(
    document: str, explanation: Explanation, counterfactual: Counterfactual | None
) -> None:
    about = {"document": shown_path(document), **explanation.as_dict()}
    if counterfactual is not None:
        about["flip"] = {k: v for k, v in counterfactual.as_dict().items() if k != "text"}
    click.echo(to_json(about))


def _show(
    document: str,
    explanation: Explanation,
    counterfactual: Counterfactual | None,
    most: int,
    whole: bool,
) -> None:
    from rich.console import Console

    from textmlr.model.explanation.excerpts import excerpts, method_of, sum_of, versus

    likeliest = explanation.answer
    click.secho(plain(shown_path(document)), bold=True)
    click.echo(
        f"  {plain(explanation.label)} {100 * explanation.probability:.1f} %, "
        f"{explanation.margin:+.4f} nats against {plain(versus(explanation))}"
    )
    if explanation.label != likeliest:
        share = 100 * explanation.probabilities[likeliest]
        click.echo(f"  The likeliest label is {plain(likeliest)}, {share:.1f} %.")
    click.echo()
    parts = excerpts(explanation, whole)
    if sys.stdout.isatty() and _has_colours(console := Console(highlight=False)):
        _show_coloured(console, explanation, parts)
    else:
        click.echo(_marked(explanation, parts))
    click.echo()
    if parts != [(0, len(explanation.text))]:
        shown = sum(stop - start for start, stop in parts)
        click.echo(f"({shown:,} of {len(explanation.text):,} characters; --whole shows all)\n")
    _show_table(explanation, most)
    click.echo(method_of(explanation))
    click.echo(sum_of(explanation))
    if counterfactual is not None:
        click.echo()
        click.echo(_visible(counterfactual.sentence()))


def _visible(text: str) -> str:
    """Text as a terminal may show it: line ends and joiners kept, all else as ``plain`` has it."""
    return plain(text.replace("\r\n", "\n"), KEPT)


def _has_colours(console: Console) -> bool:
    return console.color_system is not None and not console.no_color


def _show_coloured(
    console: Console, explanation: Explanation, parts: list[tuple[int, int]]
) -> None:
    from rich.text import Text

    from textmlr.model.explanation.excerpts import levels, pieces, versus

    strength = levels(explanation)
    shown = Text()
    for i, part in enumerate(parts):
        if i or part[0]:
            shown.append("\n…" if i else "…", "dim")
        for piece, number in pieces(explanation, part):
            style = ""
            if number is not None:
                styles = FOR if explanation.words[number].margin > 0 else AGAINST
                style = styles[strength[number]]
            shown.append(_visible(piece), style)
    if parts and parts[-1][1] < len(explanation.text):
        shown.append("…", "dim")
    shown.rstrip()
    label, other = plain(explanation.label), plain(versus(explanation))
    key = Text.assemble(
        ("for", FOR[1]),
        " ",
        (" for ", FOR[2]),
        " ",
        (" for ", FOR[3]),
        f" {label}, ",
        ("against", AGAINST[1]),
        " ",
        (" against ", AGAINST[2]),
        " ",
        (" against ", AGAINST[3]),
        f" it, beside {other}",
    )
    console.print(shown)
    console.print()
    console.print(key)


def _marked(explanation: Explanation, parts: list[tuple[int, int]]) -> str:
    """The document for a pipe: words of weight with what they add in brackets."""
    from textmlr.model.explanation.excerpts import levels, pieces

    strength = levels(explanation)
    made = []
    for part in parts:
        text = ""
        for piece, number in pieces(explanation, part):
            text += _visible(piece)
            if number is not None and strength[number]:
                text += f"[{explanation.words[number].margin:+.2f}]"
        before = "…" if part[0] else ""
        made.append(before + text + ("…" if part[1] < len(explanation.text) else ""))
    return "\n".join(made).rstrip("\n")


def _show_table(explanation: Explanation, most: int) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from textmlr.model.explanation.excerpts import (
        name_of,
        shown_features,
        start_of,
        versus,
        weight_of,
    )

    shown = shown_features(explanation, most)
    table = Table(box=SIMPLE_HEAD, show_footer=True)
    table.add_column("feature", "together", overflow="fold")
    table.add_column("times", justify="right")
    table.add_column("f(x)", justify="right")
    table.add_column(weight_of(explanation), justify="right")
    table.add_column("score", f"{explanation.score:+.4f}", justify="right")
    several = explanation.against is None and len(explanation.probabilities) > 2
    beside = "others" if several else plain(versus(explanation))
    table.add_column(Text(f"vs {beside}"), f"{explanation.margin:+.4f}", justify="right")

    def add(feature: Contribution, style: str) -> None:
        table.add_row(
            _named(_visible(name_of(feature)), style),
            f"{feature.count:,}",
            f"{feature.value:.4f}",
            f"{feature.weight:+.4f}",
            f"{feature.contribution:+.4f}",
            f"{feature.margin:+.4f}",
        )

    for feature in shown.in_favour:
        add(feature, FOR[1])
    if shown.others:
        together = (f"{shown.contribution:+.4f}", f"{shown.margin:+.4f}")
        table.add_row(f"{shown.others:,} others", "", "", "", *together)
    for feature in reversed(shown.against):
        add(feature, AGAINST[1].removeprefix("underline "))
    own = start_of(explanation)
    table.add_row(own, "", "", "", f"{explanation.bias:+.4f}", f"{explanation.bias_margin:+.4f}")
    Console(highlight=False).print(table)


def _named(name: str, style: str) -> Text:
    """A name for a table, without rich's markup."""
    from rich.text import Text

    return Text(name, style)
