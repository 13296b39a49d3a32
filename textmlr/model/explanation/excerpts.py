"""The parts of an explanation that are shown: top features, top words and the text around them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textmlr.features.names import readable
from textmlr.model.explanation.reasons import Contribution, Reasons

BASE_RATES = "base rates"  # in the sum of a score
WHOLE = 4000  # characters of a document up to which all of it is shown
STRONGEST = 30  # words round which a longer one is
AROUND = 80  # characters on either side of these
# Shares of the top word's margin from which on a word is shown faintly, clearly and strongly.
LEVELS = (0.1, 0.35, 0.7)


@dataclass(frozen=True, slots=True)
class ShownFeatures:
    """The features that are shown, and the sums of the others.

    in_favour, against   those of the largest and smallest margin, largest amounts first
    others                  how many there are besides
    contribution, margin    of these together, nats
    """

    in_favour: tuple[Contribution, ...]
    against: tuple[Contribution, ...]
    others: int
    contribution: float
    margin: float


def shown_features(explanation: Reasons, most: int) -> ShownFeatures:
    """``most`` features in favour of the label and as many against it."""
    features = explanation.features
    first = sum(1 for feature in features[:most] if feature.margin > 0)
    last = sum(1 for feature in features[max(first, len(features) - most) :] if feature.margin < 0)
    rest = features[first : len(features) - last]
    return ShownFeatures(
        features[:first],
        features[len(features) - last :][::-1],
        len(rest),
        sum(feature.contribution for feature in rest),
        sum(feature.margin for feature in rest),
    )


def name_of(feature: Contribution) -> str:
    """A feature's name to be read: character n-grams with their padding spaces shown, and
    n-grams that share a column with ≡ between."""
    return " ≡ ".join(map(readable, feature.names))


def levels(explanation: Reasons) -> list[int]:
    """The level of each word beside the one of the largest margin: 0 (not shown) to 3."""
    most = max((abs(word.margin) for word in explanation.words), default=0.0)
    if not most:
        return [0] * len(explanation.words)
    return [bisect_right(LEVELS, abs(word.margin) / most) for word in explanation.words]


def excerpts(explanation: Reasons, whole: bool) -> list[tuple[int, int]]:
    """The parts of the text to show, (start, stop): all, if it is short or ``whole`` is asked for,
    or the text around the words of the largest margins."""
    size = len(explanation.text)
    if whole or size <= WHOLE:
        return [(0, size)]
    ranked = sorted(explanation.words, key=lambda word: -abs(word.margin))[:STRONGEST]
    starts = [word.start for word in explanation.words]
    parts: list[tuple[int, int]] = []
    for word in sorted(ranked, key=lambda word: word.start):
        start, stop = max(0, word.start - AROUND), min(size, word.stop + AROUND)
        # No word is cut in two.
        before = explanation.words[max(0, bisect_right(starts, start) - 1)]
        if before.start < start < before.stop:
            start = before.stop
        after = explanation.words[max(0, bisect_left(starts, stop) - 1)]
        stop = max(stop, after.stop)
        if parts and start <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(stop, parts[-1][1]))
        else:
            parts.append((start, stop))
    return parts


def pieces(explanation: Reasons, part: tuple[int, int]) -> Iterator[tuple[str, int | None]]:
    """A part of the text, (start, stop), that cuts no word in two, piece by piece: (the
    characters, the word's number, or None between words)."""
    starts = [word.start for word in explanation.words]
    at, stop = part
    for number in range(bisect_left(starts, at), bisect_left(starts, stop)):
        word = explanation.words[number]
        if at < word.start:
            yield explanation.text[at : word.start], None
        yield word.text, number
        at = word.stop
    if at < stop:
        yield explanation.text[at:stop], None


def on_words(explanation: Reasons) -> list[list[tuple[Contribution, float]]]:
    """The features that lie on each word, each with its share of the word's margin."""
    starts = [word.start for word in explanation.words]
    found: list[dict[int, float]] = [{} for _ in starts]
    for number, feature in enumerate(explanation.features):
        for start, stop in feature.spans:
            first, last = bisect_right(starts, start) - 1, bisect_left(starts, stop)
            share = feature.margin / feature.count / (last - first)
            for word in range(first, last):
                found[word][number] = found[word].get(number, 0.0) + share
    return [
        [(explanation.features[number], share) for number, share in own.items()] for own in found
    ]


def sum_of(explanation: Reasons) -> str:
    """The sum of bias and features that is the score, and P by the score, in one line.

    The sum of features is shown as the difference of score and bias as these are shown, so that
    the line adds up to the last digit.
    """
    gives_p = f"P = {explanation.formula} = {explanation.probability:.10g}"
    if explanation.method == "base rates":
        return f"score {explanation.score:.4f} = {explanation.base_name}; {gives_p}"
    score, bias = round(explanation.score, 4), round(explanation.bias, 4)
    added = round(sum(own.contribution for own in explanation.by_label), 4)
    labels = len(explanation.by_label)
    likely = f", {labels} likely label{'' if labels == 1 else 's'} {added:+.4f}" if labels else ""
    if explanation.by_base is not None:
        mixed = round(explanation.by_base[0], 4)
        likely, added = f", {BASE_RATES} {mixed:+.4f}", mixed
    words = score - bias - added
    return (
        f"bias {bias:+.4f}, {counted(explanation)} {words:+.4f}{likely} = score {score:.4f}; "
        f"{gives_p}"
    )


def parts_of(explanation: Reasons) -> str | None:
    """What the features add, in its two parts; None where these are not known."""
    if explanation.centroid is None:
        return None
    whole = sum(own.contribution for own in explanation.features)
    learnt = round(whole - explanation.centroid, 4) + 0.0  # 0, not -0
    return (
        f"The features' {whole:+.4f} are two sums: {explanation.centroid:+.4f} by the words of the "
        f"label's own documents, {learnt:+.4f} learnt beside that."
    )


def others_share(shares: Sequence[float], explanation: Reasons, digits: int) -> str:
    """P of labels that are not shown by themselves: their sum, or with a multi-label model, whose P
    have no sum, the largest."""
    if explanation.thresholds is None:
        told = sum(explanation.probabilities.values())
        more = max(1.0 - told, 0.0) if explanation.left_out else 0.0
        return f"{sum(shares) + more:.{digits}%}"
    return f"≤ {max(shares):.{digits}%}"


def counted(explanation: Reasons) -> str:
    """231 features."""
    count = len(explanation.features)
    return f"{count:,} feature" + ("" if count == 1 else "s")


def weight_of(explanation: Reasons) -> str:
    """The name of a feature's weight."""
    return "mean θ" if explanation.method == "integrated gradients" else "θ"


def start_of(explanation: Reasons) -> str:
    """The name of a score to which no feature has added."""
    return "base rate" if explanation.method == "base rates" else "bias"


def method_of(explanation: Reasons) -> str:
    """The way the shares were found, in words."""
    if explanation.method == "exact":
        return "Shares are exact: the score is a sum over features."
    if explanation.method == "base rates":
        if explanation.is_absolute:
            return "No known word: P is the label's share of the documents of training."
        return "No known word: the answer is the base rates of training."
    return (
        "Shares are integrated gradients, since hidden layers mix features: mean θ is the mean "
        "slope of the score by f(x), on the way from the bias alone to this document."
    )


def versus(explanation: Reasons) -> str:
    """The name of the labels that the margin is against."""
    if explanation.against is not None:
        return explanation.against
    if explanation.is_absolute:
        return "its absence"
    if len(explanation.probabilities) == 2:
        return next(label for label in explanation.probabilities if label != explanation.label)
    return "the mean of the others"
