"""What is told of a word that is pointed at, on pages and in notebooks."""

from __future__ import annotations

from textmlr.base.web_page import visible
from textmlr.model.explanation.excerpts import name_of, versus
from textmlr.model.explanation.reasons import Contribution, Reasons

ON_WORD = 8  # features listed when a word is pointed at
DARKEST = 0.62  # opacity of the top word's colour, through which its letters stay readable


def tip(explanation: Reasons, number: int, shares: list[tuple[Contribution, float]]) -> str:
    """The text shown when a word is pointed at, as an attribute's value.

    shares  the features on the word, with their shares, see ``on_words``
    """
    own = sorted(shares, key=lambda one: -abs(one[1]))
    word = explanation.words[number]
    lines = [
        f"{word.text}: {word.margin:+.4f} against {versus(explanation)}, "
        f"{word.contribution:+.4f} of the score of {explanation.label}",
        *(f"{share:+.4f}  {name_of(feature)}" for feature, share in own[:ON_WORD]),
    ]
    if len(own) > ON_WORD:
        rest = sum(share for _, share in own[ON_WORD:])
        lines.append(f"{rest:+.4f}  {len(own) - ON_WORD:,} more")
    return "&#10;".join(visible(line) for line in lines)
