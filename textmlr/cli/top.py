"""textmlr top: the words that speak most for and against each label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.errors import InputError
from textmlr.base.limits import MANY_LABELS
from textmlr.base.option_headings import SHOW
from textmlr.base.printable import plain, to_json
from textmlr.cli.model_argument import labels_option, takes_model
from textmlr.cli.shared_options import given, json_option, listed
from textmlr.cli.value_types import OneOfType
from textmlr.cli.verb import Verb, verb_option

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from textmlr.model.explanation.top_features import Feature, Ranking, Rankings, TopFeatures
    from textmlr.model.explanation.top_words import TopWord
    from textmlr.model.model import Model

A_TABLE_EACH = 12  # labels; more get a row each
FEATURES = 20  # in JSON
ROWS = 15  # of a table, which then fits a screen
WIDEST = 100  # characters: figures far from their names are hard to read
FEW_FEATURES = 6  # in a row
BY = ("contribution", "weight")
HEADINGS = {"weight": "weight", "contribution": "adds"}
CAPTIONS = {
    "contribution": "adds: nats that a word adds to the score where it occurs; the words that set\n"
    "documents apart most come first",
    "weight": "weight: nats that a word adds at value 1; the heaviest, often rare, come first",
}


@dataclass(frozen=True)
class _Shown:
    """What is shown of each label.

    by      orders
    ngrams  n-grams, too
    against  heads what speaks against each label
    """

    by: tuple[str, ...]
    ngrams: bool
    against: str

    def lists(self, one: TopFeatures) -> list[tuple[str, str, Ranking[Any]]]:
        """(kind, order, ranking) of each table of a label."""
        kinds: list[tuple[str, Rankings[Any]]] = [("word", one.words)]
        if self.ngrams:
            kinds.append(("n-gram", one.ngrams))
        found = []
        for kind, rankings in kinds:
            for by in self.by:
                ranking = rankings.by_weight if by == "weight" else rankings.by_contribution
                assert ranking is not None
                found.append((kind, by, ranking))
        return found


@click.command(cls=Verb)
@takes_model()
@labels_option("Show only this label; may be given again.")
@verb_option(
    "-k",
    "--features",
    "k",
    heading=SHOW,
    type=listed("k"),
    metavar="K",
    show_default=f"{ROWS}; {FEW_FEATURES} in a row of more than {A_TABLE_EACH} labels; "
    f"{FEATURES} with --json",
    help="Show K words for each label, and K against it.",
)
@verb_option(
    "--by",
    heading=SHOW,
    type=OneOfType([*BY, "both"]),
    show_default="contribution; both with --json; weight alone of more than 1,000 labels",
    help="First what sets documents apart most (contribution), or what weighs most (weight).",
)
@verb_option(
    "--ngrams", heading=SHOW, is_flag=True, help="Show the n-grams that words are made of, too."
)
@json_option
def top(
    model: str, labels: tuple[str, ...], k: int | None, by: str | None, ngrams: bool, as_json: bool
) -> None:
    """Say which words speak for and against each label.

    A word comes with its pieces: the shorter runs of letters in it that the model knows. A piece
    that stands in many words is shown with some of them: docu… (documentary, documents).

    "adds" says how much a word adds to the label's score where it occurs, beside the mean of all
    labels, in nats: 0.7 nats double the odds of the label. In a multi-label model each label has
    odds of its own, and there is no mean to compare with. First come the words that set documents
    apart most: they add much, in some documents and not in others. So the words that every document
    has are not among them.
    \f

    The order is that of the standard deviation, over the documents of training, of what a word
    adds: c/df * sqrt(p * (1 - p)), where c is the sum over the documents, df the documents that
    have it, and p their share. --json has it as "spread", and c as "contribution". With two labels,
    all concern the log-odds, unless the model is multi-label.

    --by weight puts first what adds most at value 1; these words are often rare. --ngrams lists
    features: char: marks n-grams of characters, and ␣ the space at a word's beginning or end.

    With hashing, only the heaviest columns have names: "good (+2)" is a column that 2 other n-grams
    share.

    \b
    Examples:
      textmlr top reviews.textmlr
      textmlr top genres.textmlr --label scifi -k 50 --by weight
      textmlr top genres.textmlr --label scifi --ngrams
      textmlr top reviews.textmlr --json
    """
    from textmlr.kernels.jit import run_plain

    run_plain()  # there is little to compute
    from textmlr.cli.warnings import warn
    from textmlr.model.explanation.top_features import top_features
    from textmlr.model.model import Model

    loaded = Model.load(model)
    if not labels and len(loaded.labels) > MANY_LABELS:
        raise InputError(
            f"has {len(loaded.labels):,} labels, too many to list the words of each",
            place=model,
            mend="name some of them: --label LABEL",
        )
    in_rows = k is None and len(labels or loaded.labels) > A_TABLE_EACH and not as_json
    k = k or (FEATURES if as_json else FEW_FEATURES if in_rows else ROWS)
    found = top_features(loaded, labels or None, k)
    by = by or ("both" if as_json else "contribution")
    shown = BY if by == "both" else (by,)
    if found[0].by_contribution is None:
        is_many = len(loaded.labels) > MANY_LABELS
        problem = "the model does not know the documents of its training"
        if is_many:
            problem = "of so many labels none has a part of the corpus that tells"
        if given("by") and by == "contribution":
            raise InputError(problem, place=model, mend="give --by weight")
        if not is_many:
            warn(f"by weight alone: {problem}")
        shown = ("weight",)
    if as_json:
        click.echo(to_json({"model": model, "labels": [_json(one, shown) for one in found]}))
    elif in_rows:
        _show_in_rows(found, _Shown(shown[:1], ngrams, "against"))
    else:
        _show_tables(found, loaded, shown, ngrams)


def _json(one: TopFeatures, shown: tuple[str, ...]) -> dict[str, Any]:
    """A label's figures in the orders that are shown."""
    dropped = {f"by_{name}" for name in BY if name not in shown}
    row = {key: value for key, value in one.as_dict().items() if key not in dropped}
    row["words"] = {key: value for key, value in row["words"].items() if key not in dropped}
    return row


