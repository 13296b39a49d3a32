"""The contribution of each feature and each word of a document to a label's score.

score(x, ℓ) = t(x)·Σ_f θ[f, ℓ]·f(x)_f, where t(x) is the calibration's one number a document: each
feature has an exact share, t(x)·θ[f, ℓ]·f(x)_f.  Hidden layers mix features, and a share is then
the integrated gradient from the bias alone, t(x)·(θ_1[f]·G)_ℓ·f(x)_f, where G are the mean
slopes of ``slopes``.  Without hidden layers G is the identity.

A share is divided equally among the places where the feature occurs, and an n-gram's share of these
among the words it covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import check_label
from textmlr.base.errors import InputError
from textmlr.base.limits import MANY_LABELS
from textmlr.base.training_options import Activation
from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.answering import Answerer, Answers
from textmlr.model.explanation.document_tokens import DocumentTokens, Integers
from textmlr.model.explanation.explanation import Explanation
from textmlr.model.explanation.feature_shares import FeatureShares
from textmlr.model.explanation.grouped_words import group_words
from textmlr.model.explanation.integrated_gradients import GradientPath
from textmlr.model.explanation.posting_shares import posting_shares
from textmlr.model.explanation.read_document import is_fasttext, read_document
from textmlr.model.explanation.reasons import Contribution, LabelShare, Method, Word
from textmlr.model.label_choice import LabelChoice
from textmlr.model.postings import Postings
from textmlr.model.scoring import Calibration
from textmlr.model.second_pass import multipliers

Reals = NDArray[np.float64]
ROWS = 1 << 12  # rows of θ taken at a time
LIKELIEST = 100  # labels whose P is told, of very many


@dataclass(frozen=True, slots=True, eq=False)
class ExplainedModel:
    """The parts of a model that explanations need, as Model has them.

    labels       L names
    layers       θ, float32: (V, L), or with hidden layers (V, W1), (W1 + 1, W2), ...; the first has
                 R rows with columns
    base         (L,) float32   see Model
    thresholds   (L,) float64   of a multi-label model, see Model
    postings     a sparse θ, see ModelParts: layers is () then
    documents    (L,) of training, or (0,): not known
    """

    answerer: Answerer
    labels: list[str]
    layers: list[NDArray[np.float32]]
    activation: Activation
    columns: HashedColumns | None
    calibration: Calibration
    base: NDArray[np.float32]
    thresholds: Reals | None = None
    postings: Postings | None = None
    documents: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @property
    def choice(self) -> LabelChoice | None:
        """Which labels are an answer, by a multi-label model."""
        return None if self.thresholds is None else LabelChoice(self.thresholds)

    @property
    def method(self) -> Method:
        """The way shares are found where there are any."""
        if self.postings is not None:
            return "exact"
        sums = len(self.layers) == 1 or self.activation == "identity"
        return "exact" if sums and self.answerer.tree is None else "integrated gradients"

    def path(self, start: Reals, stop: Reals, wanted: Reals) -> GradientPath:
        """The path from the bias alone to a document: see ``GradientPath``."""
        if self.answerer.tree is not None:
            from textmlr.model.fasttext.tree_path import TreePath  # few models have one

            return TreePath.through(self.layers, self.answerer.tree, start, stop, wanted)
        return GradientPath.of(self.layers, self.activation, start, stop, wanted)


def explain(
    model: ExplainedModel,
    document: str | bytes,
    label: str | None = None,
    against: str | None = None,
) -> Explanation:
    """Explain one document's score of a label, by default of the likeliest.

    against  None: where there are more than MANY_LABELS, the likeliest of the others; their mean
             would say no more than that nearly all of them are unlike the document
    Raises InputError for a label that the model does not have, for a label against itself, and
    if the document is not text.
    """
    chosen = None if label is None else _number(model.labels, label)
    other = None if against is None else _number(model.labels, against)
    places = read_document(document, model.answerer.featurizer)
    answers = model.answerer.answer(places.block)
    scores = answers.scores[0].astype(np.float64)
    if chosen is None:
        chosen = int(answers.best[0])
    if chosen == other:
        raise InputError(
            f"label {model.labels[chosen]!r} against itself",
            mend="compare it with another label, or with none",
        )
    if other is None and len(scores) > MANY_LABELS and model.thresholds is None:
        other = _next_likeliest(answers.probabilities[0], chosen)
        against = model.labels[other]
    wanted = _wanted(len(scores), chosen, other, is_multilabel=model.thresholds is not None)
    row = _shares(model, places, answers, wanted)
    formula = _formula(model, chosen, answers, row)
    scores = scores if row.scores is None else row.scores
    features, share = _features(model, places, row)
    probabilities = _probabilities(model, answers.probabilities[0], chosen, other)
    spans = zip(places.token_starts.tolist(), places.token_stops.tolist(), strict=True)
    nats = zip(*(part.tolist() for part in share), strict=True)
    words = tuple(
        Word(i, j, text, own, margin)
        for (i, j), text, (own, margin) in zip(spans, places.token_texts, nats, strict=True)
    )
    return Explanation(
        text=places.text,
        label=model.labels[chosen],
        against=against,
        answer=_answer(model, answers),
        probabilities=probabilities,
        score=float(scores[chosen]),
        log_z=float(answers.log_z[0]),
        margin=float(scores @ wanted[:, 1]),
        bias=float(row.bias[0]),
        bias_margin=float(row.bias[1]),
        method=model.method if row.says or not _has_base(model) else "base rates",
        features=features,
        words=words,
        by_word=group_words(words, places.tokens),
        formula=formula,
        base_name=model.answerer.head.base_name,
        thresholds=None
        if model.thresholds is None
        else dict(zip(model.labels, model.thresholds.tolist(), strict=True)),
        by_label=row.links,
        by_base=row.mixed,
        centroid=row.centroid,
        left_out=len(model.labels) - len(probabilities),
    )


def _has_base(model: ExplainedModel) -> bool:
    """Whether a document that says nothing has answers of its own."""
    return model.postings is not None or len(model.base) > 0


def _probabilities(
    model: ExplainedModel, p: Reals, chosen: int, other: int | None
) -> dict[str, float]:
    """P of each label, in their order; of more than MANY_LABELS that of the likeliest, and of those
    that are asked about."""
    if len(p) <= MANY_LABELS or model.thresholds is not None:
        return dict(zip(model.labels, p.tolist(), strict=True))
    least = np.partition(p, len(p) - LIKELIEST)[len(p) - LIKELIEST]
    likely = np.flatnonzero(p >= least)
    likely = likely[np.argsort(-p[likely], kind="stable")][:LIKELIEST]
    asked = [chosen] if other is None else [chosen, other]
    return {model.labels[i]: float(p[i]) for i in np.union1d(likely, asked).tolist()}


def _next_likeliest(p: Reals, chosen: int) -> int:
    """The likeliest label beside one;  p  (L,), of two labels at least."""
    others = p.copy()
    others[chosen] = -1
    return int(others.argmax())


def _number(labels: list[str], label: str) -> int:
    check_label(label, labels)
    return labels.index(label)


def _answer(model: ExplainedModel, answers: Answers) -> str | tuple[str, ...]:
    """The likeliest label; by a multi-label model those above their thresholds."""
    if model.choice is None:
        return model.labels[int(answers.best[0])]
    return tuple(model.labels[i] for i in model.choice.lists(answers.probabilities)[0])


def _formula(model: ExplainedModel, chosen: int, answers: Answers, row: FeatureShares) -> str:
    """How the score that is shown gives P, in letters."""
    head, score = model.answerer.head, float(answers.scores[0, chosen])
    if not row.says and _has_base(model):
        return head.formula(score, None)
    if row.scores is not None and model.answerer.looks_up:
        return f"the sigmoid of {row.scores[chosen]:.4f}, in fastText's steps"
    return head.formula(score, float(answers.log_z[0]))


def _wanted(labels: int, chosen: int, other: int | None, *, is_multilabel: bool) -> Reals:
    """(L, 2), such that score and margin are scores·wanted.

    other  stands against label ``chosen``; None: the mean of all others does, or by a multi-label
           model the label's absence, whose score is 0
    """
    wanted = np.zeros((labels, 2))
    if other is not None:
        wanted[other, 1] = -1
    elif labels > 1 and not is_multilabel:
        wanted[:, 1] = -1 / (labels - 1)
    wanted[chosen] = 1
    return wanted


def _shares(
    model: ExplainedModel, places: DocumentTokens, answers: Answers, wanted: Reals
) -> FeatureShares:
    """Each feature's shares of score and margin."""
    featurizer = model.answerer.featurizer
    row = featurizer.featurize([places.block], 1)
    numbers, columns, values = row.indices, row.indices, row.values.astype(np.float64)
    if model.columns is not None:
        numbers = model.columns.find(row.indices)
        known = numbers >= 0
        numbers, columns, values = numbers[known], columns[known], values[known]
    always = columns == featurizer.always_column
    if (postings := model.postings) is not None:
        kept = numbers[~always], columns[~always], values[~always]
        about = answers, model.calibration, model.documents
        return posting_shares(postings, *kept, *about, wanted)
    theta = model.layers[0]
    start = values[always] @ theta[numbers[always]].astype(np.float64)
    numbers, columns, values = numbers[~always], columns[~always], values[~always]
    slices = [slice(first, first + ROWS) for first in range(0, len(values), ROWS)]
    stop = start.copy()
    for part in slices:
        stop += values[part] @ theta[numbers[part]].astype(np.float64)
    says = any(bool((theta[numbers[part]].any(1) & (values[part] != 0)).any()) for part in slices)
    has_answer = len(row.indices) > 0 if is_fasttext(featurizer) else says
    if not has_answer and len(model.base):
        none = np.zeros((len(values), 2))
        return FeatureShares(columns, values, none[:, 0], none, model.base @ wanted, has_answer)
    path = model.path(start, stop, wanted)
    empty, whole = path.scores(np.array([0.0, 1.0]))
    own = _Calibrated.of(model.calibration, whole)
    scaled = own.multipliers[:, None] * wanted
    # θ of the label for its score, as it is, and the margin's, each label's times its multiplier.
    path = model.path(start, stop, np.column_stack([wanted[:, 0], scaled[:, 1]]))
    slopes = path.mean_slopes()
    weights = np.empty((len(values), 2))
    for part in slices:
        weights[part] = theta[numbers[part]].astype(np.float64) @ slopes
    factors = np.array([own.multipliers[int(wanted[:, 0].argmax())], 1.0])
    shares = values[:, None] * weights * factors
    bias = empty @ scaled + own.offsets @ wanted
    links = own.links(model.labels, wanted)
    scores = whole if is_fasttext(featurizer) else None
    return FeatureShares(columns, values, weights[:, 0], shares, bias, has_answer, scores, links)


