"""update: more documents, and new labels, on top of a Model."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import MODEL_MEND, check_callable, check_kind, check_threads
from textmlr.base.errors import InputError
from textmlr.base.options import Activation, UpdateOptions
from textmlr.base.threads import chosen_threads
from textmlr.corpus.corpus import Corpus, check_corpus
from textmlr.corpus.duplicates import Sketch, found_in
from textmlr.corpus.reading import recode
from textmlr.features.extension import Extended, extend, row_frequencies
from textmlr.model.model import Model, versions
from textmlr.model.parameters import Network
from textmlr.model.scoring import (
    Calibration,
    base_scores,
    label_weights,
    score,
    speaking,
    spreads,
)
from textmlr.training.exact.solver import Step
from textmlr.training.held_out import hold_out
from textmlr.training.objective import Objective
from textmlr.training.rows import document_weights
from textmlr.training.sgd.trials import Progress
from textmlr.training.train import Stage
from textmlr.training.update import ways
from textmlr.training.update.linear_update import CURVATURE, common_of, curvature_of, precision_of
from textmlr.training.update.network_update import Continued
from textmlr.training.update.ways import Layers, Penalised, Resumed, Way

# Answers of an old label made wrong, less those made right, that are more than chance: in standard
# deviations of their difference.
NOTABLE = 2.0

Watch = Callable[[Stage | Step | Progress], None]
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
    ``keeping``; the time it takes grows with the new documents and the size of θ.

    validation  documents to compare the answers on before and after, in place of a held-out part
    threads     None: one a processor.  Their number changes no bit of the model
    watch       called with a Stage, a Step of the solver or a Progress of SGD, as it goes
    What was compared is in the last of the new model's record["updates"].
    Raises InputError if no document of the corpus counts, or the model cannot be updated.

    >>> from textmlr import Corpus, train, update
    >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a sheriff"]
    >>> model = train(Corpus.of(texts, ["scifi", "western", "scifi", "western"]))
    >>> update(model, Corpus.of(["a wedding kiss"], ["romance"])).labels
    ['romance', 'scifi', 'western']
    """
    check_kind("model", model, Model, MODEL_MEND)
    check_corpus("corpus", corpus)
    check_corpus("validation", validation, optional=True)
    check_kind("options", options, UpdateOptions, optional=True)
    check_threads(threads)
    check_callable("watch", watch)
    options = options or UpdateOptions()
    threads = chosen_threads(threads)

    def tell(event: Stage | Step | Progress) -> None:
        if watch is not None:
            watch(event)

    if not len(corpus):
        raise InputError("there are no documents to learn from", mend="give at least one")
    ways.check(model)
    frequencies = row_frequencies(model.featurizer, model.columns)
    if frequencies is None:
        raise InputError(
            "the model does not say how many documents its hashed columns are of",
            mend="update the model that it was compressed from"
            if "compressed" in model.record
            else "train it again, with this version of textmlr",
        )
    labels = sorted({*model.labels, *corpus.labels})
    weights = document_weights(corpus, None)
    tell(Stage("features", len(corpus), len(labels)))
    grown = extend(model.featurizer, model.columns, labels, corpus.batches, threads)
    new = Objective(
        grown.features,
        recode(corpus, labels)[0],
        weights,
        len(labels),
        0.0,
        _unit_from(grown),
        model.head,
    )
    tell(
        Stage(
            "fit",
            len(corpus),
            len(labels),
            new.features.columns,
            len(new.features.indices),
            bytes=4 * new.features.columns * _first_width(model, labels),
        )
    )
    begin = _Beginning.of(model, grown, labels, frequencies, new)
    compared = None
    if validation is None and options.holdout:
        compared = _held_out(begin, new, options, threads, tell)
    learnt = begin.learn(new, threads, tell)
    if validation is not None:
        judge = replace(_judge(validation, grown, labels, threads), head=model.head)
        compared = begin.compare(judge, judge, learnt.layers, new, "validation")
    record = _record(model, corpus, grown, labels) | {"versions": versions()}
    record["updates"][-1] |= {"options": asdict(options), "compared": compared}
    sketch = _known_again(model, corpus, validation, record, threads)
    trained_on = None if sketch is None else sketch.beside(learnt.layers)
    updated = Model(
        labels,
        grown.featurizer,
        learnt.layers,
        record,
        grown.columns,
        model.calibration,
        activation=model.activation,
        squares=learnt.squares,
        trained_on=trained_on,
        head=model.head,
    )
    if "features_kept" in record.get("final", {}):  # of a sparse model
        record["final"] |= {f"{name}_kept": number for name, number in updated.kept.items()}
    return updated