def _show_tables(found: list[TopFeatures], model: Model, by: tuple[str, ...], ngrams: bool) -> None:
    # With two labels, what speaks for one speaks against the other, unless each is by itself.
    opposed = len(model.labels) == 2 and model.parts.head.is_relative
    found = found[:1] if opposed else found
    for one in found:
        other = [label for label in model.labels if opposed and label != one.label]
        shown = _Shown(by, ngrams, f"for {other[0]}" if len(other) == 1 else "against")
        _show(one, shown)
    for order in by:
        click.echo(CAPTIONS[order])
    _tell_of_others(found, _Shown(by, ngrams, ""))


def _show(one: TopFeatures, shown: _Shown) -> None:
    """Tables of one label."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    console.width = min(console.width, WIDEST)
    bias = "" if one.bias is None else f"  (bias {one.bias:+.3g})"
    click.secho(plain(one.label), bold=True, nl=False)
    click.echo(bias)
    for kind, by, ranking in shown.lists(one):
        table = _table()
        for side in (f"for {one.label}", shown.against):
            heading = Text(plain(side) if kind == "word" else f"{kind}s {plain(side)}")
            table.add_column(heading, ratio=1, no_wrap=True, overflow="ellipsis")
            table.add_column(HEADINGS[by], justify="right", no_wrap=True)
            table.add_column("docs", justify="right", no_wrap=True)
        for i in range(max(len(ranking.most_for), len(ranking.most_against))):
            cells = [*_cells(ranking.most_for, i, by), *_cells(ranking.most_against, i, by)]
            table.add_row(*cells)
        console.print(table)


def _show_in_rows(found: list[TopFeatures], shown: _Shown) -> None:
    from rich.console import Console
    from rich.text import Text

    for number in range(1 + shown.ngrams):
        table = _table()
        for column in ("label", "for", "against"):
            table.add_column(column, ratio=2 if column == "label" else 3, overflow="fold")
        for one in found:
            _, _, ranking = shown.lists(one)[number]
            names = [
                Text("  ".join(name_of(f) for f in side))
                for side in (ranking.most_for, ranking.most_against)
            ]
            table.add_row(Text(plain(one.label)), *names)
        Console().print(table)
    _tell_of_others(found, shown)
    click.echo("More of one label: --label LABEL; figures of all: -k 20, or --json")


def _cells(listed: list[Feature] | list[TopWord], i: int, by: str) -> list[str | Text]:
    """Name, figure and documents of the i-th of these, or nothing."""
    from rich.text import Text

    if i >= len(listed):
        return ["", "", ""]
    one = listed[i]
    figure = one.weight if by == "weight" else one.adds
    assert figure is not None
    name = Text(name_of(one))
    if words := getattr(one, "words", ()):
        name.append(" " + plain(", ".join(words)), "dim")
    return [name, f"{figure:+,.3f}", f"{one.documents:,}"]


def name_of(one: Feature | TopWord) -> str:
    """A name, safe to show, and how many others fall into the same column, if any."""
    from textmlr.features.names import readable

    name = readable(one.name) if hasattr(one, "name") else one.text
    return plain(name) + (f" (+{one.others})" if one.others else "")


def _tell_of_others(found: list[TopFeatures], shown: _Shown) -> None:
    """Say what (+2) is, if it was shown."""
    rankings = [ranking for one in found for _, _, ranking in shown.lists(one)]
    if any(f.others for r in rankings for f in (*r.most_for, *r.most_against)):
        click.echo(
            "(+2): 2 other n-grams of a sample of the corpus were hashed to the same column;\n"
            "it is named after the one that occurred most"
        )


def _table() -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, expand=True)