@dataclass(frozen=True, slots=True, eq=False)
class _Calibrated:
    """The scores that count as parts: multipliers·scores + offsets + what likely labels add.

    multipliers, offsets  (L,)
    likely  (L,) P of labels that add, 0 of others
    adds    (L, L) nats, at [m, ℓ] what label m adds to the score of label ℓ, or (0, 0)
    """

    multipliers: Reals
    offsets: Reals
    likely: Reals
    adds: Reals

    @classmethod
    def of(cls, calibration: Calibration, scores: Reals) -> _Calibrated:
        """Those of one document;  scores  (L,), before the calibration."""
        first, none = calibration.multipliers(scores), np.zeros(len(scores))
        if (second := calibration.second) is None:
            return cls(first, none, none, np.zeros((0, 0)))
        between = first * scores
        bent = multipliers(second.unbent(between), second.slopes)
        likely = second.likely(between)
        adds = likely[:, None] * second.links * bent
        return cls(first * second.scales * bent, second.offsets * bent, likely, adds)

    def links(self, labels: Sequence[str], wanted: Reals) -> tuple[LabelShare, ...]:
        """What likely labels add to score and margin, by falling margin."""
        found = []
        for m in np.flatnonzero(self.likely).tolist():
            score, margin = (self.adds[m] @ wanted).tolist()
            if score or margin:
                found.append(LabelShare(labels[m], float(self.likely[m]), score, margin))
        return tuple(sorted(found, key=lambda own: -own.margin))


