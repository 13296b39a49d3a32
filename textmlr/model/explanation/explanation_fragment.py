"""An explanation as a notebook shows it: the document with its words coloured."""

from __future__ import annotations

from html import escape

from textmlr.base.notebook_page import fragment
from textmlr.base.web_page import name_of, visible
from textmlr.model.explanation.excerpts import (
    excerpts,
    levels,
    method_of,
    on_words,
    others_share,
    parts_of,
    pieces,
    sum_of,
    versus,
)
from textmlr.model.explanation.reasons import Reasons
from textmlr.model.explanation.word_tips import DARKEST, tip

LABELS = 5  # whose probabilities are shown
WORDS = 5  # for the label in the table, and as many against it

# Blue and orange are told apart with any colour vision; the line under a word says it without.
STYLE = """.textmlr .document { background: var(--panel); padding: .6rem .9rem;
  border-radius: .4rem; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.9; }
.textmlr .for { background: color-mix(in srgb, var(--accent) calc(var(--a) * 100%), transparent); }
.textmlr .against { background: color-mix(in srgb, var(--wrong) calc(var(--a) * 100%),
  transparent); }
.textmlr .for.clear { border-bottom: 2px solid var(--accent); }
.textmlr .against.clear { border-bottom: 2px dashed var(--wrong); }
.textmlr .key { padding: .1rem .3rem; --a: .3; color: var(--ink); }
.textmlr [title] { cursor: help; }
"""


def fragment_of(explanation: Reasons) -> str:
    """The HTML of an explanation."""
    label, against = name_of(explanation.label), name_of(versus(explanation))
    body = [
        f"<p><b>Why {label}?</b> P = {explanation.probability:.2%}, "
        f"{explanation.margin:+.4f} nats against {against}</p>\n",
        f'<p><span class="for clear key">Blue, underlined</span> speaks for {label}, '
        f'<span class="against clear key">orange, dashed</span> against it. Point at a word for '
        "its numbers.</p>\n",
        f'<div class="document" dir="auto">{_document(explanation)}</div>\n',
        f'<div class="beside">{_words(explanation)}{_labels(explanation)}</div>\n',
        f"<p>{'<br>'.join(map(escape, _sentences(explanation)))}</p>\n",
    ]
    return fragment("".join(body), STYLE)


def _sentences(explanation: Reasons) -> list[str]:
    """The sum that is the score, and how its parts were found."""
    found = [sum_of(explanation), method_of(explanation), parts_of(explanation)]
    return [sentence for sentence in found if sentence is not None]


def _document(explanation: Reasons) -> str:
    """The text, of a long document the parts around its strongest words."""
    most = max((abs(word.margin) for word in explanation.words), default=0.0)
    strength, features = levels(explanation), on_words(explanation)
    made, at = list[str](), 0
    for part in excerpts(explanation, whole=False):
        made.append(" … " if part[0] > at else "")
        for text, number in pieces(explanation, part):
            shown = visible(text.replace("\r\n", "\n"), "\n\t")
            if number is None or not features[number]:
                made.append(shown)
                continue
            word = explanation.words[number]
            kind = "for" if word.margin >= 0 else "against"
            clear = " clear" if strength[number] > 0 else ""
            share = DARKEST * abs(word.margin) / most if most else 0.0
            made.append(
                f'<span class="{kind}{clear}" style="--a:{share:.3f}" '
                f'title="{tip(explanation, number, features[number])}">{shown}</span>'
            )
        at = part[1]
    made.append(" …" if at < len(explanation.text) else "")
    return "".join(made)


def _words(explanation: Reasons) -> str:
    """The strongest words, for the label first."""
    words = explanation.by_word
    strong = [word for word in words if word.margin > 0][:WORDS]
    weak = [word for word in words if word.margin < 0][-WORDS:]
    rows = [
        f'<tr><td class="name">{name_of(word.text)}{f" ×{word.count:,}" if word.count > 1 else ""}'
        f"</td><td>{word.margin:+.4f}</td></tr>\n"
        for word in (*strong, *weak)
    ]
    return (
        '<div><table><thead><tr><th class="name">word</th><th>adds, nats</th></tr></thead>\n'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _labels(explanation: Reasons) -> str:
    """The likeliest labels."""
    ranked = sorted(explanation.probabilities.items(), key=lambda one: -one[1])
    rows = [(name_of(label), f"{share:.2%}") for label, share in ranked[:LABELS]]
    if others := [share for _, share in ranked[LABELS:]]:
        left = len(others) + explanation.left_out
        rows.append((f"{left:,} others", others_share(others, explanation, 2)))
    cells = "".join(
        f'<tr><td class="name">{name}</td><td>{share}</td></tr>\n' for name, share in rows
    )
    return (
        '<div><table><thead><tr><th class="name">label</th><th>P</th></tr></thead>\n'
        f"<tbody>{cells}</tbody></table></div>"
    )
