"""An explanation as one web page that needs nothing else."""

from __future__ import annotations

import os
from html import escape
from os import PathLike

from textmlr.base.version import __version__
from textmlr.base.web_page import name_of as label_of
from textmlr.base.web_page import page, table, visible
from textmlr.base.whole_files import atomic_write
from textmlr.model.explanation.counterfactual import Counterfactual
from textmlr.model.explanation.excerpts import (
    BASE_RATES,
    ShownFeatures,
    counted,
    levels,
    method_of,
    name_of,
    on_words,
    others_share,
    parts_of,
    pieces,
    shown_features,
    start_of,
    sum_of,
    versus,
    weight_of,
)
from textmlr.model.explanation.explanation import Explanation
from textmlr.model.explanation.reasons import Contribution
from textmlr.model.explanation.word_tips import DARKEST, tip

LABELS = 12  # labels whose probabilities are shown
DIGITS = 4

# The colours are blue and orange of Okabe and Ito, which are told apart with any colour vision; the
# line under a word says the same without colour.
STYLE = """
:root { --for: 0 114 178; --against: 213 94 0; }
@media (prefers-color-scheme: dark) { :root { --for: 56 150 220; --against: 230 130 0; } }
.document { background: var(--panel); border-radius: .5rem; padding: 1rem 1.2rem; margin: 1rem 0;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: 1.05rem; line-height: 1.9; }
.for, .against { border-radius: .2rem; padding: .1rem 0; }
.for { background: rgb(var(--for) / var(--a)); }
.against { background: rgb(var(--against) / var(--a)); }
.for.clear { border-bottom: 2px solid rgb(var(--for)); }
.against.clear { border-bottom: 2px dashed rgb(var(--against)); }
[data-tip] { cursor: help; }
[data-tip]:hover, [data-tip]:focus { outline: 2px solid var(--ink); outline-offset: 1px; }
[data-tip]:hover::after, [data-tip]:focus::after { content: attr(data-tip); position: fixed;
  z-index: 1; left: 50%; bottom: 1rem; transform: translateX(-50%); width: max-content;
  max-width: calc(100vw - 2rem); padding: .7rem 1rem; border-radius: .5rem; background: var(--ink);
  color: var(--page); font: .875rem/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums;
  white-space: pre-wrap; text-align: left; direction: ltr; box-shadow: 0 2px 12px rgb(0 0 0 / .3);
  pointer-events: none; }
.document:hover [data-tip]:focus:not(:hover)::after { content: none; }
.sum { font-variant-numeric: tabular-nums; max-width: none; }
.key { padding: .1rem .4rem; --a: .4; }
.scroll { max-height: none; }
"""


def write_page(
    path: str | PathLike[str],
    explanation: Explanation,
    counterfactual: Counterfactual | None,
    *,
    document: str,
    model: str,
    most: int,
) -> None:
    """Write the page, whole or not at all.

    counterfactual   words without which the label is another, None to leave them out
    document, model   their names
    most      features for and as many against that are listed
    Raises InputError where it cannot be written.
    """
    text = _page(explanation, counterfactual, document, model, most)
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(text)


def _page(
    explanation: Explanation,
    counterfactual: Counterfactual | None,
    document: str,
    model: str,
    most: int,
) -> str:
    label, against = label_of(explanation.label), label_of(versus(explanation))
    title = f"Why {explanation.label}?"
    tiles: tuple[tuple[str, str], ...] = (
        (f"{explanation.probability:.2%}", f"P of {label}"),
        (f"{explanation.score:.{DIGITS}f}", "score, nats"),
        (f"{round(explanation.log_z, DIGITS) + 0.0:.{DIGITS}f}", "log z, nats"),  # 0, not -0
        (f"{explanation.margin:+.{DIGITS}f}", f"against {against}, nats"),
    )
    if explanation.is_absolute:  # then log z and margin say nothing more
        tiles = (*tiles[:2], *_threshold(explanation))
    tiled = "".join(f"<li><b>{value}</b><span>{name}</span></li>" for value, name in tiles)
    key = (
        f'<p class="soft"><span class="for clear key">Blue, underlined</span> speaks for {label}, '
        f'<span class="against clear key">orange, dashed</span> against it, beside {against}: the '
        "deeper, the more. A word has its share of all n-grams that it is in. Point at a word, or "
        "go from word to word with the Tab key, for its numbers.</p>\n"
    )
    sections = [
        f"<h1>{visible(title)}</h1>\n",
        f'<p class="soft">{visible(document)}, by {visible(os.path.basename(model))}</p>\n',
        f'<ul class="tiles">{tiled}</ul>\n',
        key,
        f'<div class="document" dir="auto">{_document(explanation)}</div>\n',
        "" if counterfactual is None else _counterfactual(counterfactual),
        f"<h2>Contributions of the {counted(explanation)}</h2>\n",
        _table(explanation, shown_features(explanation, most)),
        f'<p class="sum">{escape(sum_of(explanation))}</p>\n',
        f'<p class="soft">{escape(method_of(explanation))}{_parts(explanation)}</p>\n',
        "<h2>How likely each label is</h2>\n",
        _labels(explanation),
        f"<footer><p>Made by textmlr {__version__}, <code>textmlr explain --html</code>.</p>"
        "</footer>\n",
    ]
    return page(title, "".join(sections), STYLE)


