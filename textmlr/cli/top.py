"""textmlr top: the features that speak most for and against each label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from textmlr.base.option_headings import SHOW
from textmlr.base.printable import to_json
from textmlr.cli.model_argument import complete_labels, takes_model
from textmlr.cli.shared_options import json_option, listed
from textmlr.cli.value_types import OneOfType
from textmlr.cli.verb import Verb, verb_option

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from textmlr.model.explanation.top_features import Feature, Ranking, TopFeatures

MANY_LABELS = 12  # more get a row each
FEATURES = 20
WIDEST = 100  # characters: figures far from their names are hard to read
FEW_FEATURES = 6  # in a row
BY = ("weight", "contribution")
HEADINGS = {"weight": "weight", "contribution": "nats"}
TITLES = {"weight": "by weight", "contribution": "by contribution over the training corpus (nats)"}


@click.command(cls=Verb)
@takes_model()
@verb_option(
    "--label",
    "labels",
    heading=SHOW,
    multiple=True,
    metavar="LABEL",
    shell_complete=complete_labels,
    help="Show only this label; may be given again.",
)
@verb_option(
    "-k",
    "--features",
    "k",
    heading=SHOW,
    type=listed("k"),
    metavar="K",
    show_default=f"{FEATURES}; {FEW_FEATURES} in a row of more than {MANY_LABELS} labels",
    help="Show K features.",
)
@verb_option(
    "--by",
    heading=SHOW,
    type=OneOfType([*BY, "both"]),
    default="both",
    show_default=True,
    help="Rank features by this.",
)
@json_option
def top(model: str, labels: tuple[str, ...], k: int | None, by: str, as_json: bool) -> None:
    """Say which features speak for and against each label.

    By contribution, features are ranked by the nats that they added to the label's score, beyond
    the mean of all labels' scores, over all documents of the training corpus. By weight, they are
    ranked by the nats that a value of 1 adds; rare features often come first. With two labels, both
    concern the log-odds.

    char: marks n-grams of characters, and ␣ the space at a word's beginning or end. With hashing,
    only the heaviest columns have names: "good (+2)" is a column that 2 other n-grams share.

    \b
    Examples:
      textmlr top reviews.textmlr
      textmlr top genres.textmlr --label scifi -k 50 --by weight
      textmlr top reviews.textmlr --json
    """
    from textmlr.kernels.jit import run_plain

    run_plain()  # there is little to compute
    from textmlr.base.errors import InputError
    from textmlr.cli.warnings import warn
    from textmlr.model.explanation.top_features import top_features
    from textmlr.model.model import Model

    loaded = Model.load(model)
    in_rows = k is None and len(labels or loaded.labels) > MANY_LABELS and not as_json
    k = k or (FEW_FEATURES if in_rows else FEATURES)
    found = top_features(loaded, labels or None, k)
    shown = BY if by == "both" else (by,)
    if found[0].by_contribution is None:
        if by == "contribution":
            raise InputError(
                "the model does not know the documents of its training",
                place=model,
                mend="give --by weight",
            )
        warn("by weight alone: the model does not know the documents of its training")
        shown = ("weight",)
    if as_json:
        dropped = {f"by_{name}" for name in BY if name not in shown}
        rows = [one.as_dict() for one in found]
        kept = [{key: value for key, value in row.items() if key not in dropped} for row in rows]
        click.echo(to_json({"model": model, "labels": kept}))
    elif in_rows:
        _show_in_rows(found, shown[0])
        _tell_of_others(found, shown[:1])
    else:
        # With two labels, features for one speak against the other.
        found = found[:1] if len(loaded.labels) == 2 else found
        for one in found:
            other = [label for label in loaded.labels if label != one.label]
            _show(one, f"for {other[0]}" if len(other) == 1 else "against", shown)
        _tell_of_others(found, shown)


def _show(one: TopFeatures, against: str, shown: tuple[str, ...]) -> None:
    """Tables of one label; ``against`` heads the features against it."""
    from rich.console import Console
    from rich.text import Text

    from textmlr.base.printable import plain

    console = Console()
    console.width = min(console.width, WIDEST)
    bias = "" if one.bias is None else f"  (bias {one.bias:+.3g})"
    click.secho(plain(one.label), bold=True, nl=False)
    click.echo(bias)
    for by in shown:
        ranking = _ranking(one, by)
        table = _table(TITLES[by])
        for side in (f"for {one.label}", against):
            heading = Text(plain(side))
            table.add_column(heading, ratio=1, no_wrap=True, overflow="ellipsis")
            table.add_column(HEADINGS[by], justify="right", no_wrap=True)
            table.add_column("docs", justify="right", no_wrap=True)
        for i in range(max(len(ranking.most_for), len(ranking.most_against))):
            cells = [*_cells(ranking.most_for, i, by), *_cells(ranking.most_against, i, by)]
            table.add_row(*cells)
        console.print(table)


def _show_in_rows(found: list[TopFeatures], by: str) -> None:
    from rich.console import Console
    from rich.text import Text

    from textmlr.base.printable import plain

    table = _table(TITLES[by])
    for column in ("label", "for", "against"):
        table.add_column(column, ratio=2 if column == "label" else 3, overflow="fold")
    for one in found:
        ranking = _ranking(one, by)
        names = [
            Text("  ".join(name_of(f) for f in side))
            for side in (ranking.most_for, ranking.most_against)
        ]
        table.add_row(Text(plain(one.label)), *names)
    Console().print(table)
    click.echo("More of one label: --label LABEL; figures of all: -k 20, or --json")


def _ranking(one: TopFeatures, by: str) -> Ranking:
    ranking = one.by_weight if by == "weight" else one.by_contribution
    assert ranking is not None
    return ranking


def _cells(features: list[Feature], i: int, by: str) -> list[str | Text]:
    """Name, figure and documents of the i-th feature, or nothing."""
    from rich.text import Text

    if i >= len(features):
        return ["", "", ""]
    feature = features[i]
    figure = feature.weight if by == "weight" else feature.contribution
    assert figure is not None
    text = f"{figure:+,.3f}" if by == "weight" else f"{figure:+,.1f}"
    return [Text(name_of(feature)), text, f"{feature.documents:,}"]


def name_of(feature: Feature) -> str:
    """A feature's name, safe to show, and how many others fall into the same column, if any."""
    from textmlr.base.printable import plain
    from textmlr.features.names import readable

    return plain(readable(feature.name)) + (f" (+{feature.others})" if feature.others else "")


def _tell_of_others(found: list[TopFeatures], shown: tuple[str, ...]) -> None:
    """Say what (+2) is, if it was shown."""
    rankings = [_ranking(one, by) for one in found for by in shown]
    if any(f.others for r in rankings for f in (*r.most_for, *r.most_against)):
        click.echo(
            "(+2): 2 other n-grams of a sample of the corpus were hashed to the same column;\n"
            "it is named after the one that occurred most"
        )


def _table(title: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="", expand=True)
