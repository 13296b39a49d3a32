"""Explanation: why a document has the score it has, feature by feature and word by word."""

from __future__ import annotations

from dataclasses import dataclass

from textmlr.base.printable import plain
from textmlr.model.explanation.reasons import Reasons

_IN_REPR = 5  # words for the label, and against it


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Reasons):
    """The reasons for the score that a model gives a document's label.

    The margin is the lead of the label over others: the score of ``label`` minus that of
    ``against``, or minus the mean of all others' scores.  For two labels, and with ``against``, it
    is the log-odds of one label against the other.  A multi-label model asks of each label by
    itself whether the document has it: the margin is then the score, its log-odds against its
    absence, unless ``against`` names another.

    text           the document; bytes that are not UTF-8, and lone surrogates, are U+FFFD in it
    label          the one explained
    against        the other label, None for the mean of all others; with more than 1,000 labels the
                   likeliest other one where none was asked for
    answer         the model's answer, its likeliest label; of a multi-label model a tuple of the
                   labels above their thresholds
    probabilities  P(Y=ℓ | x) of each label, in the labels' order; of more than 1,000 labels those
                   of the 100 likeliest, of ``label`` and of ``against``
    score, log_z   nats, those of ``Model.scores`` and ``Model.log_z``
    margin         nats
    bias, bias_margin   nats of the score and of the margin: those of the bias alone (with this
                   document's calibration), so that hidden layers' biases are in them
    method         how shares were found: "exact" if the score is a sum over features, which it is
                   without an activation, and "integrated gradients"; "base rates" for a document
                   whose features have no weights: its score and all of ``bias`` is the logarithm of
                   the label's base rate in training, and no feature has a share
    features       those of the document that θ has a row for, by falling margin: those most
                   in favour of the label first, those most against it last
    words          all tokens, in order; they do not overlap
    by_word        the same, each word once, by falling margin
    formula        how score and log_z give P, in letters
    base_name      what the score is where the method is "base rates", in words
    thresholds     of a multi-label model, the least P of each label that is of an answer
    by_label       what likely labels add to the score, by falling margin, where a multi-label model
                   has a second pass over labels; else ()
    by_base        what the base rates add to score and margin, where a share of them is mixed into
                   P, as where θ is sparse; else None
    centroid       how much of the features' contributions is a(ℓ)·Σ f(x)_f·√S(f, ℓ), where S are
                   the sums of the label's own documents; the rest was learnt.  None: not known
    left_out       labels that are not among ``probabilities``

    bias + Σ contribution of features = score, and bias_margin + Σ margin of features = margin, but
    for the rounding of 32-bit floats; the same sums over words, and over by_word, are those over
    features.  What labels and base rates add comes on top of all of these sums.
    """

    def __repr__(self) -> str:
        """The answer, and the strongest words for it and against it."""
        beside = "against its absence" if self.is_absolute else "against the others"
        if self.against is not None:
            beside = f"against {plain(self.against)}"
        lines = [
            f"Explanation of {plain(self.label)}, P = {self.probability:.4f}: "
            f"{self.margin:+.4f} nats {beside}, {self.bias_margin:+.4f} of them the bias's"
        ]
        strong = [word for word in self.by_word if word.margin > 0][:_IN_REPR]
        weak = [word for word in self.by_word if word.margin < 0][-_IN_REPR:]
        lines += [
            f"  {word.margin:+9.4f}  {plain(word.text)}"
            + (f" ×{word.count}" if word.count > 1 else "")
            for word in (*strong, *weak)
        ]
        rest = len(self.by_word) - len(strong) - len(weak)
        if rest:
            lines.insert(1 + len(strong), f"  {rest:9,} other words")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The document with its words coloured, as a notebook shows it."""
        from textmlr.model.explanation.explanation_fragment import fragment_of

        return fragment_of(self)
