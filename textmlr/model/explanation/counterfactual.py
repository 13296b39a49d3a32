"""The fewest words without which a document has another label.

A word is removed wherever it occurs, in upper or lower case, and a space put in its place, so that
no two neighbours grow together.  The rest is classified like any text: n-grams across the gap,
document length and calibration all change with it.

The search tries all sets of one word, of two and so on while that is little work.  Then it removes
greedily the word that lowers the label's lead most, by scores of the remaining text, until another
label leads; and puts back each word that was not needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import check_label
from textmlr.base.errors import InputError
from textmlr.base.limits import MANY_LABELS
from textmlr.base.printable import plain
from textmlr.base.threads import available_threads, map_blocks
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import blocks_of
from textmlr.model.explanation.contributions import ExplainedModel, explain
from textmlr.model.explanation.document_tokens import DocumentTokens
from textmlr.model.explanation.read_document import read_document
from textmlr.model.ranked_answers import RankedAnswers

SPACE = 0x20
# Bytes of text that are classified for all sets of few words (a second or so), and in one step of
# the greedy search; and how much is in memory at a time.
EXHAUSTIVE_BYTES = 1 << 24
STEP_BYTES = 1 << 20
CHUNK_BYTES = 1 << 22
NEEDED_BYTES = 1 << 27  # bytes that are classified to put words back
FEWEST_TRIED = 4  # words, in a step
MANY_COST = 64  # with very many labels a byte takes so much longer to classify (measured)
FEW_BLOCK = 1 << 23  # probabilities in memory at a time, at most
LEAST = 1e-300  # P of which the logarithm is taken
GROWTH = 4  # a step removes one word more for so many removed before
Removed = tuple[int, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Counterfactual:
    """A document's label without some of its words.

    With a multi-label model: whether the document has a label without some of its words; ``label``
    is that label, new_label "" and new_probability 0.

    text          the document; bytes that are not UTF-8, and lone surrogates, are U+FFFD in it
    words         those removed, as they first stand in the text, in its order; () where no set was
                  found without which the label is another
    spans         (start, stop) of all their occurrences, characters of the text, in order
    label, probability    the document's label, the likeliest, and its P
    new_label, new_probability   those without the words
    remaining     P of ``label`` without the words
    proved        no fewer words would do; where none were found: no words would
    tried         all sets of up to so many words were tried
    threshold     of the label, by a multi-label model; None: a document has one label
    """

    text: str
    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    label: str
    probability: float
    new_label: str
    new_probability: float
    remaining: float
    proved: bool
    tried: int
    threshold: float | None = None

    def __repr__(self) -> str:
        """The result in words."""
        return f"Counterfactual: {plain(self.sentence())}"

    def sentence(self) -> str:
        """The result in words."""
        upto = f"sets of up to {self.tried} words" if self.tried > 1 else "single words"
        if not self.words:
            if self.proved:
                return f"No words can be removed that make {self._change}."
            tried = f" (all {upto} were tried)" if self.tried else ""
            return f"No words were found without which {self._change_is}{tried}."
        quoted = [f"“{word}”" for word in self.words]
        named = " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
        if self.proved:
            claim = "No fewer words do that."
        else:
            claim = "These are the fewest found" + (
                f"; no {upto} do that." if self.tried else ", not proved to be the fewest."
            )
        before, after = f"{100 * self.probability:.1f} %", f"{100 * self.remaining:.1f} %"
        if self.threshold is not None:
            has = "no longer has" if self._has else "has"
            least = f"{100 * self.threshold:.1f} %"
            return (
                f"Without {named} the document {has} the label {self.label} ({before}, then "
                f"{after}; its threshold is {least}). {claim}"
            )
        return (
            f"Without {named} the label is {self.new_label} ({100 * self.new_probability:.1f} %), "
            f"no longer {self.label} ({before}, then {after}). {claim}"
        )

    @property
    def _has(self) -> bool:
        """Whether the document has the label of a multi-label model."""
        return self.threshold is not None and self.probability >= self.threshold

    @property
    def _change(self) -> str:
        """What the words were to do."""
        if self.threshold is None:
            return f"the label another than {self.label}"
        lose = "lose" if self._has else "get"
        return f"the document {lose} the label {self.label}"

    @property
    def _change_is(self) -> str:
        """That it is done, behind "without which"."""
        if self.threshold is None:
            return f"the label is another than {self.label}"
        has = "no longer has" if self._has else "has"
        return f"the document {has} the label {self.label}"

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON values, those that the model gives."""
        not_its = ("threshold",) if self.threshold is None else ("new_label", "new_probability")
        return {name: getattr(self, name) for name in self.__slots__ if name not in not_its}