def _held_out(
    begin: _Beginning,
    new: Objective,
    options: UpdateOptions,
    threads: int,
    watch: Watch,
) -> Json | None:
    """Some of the new documents, as answered before and after an update by the others; None where
    they are too few."""
    held = hold_out(new, options.holdout, options.seed)
    if held is None:
        return None
    rest = new.take(np.setdiff1d(np.arange(len(new.y)), held, assume_unique=True))
    seen = rest.documents_of() + (begin.frequencies > 0)
    learnt = begin.learn(rest, threads, watch)
    judge = new.take(held)
    after = judge.as_new(seen.astype(np.int32))
    return begin.compare(judge, after, learnt.layers, rest, "corpus")


@dataclass(frozen=True, slots=True, eq=False)
class _Beginning:
    """Where an update starts from.

    way          how θ learns from new documents
    layers       old θ, with rows and columns for what is new
    activation   of its hidden units
    known        (L,) bool        labels that the old model has
    frequencies  (V,) int64       old documents that each feature is in
    calibration  of scores over labels, old and new alike
    bias         (V,) bool      which row of θ is the bias's
    base         (L',) float32  of the old model, see Model
    totals       (L,) float64   what old documents of each label weigh, 0 where that is not known
    labels       L names
    """

    way: Way
    layers: Layers
    activation: Activation
    known: NDArray[np.bool_]
    frequencies: NDArray[np.int64]
    calibration: Calibration
    bias: NDArray[np.bool_]
    base: NDArray[np.float32]
    totals: NDArray[np.float64]
    labels: list[str]

    @classmethod
    def of(
        cls,
        model: Model,
        grown: Extended,
        labels: list[str],
        frequencies: NDArray[np.int64],
        new: Objective,
    ) -> _Beginning:
        """From a model, what its features have grown to, and the new documents."""
        columns = grown.features.columns
        code_of = {label: code for code, label in enumerate(labels)}
        places = [code_of[label] for label in model.labels]
        known = np.zeros(len(labels), np.bool_)
        known[places] = True
        layers = _grown(model.layers, columns, known)
        before = np.zeros(columns, np.int64)
        before[: len(frequencies)] = frequencies
        if _has_lost_features(model):  # then what seems new may have been everywhere
            own = new.documents_of()[len(frequencies) :].astype(np.int64)
            before[len(frequencies) :] = own * model.featurizer.documents // len(new.y)
        way: Way
        if len(layers) > 1:
            way = Resumed.of(model, grown, layers, known, new)
        else:
            scores = _score(new, [layers[0][:, known]], model.activation)
            calibrated = _calibrated(scores, model.calibration)
            way = _penalised(model, grown, layers[0], before, new, places, calibrated)
        return cls(
            way,
            layers,
            model.activation,
            known,
            before,
            model.calibration,
            _bias_rows(grown),
            model.base,
            _totals(model, labels),
            labels,
        )

    def learn(self, documents: Objective, threads: int, watch: Watch) -> Continued:
        """θ after the documents."""
        scores = _score(documents, self._old, self.activation)
        return self.way.learn(documents, _times(scores, self.calibration), threads, watch)

    @property
    def _old(self) -> Layers:
        """Old θ, of the labels that it knows."""
        return [*self.layers[:-1], self.layers[-1][:, self.known]]

    def compare(
        self, before: Objective, after: Objective, layers: Layers, learnt: Objective, origin: str
    ) -> Json:
        """The same documents, answered by old θ and new: JSON values.

        before, after  their rows, as what knows the old features alone and the new ones sees them
        layers         new θ;  learnt  what it was learnt from
        origin         "corpus" or "validation"
        """
        counts = np.flatnonzero(after.weights > 0)
        before, after = before.take(counts), after.take(counts)
        y, weights = after.y, after.weights.astype(np.float64)
        # A column more is for labels that neither knows: P = 0 before and after.
        known = np.append(self.known, False)
        was, now = np.zeros((2, len(counts), len(known)))
        seen = (self.frequencies > 0).astype(np.int32)
        head, totals = learnt.head, np.bincount(learnt.y, learnt.weights, learnt.labels)
        base = base_scores(self.totals + totals, head)
        was[:, known] = self._probabilities(before.as_new(seen), self._old, self.base)
        now[:, :-1] = self._probabilities(after, layers, base)
        right = [head.right(p, y) for p in (was, now)]
        with np.errstate(divide="ignore"):
            losses = [head.log_losses(p, y, 0.0) for p in (was, now)]
        groups = {"all": np.ones(len(y), np.bool_), "old labels": known[y]}
        groups |= {
            "new labels": ~known[y] & (y < len(self.known)),
            "unknown labels": y == len(self.known),
        }
        rows = []
        for name, chosen in groups.items():
            if not chosen.any() or (name != "all" and chosen.all() and known[y].all()):
                continue
            share = weights[chosen] / weights[chosen].sum()
            loss = [float((share * one[chosen]).sum()) for one in losses]
            rows.append(
                {
                    "of": name,
                    "documents": int(chosen.sum()),
                    "accuracy": [float(share[one[chosen]].sum()) for one in right],
                    "loss": [one if np.isfinite(one) else None for one in loss],
                }
            )
        present = np.bincount(y, minlength=len(known))[:-1] > 0
        absent = int(np.count_nonzero(self.known & ~present))
        lost = self._lost(y, *right)
        return {"from": origin, "rows": rows, "absent": absent, "lost": lost}

    def _probabilities(
        self, documents: Objective, layers: Layers, base: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """As a Model with these layers and base has them."""
        scores = _calibrated(_score(documents, layers, self.activation), self.calibration)
        if len(base):
            scores[~speaking(documents.features, layers[0], self.bias)] = base
        return documents.head.probabilities(scores)

    def _lost(
        self, y: NDArray[np.int32], before: NDArray[np.bool_], after: NDArray[np.bool_]
    ) -> list[Json]:
        """Old labels whose documents are answered worse than chance explains, worst first."""
        size = len(self.labels) + 1
        documents, was, now, wrong, won = (
            np.bincount(y[which], minlength=size)
            for which in (slice(None), before, after, before & ~after, after & ~before)
        )
        short = (wrong - won) - NOTABLE * np.sqrt(wrong + won)
        notable = np.flatnonzero(np.append(self.known, False) & (wrong > won) & (short > 0))
        worst = notable[np.argsort(-(wrong - won)[notable], kind="stable")]
        return [
            {
                "label": self.labels[code],
                "documents": int(documents[code]),
                "right": [int(was[code]), int(now[code])],
            }
            for code in worst.tolist()
        ]


def _first_width(model: Model, labels: list[str]) -> int:
    return model.layers[0].shape[1] if len(model.layers) > 1 else len(labels)


def _grown(layers: Layers, columns: int, known: NDArray[np.bool_]) -> Layers:
    """Copies with so many rows in the first, and a column for each label in the last; 0 in those
    that are new."""
    grown = [*layers]
    grown[0] = np.zeros((columns, layers[0].shape[1]), np.float32)
    grown[0][: len(layers[0])] = layers[0]
    last = grown[-1]
    grown[-1] = np.zeros((len(last), len(known)), np.float32)
    grown[-1][:, known] = last
    return grown


def _score(documents: Objective, layers: Layers, activation: Activation) -> NDArray[np.float32]:
    whole = [np.ascontiguousarray(layer) for layer in layers]
    return score(documents.features, Network.of(whole, activation))


def _times(scores: NDArray[np.float32], c: Calibration) -> NDArray[np.float64]:
    """What calibration multiplies scores by, besides the factor: (n,) float64."""
    if not c.exponent:
        return np.ones(len(scores))
    wide = np.maximum(spreads(np.ascontiguousarray(scores)), c.least)
    times: NDArray[np.float64] = (wide / c.spread) ** c.exponent
    return times


def _calibrated(scores: NDArray[np.float32], calibration: Calibration) -> NDArray[np.float32]:
    return np.ascontiguousarray(scores * _times(scores, calibration)[:, None], np.float32)


def _penalised(
    model: Model,
    grown: Extended,
    theta: NDArray[np.float32],
    frequencies: NDArray[np.int64],
    new: Objective,
    places: list[int],
    scores: NDArray[np.float32],
) -> Penalised:
    """The way of a linear model.

    frequencies  (V,) int64    of old documents
    places       codes of the old labels
    scores       (n, L') float32   of the new documents as the old θ has them, calibrated
    """
    alike = _alike(model, new, places)
    curvature = alike * curvature_of(scores, new.head) + (1 - alike) * CURVATURE
    squares = _squares(model, grown, frequencies)
    return Penalised(
        theta,
        precision_of(squares, new.mean_square_length(), curvature),
        common_of(np.sqrt(squares * frequencies), model.featurizer.documents, curvature),
    )


def _squares(model: Model, grown: Extended, frequencies: NDArray[np.int64]) -> NDArray[np.float64]:
    """Σ f(x)_f² over the old documents, about: (V,) float64.

    frequencies  (V,) of old documents.  What a feature's square is where it occurs, is taken to be
                 alike for all, but for idf²: rows of length 1 tell how much, and where rows have no
                 such length, the new ones do.
    """
    options, rows = model.featurizer.options, grown.features
    bias = _bias_rows(grown)
    weight = np.ones(len(frequencies))
    if grown.featurizer.idf is not None:
        idf = grown.featurizer.idf.astype(np.float64)
        weight = (idf if grown.columns is None else idf[grown.columns.kept]) ** 2
    own = np.where(bias, 0, frequencies)
    entries, mean = float(own.sum()), float((own * weight).sum())
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


def _bias_rows(grown: Extended) -> NDArray[np.bool_]:
    """(V,) which row of θ is the bias's."""
    columns = grown.columns
    own = np.arange(grown.features.columns) if columns is None else columns.kept
    return np.asarray((own == 0) & grown.featurizer.options.bias)


def _totals(model: Model, labels: list[str]) -> NDArray[np.float64]:
    """What old documents of each label weigh: (L,), 0 of new labels, and where the model does not
    say."""
    old = label_weights(model.record).tolist()
    own = dict(zip(model.labels, old, strict=False))
    return np.array([own.get(label, 0.0) for label in labels])


def _has_lost_features(model: Model) -> bool:
    """Whether features were dropped, by an L1 penalty or ``compress``, of which nothing is known
    any more."""
    if "compressed" in model.record:
        return True
    options = model.featurizer.options
    sparse = bool(model.record.get("options", {}).get("l1"))
    return sparse and (options.hash_bits is not None or options.norm is None)


def _alike(model: Model, new: Objective, places: list[int]) -> float:
    """How much the labels of old documents and new are alike, 0 to 1.

    With s = Σ_ℓ min of their shares it is 2s − 1, or 0: where half of the new ones are of other
    labels, or all of one of two, they cannot be trusted to hold the old labels in their place.
    """
    old = np.zeros(new.labels)
    old[places] = model.record.get("corpus", {}).get("per_label", [0] * len(places))
    own = np.bincount(new.y, new.weights, minlength=new.labels)
    shared = float(np.minimum(old / max(old.sum(), 1), own / own.sum()).sum())
    return max(0.0, 2 * shared - 1)


def _unit_from(grown: Extended) -> int | None:
    """``Objective.unit_from`` of rows in all columns of a vocabulary."""
    options = grown.featurizer.options
    if options.norm == "l2" and options.hash_bits is None and grown.columns is None:
        return int(options.bias)
    return None


def _judge(validation: Corpus, grown: Extended, labels: list[str], threads: int) -> Objective:
    """Documents to compare answers to; y is L where no label is theirs."""
    rows = grown.featurizer.featurize(validation.batches, threads)
    if grown.columns is not None:
        rows = grown.columns.renumber(rows, threads)
    y, _ = recode(validation, labels)
    y = np.where(y < 0, np.int32(len(labels)), y)  # of labels that neither knows
    weights = document_weights(validation, None)
    return Objective(rows, y, weights, len(labels), 0.0, _unit_from(grown))


def _known_again(
    model: Model, corpus: Corpus, validation: Corpus | None, record: Json, threads: int
) -> Sketch | None:
    """The sketch of old documents and new; what stands more than once is told in the record's last
    update.  None where nothing is known of the old: to know the new alone would mislead."""
    told, before = record["updates"][-1], model.trained_on
    doubles = found_in(corpus, threads)
    after = None if before is None else before.joined(doubles.sketch)

    def overlap(sketch: Sketch | None, documents: Corpus) -> Json | None:
        return None if sketch is None else asdict(sketch.overlap(documents.batches, threads))

    told |= {"doubles": doubles.summary(corpus), "overlap": overlap(before, corpus)}
    if validation is not None:
        told["compared"]["overlap"] = overlap(after, validation)
    return after


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
    weighted = {}
    if corpus.weights is not None or "weight_per_label" in old:
        y, weights = recode(corpus, labels)[0], document_weights(corpus, None)
        totals = _totals(model, labels) + np.bincount(y, weights, len(labels))
        weighted = {"weight_per_label": totals.tolist()}
    record["corpus"] = old | {
        "files": old.get("files", [])
        + [name for name in files if name not in old.get("files", [])],
        "documents": grown.featurizer.documents,
        "skipped": old.get("skipped", 0) + corpus.skipped,
        "nonzeros": old.get("nonzeros", 0) + len(features.indices),
        "invalid_utf8": old.get("invalid_utf8", 0) + features.invalid,
        "weighted": bool(old.get("weighted")) or corpus.weights is not None,
        "per_label": list(counts.values()),
        **weighted,
    }
    rows = len(model.layers[0])
    record.setdefault("updates", []).append(
        {
            "files": files,
            "documents": len(corpus),
            "skipped": corpus.skipped,
            "invalid_utf8": features.invalid,
            "new_labels": [label for label in labels if label not in set(model.labels)],
            "features": [rows, features.columns],
        }
    )
    return record