def _features(
    model: ExplainedModel, places: DocumentTokens, row: FeatureShares
) -> tuple[tuple[Contribution, ...], tuple[Reals, Reals]]:
    """(features, by falling margin; (contribution, margin) of each token)."""
    found = np.empty(len(places.grams), np.int32)
    model.answerer.featurizer.find_columns(places.grams, found)
    columns = row.columns
    own = np.searchsorted(columns, found)
    own[own == len(columns)] = 0  # no feature's: the next line finds that out
    known = np.flatnonzero(columns[own] == found) if len(columns) else np.zeros(0, np.int64)
    feature = own[known]  # the feature of each occurrence
    counts = np.bincount(feature, minlength=len(columns))
    first, last = places.first[known], places.last[known]
    each = counts[feature] * (last - first + 1)
    shares = tuple(
        _spread_out(shares[feature] / each, first, last, len(places.tokens))
        for shares in row.shares.T
    )
    order = np.argsort(-row.shares[:, 1], kind="stable")
    names = _names(model, places, known, feature, len(columns))
    spans = _by_feature(feature, counts, places.starts[known], places.stops[known])
    value, weight, contribution, margin = (
        part.tolist() for part in (row.values, row.weights, *row.shares.T)
    )
    features = tuple(
        Contribution(
            tuple(names[i]),
            int(counts[i]),
            value[i],
            weight[i],
            contribution[i],
            margin[i],
            spans[i],
        )
        for i in order.tolist()
    )
    return features, (shares[0], shares[1])


def _spread_out(shares: Reals, first: Integers, last: Integers, tokens: int) -> Reals:
    """Sum over occurrences of shares[i] for each of the tokens first[i] to last[i]: (t,)."""
    total = np.zeros(tokens)
    further = 0
    while len(shares):
        total += np.bincount(first + further, shares, minlength=tokens)
        further += 1
        longer = last - first >= further
        shares, first, last = shares[longer], first[longer], last[longer]
    return total


def _by_feature(
    feature: Integers, counts: Integers, starts: Integers, stops: Integers
) -> list[tuple[tuple[int, int], ...]]:
    """The spans of each feature's occurrences, in order."""
    order = np.argsort(feature, kind="stable")
    pairs = list(zip(starts[order].tolist(), stops[order].tolist(), strict=True))
    ends = np.cumsum(counts).tolist()
    return [tuple(pairs[i:j]) for i, j in zip([0, *ends], ends, strict=False)]


def _names(
    model: ExplainedModel, places: DocumentTokens, known: Integers, feature: Integers, features: int
) -> list[list[str]]:
    """The names of each feature, from the document's own text."""
    _, once = np.unique(places.grams[known], return_index=True)
    once.sort()
    names: list[list[str]] = [[] for _ in range(features)]
    options = model.answerer.featurizer.options
    for i, name in zip(feature[once].tolist(), places.names(known[once], options), strict=True):
        names[i].append(name)
    return names