def find_counterfactual(
    model: ExplainedModel, document: str | bytes, label: str | None = None
) -> Counterfactual:
    """Find the fewest words without which the label of a document is another.

    label  of a multi-label model: the one that the document is to have no more, or to have; None:
           the likeliest
    Raises InputError if the document is not text, for a label that the model does not have, and for
    any where a document has one label.
    """
    if label is not None:
        check_label(label, model.labels)
        if model.thresholds is None:
            problem = "label: each document has one label by this model, the likeliest"
            raise InputError(problem, mend="leave label out")
    places = read_document(document, model.answerer.featurizer)
    search = _Search(model, places, None if label is None else model.labels.index(label))
    removed, tried = search.exhaustive()
    proved = removed is not None or tried == search.words
    if removed is None and not proved:
        removed = search.greedy()
        proved = removed is not None and len(removed) == tried + 1
    removed = removed or ()
    new, new_probability, remaining = search.answer(search.without(removed))
    own = np.flatnonzero(np.isin(search.word_of, removed))
    spans = zip(places.token_starts[own].tolist(), places.token_stops[own].tolist(), strict=True)
    firsts = sorted(int(np.flatnonzero(search.word_of == word)[0]) for word in removed)
    return Counterfactual(
        text=places.text,
        words=tuple(places.token_texts[i] for i in firsts),
        spans=tuple(spans),
        label=model.labels[search.label],
        probability=search.probability,
        new_label="" if search.threshold is not None else model.labels[new],
        new_probability=0.0 if search.threshold is not None else new_probability,
        remaining=remaining,
        proved=proved,
        tried=tried,
        threshold=search.threshold,
    )


