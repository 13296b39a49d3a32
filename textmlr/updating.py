"""update: more documents, and new labels, on top of a Model."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus import Corpus, recode
from textmlr.errors import InputError
from textmlr.features import Features
from textmlr.features.extending import Extended, extend, row_frequencies
from textmlr.learning import Stage
from textmlr.model import Model, versions
from textmlr.options import UpdateOptions
from textmlr.parallel import available_threads
from textmlr.rows import document_weights
from textmlr.scoring import Calibration, score, spreads
from textmlr.training import Objective, Step, advance, precision_of
from textmlr.training.heldout import hold_out

# Score of a label that the old documents never had, by the bias: of a document that no feature
# tells anything of it has about e^-3 of the probability of an old label.
UNSEEN = -3.0
# Answers of an old label made wrong, less those made right, that are more than chance: in standard
# deviations of their difference.
NOTABLE = 2.0

Watch = Callable[[Stage | Step], None]
Json = dict[str, Any]


def update(
    model: Model,
    corpus: Corpus,
    options: UpdateOptions | None = None,
    *,
    validation: Corpus | None = None,
    threads: int | None = None,
    watch: Watch | None = None,
) -> Model:
    """A model of the old documents and the corpus's, made of the old model and the corpus alone.

    Labels and features that the model has not are added.  Old features keep their idf, new n-grams
    have to be in min_df of the new documents, and the calibration stays.  How it is learnt, see
    ``training.advancing``; the time it takes grows with the new documents and the size of θ.

    validation  documents to compare the answers on before and after, in place of a held-out part
    threads     None: one a processor.  Their number changes no bit of the model
    watch       called with a Stage, or a Step of the solver, as it goes
    What was compared is in the last of the new model's record["updates"].
    Raises InputError if no document of the corpus counts, or the model cannot be updated.

    >>> from textmlr import Corpus, train, update
    >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a sheriff"]
    >>> model = train(Corpus.of(texts, ["scifi", "western", "scifi", "western"]))
    >>> update(model, Corpus.of(["a wedding kiss"], ["romance"])).labels
    ['romance', 'scifi', 'western']
    """
    options = options or UpdateOptions()
    threads = threads or available_threads()

    def tell(event: Stage | Step) -> None:
        if watch is not None:
            watch(event)

    if not len(corpus):
        raise InputError("there are no documents to learn from", mend="give at least one")
    frequencies = row_frequencies(model.featurizer, model.columns)
    if frequencies is None:
        raise InputError(
            "the model does not say how many documents its hashed columns are of",
            mend="train it again, with this version of textmlr",
        )
    labels = sorted({*model.labels, *corpus.labels})
    weights = document_weights(corpus, None)
    tell(Stage("features", len(corpus), len(labels)))
    grown = extend(model.featurizer, model.columns, labels, corpus.batches, threads)
    new = Objective(grown.features, recode(corpus, labels)[0], weights, len(labels), 0.0,
                    _unit_from(grown))  # fmt: skip
    tell(Stage("fit", len(corpus), len(labels), new.features.columns, len(new.features.indices)))
    begin = _Beginning.of(model, grown, labels, frequencies)
    compared = None
    if validation is None and options.holdout:
        held = hold_out(new, options.holdout, options.seed)
        if held is not None:
            rest = new.take(np.setdiff1d(np.arange(len(corpus)), held, assume_unique=True))
            seen = rest.documents_of()
            seen[: len(frequencies)] += frequencies > 0
            theta = begin.learn(rest, threads, tell)
            judge = new.take(held)
            compared = begin.compare(judge, judge.as_new(seen), theta, "corpus")
    theta = begin.learn(new, threads, tell)
    if validation is not None:
        judge = _judge(validation, grown, labels, threads)
        compared = begin.compare(judge, judge, theta, "validation")
    record = _record(model, corpus, grown, labels) | {"versions": versions()}
    record["updates"][-1] |= {"options": asdict(options), "compared": compared}
    updated = Model(labels, grown.featurizer, [theta], record, grown.columns, model.calibration)
    if "features_kept" in record.get("final", {}):  # of a sparse model
        record["final"] |= {f"{name}_kept": number for name, number in updated.kept.items()}
    return updated


@dataclass(frozen=True, slots=True, eq=False)
class _Beginning:
    """Where an update starts from.

    theta        (V, L) float32   old θ, with rows and columns for what is new
    precision    (V,) float64     see ``training.advancing``
    known        (L,) bool        labels that the old model has
    frequencies  (V,) int64       old documents that each feature is in
    calibration  of scores over labels, old and new alike
    labels       L names
    """

    theta: NDArray[np.float32]
    precision: NDArray[np.float64]
    known: NDArray[np.bool_]
    frequencies: NDArray[np.int64]
    calibration: Calibration
    labels: list[str]

    @classmethod
    def of(
        cls, model: Model, grown: Extended, labels: list[str], frequencies: NDArray[np.int64]
    ) -> _Beginning:
        """From a model, and what its features have grown to."""
        columns = grown.features.columns
        of_label = {label: code for code, label in enumerate(labels)}
        places = [of_label[label] for label in model.labels]
        known = np.zeros(len(labels), np.bool_)
        known[places] = True
        theta = np.zeros((columns, len(labels)), np.float32)
        theta[: len(frequencies), places] = model.layers[0]
        if model.featurizer.options.bias:
            theta[0 if grown.columns is None else grown.columns.numbers[0], ~known] = UNSEEN
        before = np.zeros(columns, np.int64)
        before[: len(frequencies)] = frequencies
        squares = _squares(model, grown, before)
        unit = Objective.mean_square_length(_unweighted(grown.features))
        return cls(theta, precision_of(squares, unit), known, before, model.calibration, labels)

    def learn(
        self, documents: Objective, threads: int, watch: Callable[[Step], None]
    ) -> NDArray[np.float32]:
        """θ after the documents: (V, L) float32.

        Loss is that of calibrated scores, t(x)·θᵀf(x, ℓ), with t(x) as the old θ has it.
        """
        scores = score(documents.features, self.theta)
        times = self._times(scores[:, self.known])
        base = scores * times[:, None]
        rows = documents.features
        if self.calibration.exponent:
            values = rows.values * np.repeat(times, np.diff(rows.indptr)).astype(np.float32)
            documents = replace(documents, features=replace(rows, values=values))
        theta = advance(documents, base, self.precision, threads, watch)
        theta += self.theta
        return theta

    def _times(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """What calibration multiplies scores by, besides the factor: (n,) float64."""
        c = self.calibration
        if not c.exponent:
            return np.ones(len(scores))
        times: NDArray[np.float64] = (
            np.maximum(spreads(np.ascontiguousarray(scores)), c.least) / c.spread
        ) ** c.exponent
        return times

    def compare(
        self, before: Objective, after: Objective, theta: NDArray[np.float32], origin: str
    ) -> Json:
        """The same documents, answered by old θ and new: JSON values.

        before, after  their rows, as what knows the old features alone and the new ones sees them
        origin         "corpus" or "validation"
        """
        counts = np.flatnonzero(after.weights > 0)
        before, after = before.take(counts), after.take(counts)
        old = np.flatnonzero(self.known)
        p_before = np.zeros((len(counts), len(self.labels)))
        seen = (self.frequencies > 0).astype(np.int32)
        p_before[:, old] = self._probabilities(before.as_new(seen), self.theta[:, old])
        p_after = self._probabilities(after, theta)
        y, weights = after.y, after.weights.astype(np.float64)
        own = np.arange(len(y))
        right = [p.argmax(axis=1) == y for p in (p_before, p_after)]
        losses = [-np.log(np.maximum(p[own, y], np.finfo(float).tiny)) for p in (p_before, p_after)]
        groups = [("all", np.ones(len(y), np.bool_))]
        if not self.known.all():
            groups += [("old labels", self.known[y]), ("new labels", ~self.known[y])]
        rows = []
        for name, chosen in groups:
            if not chosen.any():
                continue
            mean = weights * chosen / weights[chosen].sum()
            accuracy = [float(mean @ one) for one in right]
            loss: list[float | None] = [float(mean @ one) for one in losses]
            if not self.known[y[chosen]].all():
                loss[0] = None  # infinite
            documents = int(chosen.sum())
            rows.append({"of": name, "documents": documents, "accuracy": accuracy, "loss": loss})
        return {"from": origin, "rows": rows, "lost": self._lost(y, *right)}

    def _probabilities(
        self, documents: Objective, theta: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        scores = score(documents.features, np.ascontiguousarray(theta)).astype(np.float64)
        scores *= self._times(scores.astype(np.float32))[:, None]
        scores -= scores.max(axis=1, keepdims=True)
        p = np.exp(scores)
        p /= p.sum(axis=1, keepdims=True)
        return p

    def _lost(
        self, y: NDArray[np.int32], before: NDArray[np.bool_], after: NDArray[np.bool_]
    ) -> list[Json]:
        """Old labels whose documents are answered worse than chance explains, worst first."""
        size = len(self.labels)
        documents, was, now, wrong, won = (
            np.bincount(y[which], minlength=size)
            for which in (slice(None), before, after, before & ~after, after & ~before)
        )
        short = (wrong - won) - NOTABLE * np.sqrt(wrong + won)
        notable = np.flatnonzero(self.known & (wrong > won) & (short > 0))
        worst = notable[np.argsort(-(wrong - won)[notable], kind="stable")]
        return [
            {
                "label": self.labels[code],
                "documents": int(documents[code]),
                "right": [int(was[code]), int(now[code])],
            }
            for code in worst.tolist()
        ]


def _squares(model: Model, grown: Extended, frequencies: NDArray[np.int64]) -> NDArray[np.float64]:
    """Σ f(x)_f² over the old documents, about: (V,) float64.

    frequencies  (V,) of old documents.  What a feature's square is where it occurs, is taken to be
                 alike for all, but for idf²: rows of length 1 tell how much, and where rows have no
                 such length, the new ones do.
    """
    options, rows = model.featurizer.options, grown.features
    bias = np.zeros(len(frequencies), np.bool_)
    bias[: int(options.bias)] = True
    if grown.columns is not None and options.bias:
        bias[:] = grown.columns.kept == 0
    weight = np.ones(len(frequencies))
    if grown.featurizer.idf is not None:
        idf = grown.featurizer.idf.astype(np.float64)
        weight = (idf if grown.columns is None else idf[grown.columns.kept]) ** 2
    own = np.where(bias, 0, frequencies)
    entries, mean = float(own.sum()), float(own @ weight)
    if options.norm == "l2":
        # A sparse model has lost count of most features, but their number is in its record.
        documents = model.featurizer.documents
        total = model.record.get("corpus", {}).get("nonzeros", 0) - documents * int(options.bias)
        each = documents / max(total, entries, 1.0) / max(mean / max(entries, 1.0), 1e-9)
    else:
        square = rows.values.astype(np.float64) ** 2
        counted = ~bias[rows.indices]
        each = float(square[counted].sum()) / max(float(weight[rows.indices][counted].sum()), 1e-9)
    squares: NDArray[np.float64] = np.where(bias, frequencies, each * weight * own)
    return squares


def _unweighted(features: Features) -> Objective:
    ones = np.ones(len(features), np.float32)
    return Objective(features, np.zeros(len(features), np.int32), ones, 1)


def _unit_from(grown: Extended) -> int | None:
    """``Objective.unit_from`` of rows in all columns of a vocabulary."""
    options = grown.featurizer.options
    if options.norm == "l2" and options.hash_bits is None and grown.columns is None:
        return int(options.bias)
    return None


def _judge(validation: Corpus, grown: Extended, labels: list[str], threads: int) -> Objective:
    rows = grown.featurizer.featurize(validation.batches, threads)
    if grown.columns is not None:
        rows = grown.columns.renumber(rows, threads)
    y, unknown = recode(validation, labels)
    if unknown:
        raise InputError(
            f"label {next(iter(unknown))!r} is neither in the model nor in the new corpus",
            place=", ".join(validation.names) or None,
            mend="leave its documents out of the file to judge by",
        )
    weights = document_weights(validation, None)
    return Objective(rows, y, weights, len(labels), 0.0, _unit_from(grown))


def _record(model: Model, corpus: Corpus, grown: Extended, labels: list[str]) -> Json:
    """The old record, its corpus now both, and one update more."""
    record = deepcopy(model.record)
    files = [os.path.basename(name) for name in corpus.names]
    counts = dict.fromkeys(labels, 0)
    old = record.get("corpus", {})
    for label, count in zip(model.labels, old.get("per_label", []), strict=False):
        counts[label] += count
    own = np.bincount(corpus.y, minlength=len(corpus.labels)).tolist()
    for label, count in zip(corpus.labels, own, strict=True):
        counts[label] += count
    features = grown.features
    record["corpus"] = old | {
        "files": old.get("files", [])
        + [name for name in files if name not in old.get("files", [])],
        "documents": grown.featurizer.documents,
        "skipped": old.get("skipped", 0) + corpus.skipped,
        "nonzeros": old.get("nonzeros", 0) + len(features.indices),
        "invalid_utf8": old.get("invalid_utf8", 0) + features.invalid,
        "weighted": bool(old.get("weighted")) or corpus.weights is not None,
        "per_label": list(counts.values()),
    }
    rows = len(model.layers[0])
    record.setdefault("updates", []).append({
        "files": files,
        "documents": len(corpus),
        "skipped": corpus.skipped,
        "invalid_utf8": features.invalid,
        "new_labels": [label for label in labels if label not in set(model.labels)],
        "features": [rows, features.columns],
    })  # fmt: skip
    return record