def _document(explanation: Explanation) -> str:
    most = max((abs(word.margin) for word in explanation.words), default=0.0)
    strength, features = levels(explanation), on_words(explanation)
    made = []
    for text, number in pieces(explanation, (0, len(explanation.text))):
        shown = visible(text.replace("\r\n", "\n"), "\n\t")
        if number is None or not features[number]:
            made.append(shown)
            continue
        word = explanation.words[number]
        clear = " clear" if strength[number] > 0 else ""
        share = DARKEST * abs(word.margin) / most if most else 0.0
        made.append(
            f'<span class="{"for" if word.margin >= 0 else "against"}{clear}" '
            f'style="--a:{share:.3f}" tabindex="0" '
            f'data-tip="{tip(explanation, number, features[number])}">'
            f"{shown}</span>"
        )
    return "".join(made)


def _table(explanation: Explanation, shown: ShownFeatures) -> str:
    heads = (
        "feature",
        "times",
        "f(x)",
        f"{weight_of(explanation)} of {label_of(explanation.label)}",
        "adds to the score",
        f"against {label_of(versus(explanation))}",
    )

    cells = 5 if explanation.is_absolute else 6  # the margin is the score then

    def row(feature: Contribution) -> tuple[str, ...]:
        sign = "for" if feature.margin > 0 else "against"
        return (
            f'<span class="{sign} clear" style="--a:.3">{visible(name_of(feature))}</span>',
            f"{feature.count:,}",
            f"{feature.value:.4f}",
            f"{feature.weight:+.4f}",
            f"{feature.contribution:+.4f}",
            f"{feature.margin:+.4f}",
        )

    rows = [row(feature) for feature in shown.in_favour]
    if shown.others:
        rest = (f"{shown.contribution:+.4f}", f"{shown.margin:+.4f}")
        rows.append((f"<i>{shown.others:,} others together</i>", "", "", "", *rest))
    rows += [row(feature) for feature in reversed(shown.against)]
    for own in explanation.by_label:
        added = (f"{own.contribution:+.4f}", f"{own.margin:+.4f}")
        rows.append((f"<i>label {label_of(own.label)}</i>", "", "", "", *added))
    if explanation.by_base is not None:
        added = (f"{explanation.by_base[0]:+.4f}", f"{explanation.by_base[1]:+.4f}")
        rows.append((f"<i>{BASE_RATES}</i>", "", "", "", *added))
    bias = (f"{explanation.bias:+.4f}", f"{explanation.bias_margin:+.4f}")
    rows.append((f"<i>{start_of(explanation)}</i>", "", "", "", *bias))
    total = (f"<b>{explanation.score:+.4f}</b>", f"<b>{explanation.margin:+.4f}</b>")
    rows.append(("<b>together</b>", "", "", "", *total))
    return table(heads[:cells], [own[:cells] for own in rows])


def _parts(explanation: Explanation) -> str:
    parts = parts_of(explanation)
    return "" if parts is None else f"<br>{escape(parts)}"


def _threshold(explanation: Explanation) -> tuple[tuple[str, str], ...]:
    """The threshold of the label, and the answer."""
    assert explanation.thresholds is not None
    answer = ", ".join(map(label_of, explanation.answer)) or "none"
    return (f"{explanation.thresholds[explanation.label]:.2%}", "threshold"), (answer, "answer")


def _labels(explanation: Explanation) -> str:
    ranked = sorted(explanation.probabilities.items(), key=lambda one: -one[1])
    rows = [(label_of(label), f"{share:.4%}") for label, share in ranked[:LABELS]]
    if len(ranked) > LABELS:
        others = others_share([share for _, share in ranked[LABELS:]], explanation, 4)
        left = len(ranked) - LABELS + explanation.left_out
        rows.append((f"<i>{left:,} others</i>", others))
    if explanation.thresholds is None:
        return table(("label", "P"), rows)
    least = [f"{explanation.thresholds[label]:.4%}" for label, _ in ranked[:LABELS]] + [""]
    return table(
        ("label", "P", "threshold"), [(*row, t) for row, t in zip(rows, least, strict=False)]
    )


def _counterfactual(counterfactual: Counterfactual) -> str:
    return f"<h2>Words that decide the label</h2>\n<p>{visible(counterfactual.sentence())}</p>\n"