class _Search:
    """Sets of words to remove, judged by classifying the rest.

    word_of  (t,) int64   number of each token's word
    words    how many there are
    label    number of the document's label;  probability  its P
    threshold  of the label, by a multi-label model
    """

    def __init__(
        self, model: ExplainedModel, places: DocumentTokens, label: int | None = None
    ) -> None:
        self.model, self.places = model, places
        _, self.word_of = np.unique(places.tokens, return_inverse=True)
        self.words = int(self.word_of.max(initial=-1)) + 1
        # Where labels are very many, the two likeliest say as much as all.
        self._is_few = len(model.labels) > MANY_LABELS and model.thresholds is None
        self._cost = MANY_COST if self._is_few else 1  # of a byte that is classified
        self.label = -1 if label is None else label
        best, likeliest, own = self.answer(places.block)
        if label is None:
            self.label, own = best, likeliest
        self.probability = own
        self.threshold: float | None = None
        self._side = 1.0  # which way the lead is to fall
        if model.thresholds is not None:
            self.threshold = float(model.thresholds[self.label])
            self._side = 1.0 if self.probability >= self.threshold else -1.0
        self._size = max(1, len(places.block.text))
        self._bytes = self._bytes_of_words()
        self._effects: NDArray[np.float64] | None = None  # lead without each word alone

    def answer(self, block: Batch) -> tuple[int, float, float]:
        """(the likeliest label of a document, its P, P of the label that is looked at)."""
        answerer = self.model.answerer
        if self._is_few:
            ranked = answerer.ranked(block, 1, np.full(1, self.label))
            best, p = ranked.labels.item(), ranked.probabilities.item()
            return best, p, ranked.of_truth.item()
        answers = answerer.answer(block)
        best = int(answers.best[0])
        p, own = answers.probabilities[0, [best, self.label]].tolist()
        return best, p, own

    def _bytes_of_words(self) -> list[NDArray[np.int64]]:
        """The places of the bytes of each word."""
        places = self.places
        lengths = places.byte_stops - places.byte_starts
        ends = np.cumsum(lengths)
        within = np.arange(lengths.sum()) - np.repeat(ends - lengths, lengths)
        at = np.repeat(places.byte_starts, lengths) + within
        word = np.repeat(self.word_of, lengths)
        order = np.argsort(word, kind="stable")
        edges = np.searchsorted(word[order], np.arange(1, self.words))
        return np.split(at[order], edges) if self.words else []

    def without(self, removed: Sequence[int]) -> Batch:
        """The document with one space in place of each occurrence of the words."""
        gone = np.isin(self.word_of, removed)
        data, kept, at = self.places.block.text.tobytes(), [], 0
        pairs = zip(
            self.places.byte_starts[gone].tolist(),
            self.places.byte_stops[gone].tolist(),
            strict=True,
        )
        for start, stop in pairs:
            kept += [data[at:start], b" "]
            at = stop
        text = np.frombuffer(b"".join([*kept, data[at:]]), np.uint8)
        return Batch(text, np.zeros(1, np.int64), np.full(1, len(text), np.int64))

    def exhaustive(self) -> tuple[Removed | None, int]:
        """(the best of the smallest sets that change the label, None if none does; the number of
        words up to which all sets were tried)."""
        spent = 0
        for size in range(1, self.words + 1):
            spent += math.comb(self.words, size) * self._size * self._cost
            if spent > EXHAUSTIVE_BYTES:
                return None, size - 1
            best, lowest, leads = None, math.inf, []
            for removed, lead, changed in self._judge(combinations(range(self.words), size)):
                leads.append(lead)
                if changed and lead < lowest:
                    best, lowest = removed, lead
            if size == 1:
                self._effects = np.array(leads)
            if best is not None:
                return best, size
        return None, self.words

    def greedy(self) -> Removed | None:
        """A set that changes the label, without needless words; None if none is found."""
        order = self._by_promise()
        breadth = max(FEWEST_TRIED, STEP_BYTES // (self._size * self._cost))
        removed: Removed = ()
        lead = math.inf
        while len(removed) < self.words:
            gone = set(removed)
            left = [word for word in order if word not in gone]
            for first in range(0, len(left), breadth):  # beyond the first few, till one lowers it
                rest = left[first : first + breadth]
                judged = list(self._judge((*removed, word) for word in rest))
                best = sorted(range(len(rest)), key=lambda i: judged[i][1])
                if judged[best[0]][1] < lead:
                    break
            else:
                return None  # no word lowers it further
            more = max(1, len(removed) // GROWTH)
            removed = (*removed, *(rest[i] for i in best[:more]))
            ((_, lead, changed),) = self._judge([removed])
            if changed:
                return self._needed(removed, breadth)
        return None

    def _by_promise(self) -> list[int]:
        """Words, first those without which the label seems to have the smallest lead."""
        effects = self._effects
        if effects is None:  # too much text to try each: by their shares of the margin
            label = self.model.labels[self.label]
            words = explain(self.model, self.places.text, label).words
            shares = [self._side * word.margin for word in words]
            effects = np.zeros(self.words)
            np.subtract.at(effects, self.word_of, shares)
        order: list[int] = np.argsort(effects, kind="stable").tolist()
        return order

    def _needed(self, removed: Removed, breadth: int) -> Removed:
        """Put back words while the label stays changed, each time the one of ``breadth`` that
        leaves it changed most clearly, until none can be put back, or NEEDED_BYTES are
        classified."""
        at = failed = spent = 0
        while failed < len(removed) > 1 and spent < NEEDED_BYTES:
            at = at if at < len(removed) else 0
            some = removed[at : at + breadth]
            sets = (tuple(word for word in removed if word != back) for back in some)
            good = [(lead, left) for left, lead, changed in self._judge(sets) if changed]
            spent += len(some) * self._size * self._cost
            if good:
                removed, failed = min(good)[1], 0
            else:
                at, failed = at + len(some), failed + len(some)
        return removed

    def _judge(self, sets: Iterable[Removed]) -> Iterator[tuple[Removed, float, bool]]:
        """(set, lead, whether the label is another) of sets of words; the lead is the label's
        score without them minus that of the best other, or minus that of its threshold."""
        rest = iter(sets)
        while chunk := list(islice(rest, max(1, CHUNK_BYTES // self._size))):
            texts = np.tile(self.places.block.text, (len(chunk), 1))
            for text, removed in zip(texts, chunk, strict=True):
                for word in removed:
                    text[self._bytes[word]] = SPACE
            yield from zip(chunk, *self._leads(texts), strict=True)

    def _leads(self, texts: NDArray[np.uint8]) -> tuple[list[float], list[bool]]:
        """(lead, whether the label is another) of each text;  texts (n, bytes)."""
        starts = np.arange(len(texts)) * self._size
        batch = Batch(texts.ravel(), starts, starts + self._size)
        if self._is_few:
            return self._leads_of_few(batch)
        answerer = self.model.answerer
        leads: list[float] = []
        changed: list[bool] = []
        for answers in map_blocks(answerer.answer, blocks_of([batch]), available_threads()):
            own = answers.scores[:, self.label].astype(np.float64)
            if self.threshold is None:
                others = np.delete(answers.scores, self.label, axis=1).max(axis=1)
                changed += (answers.best != self.label).tolist()
            else:
                others = np.full(len(own), _score_of(self.threshold))
                has = answers.probabilities[:, self.label] >= self.threshold
                changed += (has != (self._side > 0)).tolist()
            leads += (self._side * (own - others)).tolist()
        return leads, changed

    def _leads_of_few(self, batch: Batch) -> tuple[list[float], list[bool]]:
        """``_leads`` by P of the label and of the likeliest other, of which each is the logarithm
        of a score, up to z."""
        answerer, label = self.model.answerer, self.label

        def run(block: Batch) -> RankedAnswers:
            return answerer.ranked(block, 2, np.full(len(block), label))

        leads: list[float] = []
        changed: list[bool] = []
        most = max(1, FEW_BLOCK // answerer.width(2))
        for ranked in map_blocks(run, blocks_of([batch], most=most), available_threads()):
            first = ranked.labels[:, 0] == label
            others = np.where(first, ranked.probabilities[:, 1], ranked.probabilities[:, 0])
            logs = [np.log(np.maximum(p, LEAST)) for p in (ranked.of_truth, others)]
            leads += (logs[0] - logs[1]).tolist()
            changed += (~first).tolist()
        return leads, changed


def _score_of(p: float) -> float:
    """The score with this P by a sigmoid, at most that of the P nearest to 1."""
    return math.log(p) - math.log1p(-min(p, 1 - 2.0**-53))
