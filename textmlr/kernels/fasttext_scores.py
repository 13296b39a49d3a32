"""Documents to the scores of a fastText model, in float32 and in fastText's order of sums.

    h = (1/n) Σ of the document's n rows of theta,   y = upper·h

The scores of the labels are y themselves (softmax), or come from y by a table of sigmoids, or by a
tree.  Sums in another order would be as good; but where a table is cut into steps, the last bit of
a sum decides on which side of an edge it lies.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.fasttext_words import DONE, KNOWN, PHASE, _begin, _more_rows
from textmlr.kernels.jit import kernel, sum_rows

DIRECT, TABLE, TREE = 0, 1, 2
EDGE, STEPS = np.float32(8.0), np.float32(32.0)  # the table goes from −8 to 8, in steps of 1/32
# So much of what lies between two steps is left, so that labels do not tie: P moves by 4e-6.
LEFT = np.float32(1 / 2048)
LARGEST = np.float32(3e38)
HIGH = np.float32(1e4)  # a constant is taken off scores beyond it, so that log z keeps its digits
ULPS = np.float32(2.0**-22)


class FastTextLayers(NamedTuple):
    """A model above its dictionary.

    theta  (V, H) float32, upper (H, L) float32
    tree   (L − 1, 2) int32   the children of node L + k, below which P is 1 − σ(y_k) and σ(y_k);
                         numbers below L are labels, the last node is the root; (0, 2) without
    ranks  (L,) int32   each label's place among fastText's labels
    base   (L,) float32  scores of a document without any row
    kind   (1,) int64    DIRECT, TABLE or TREE
    """

    theta: Any
    upper: Any
    tree: Any
    ranks: Any
    base: Any
    kind: Any


class FastTextRoom(NamedTuple):
    """Scratch: ones (r,) float32, all 1; units (H,) int32, 0 to H − 1; hidden (H,) float32;
    outputs (L,) float32; logs (2L,) float64."""

    ones: Any
    units: Any
    hidden: Any
    outputs: Any
    logs: Any


@kernel
def _stepped(y):
    """(the score whose sigmoid is that of fastText's table, but for LEFT; its place in the table).

    The table has σ at the step below y, 0 below −8 and 1 above 8: at ∓16 σ is 1e-7 from these.
    """
    over = abs(y) - EDGE
    if over > 0:
        far = EDGE + EDGE + over / (np.float32(1.0) + over)
        return (far, np.int64(1) << 20) if y > 0 else (-far, np.int64(-1))
    place = np.int64((y + EDGE) * STEPS)
    step = np.float32(place) / STEPS - EDGE
    return step + LEFT * (y - step), place


@kernel
def _by_table(outputs, ranks, scores):
    """Write the scores of labels whose P are looked up in fastText's table.

    Of labels that tie in the table fastText's answer is the last; it gets the highest score.
    """
    best, winner = np.int64(-2), 0
    for label in range(scores.size):
        score, place = _stepped(outputs[label])
        scores[label] = score
        if place > best or (place == best and ranks[label] > ranks[winner]):
            best, winner = place, label
    _lift(scores, winner)


@kernel
def _lift(scores, winner):
    """Give a label a score above all others' that it has not, by as little as can be."""
    top = np.float32(-np.inf)
    for label in range(scores.size):
        if label != winner:
            top = max(top, scores[label])
    if scores[winner] <= top:
        scores[winner] = top + (abs(top) + ULPS) * ULPS


@kernel
def _directly(outputs, scores):
    """Write outputs as scores."""
    highest = outputs[0]
    for label in range(1, outputs.size):
        highest = max(highest, outputs[label])
    taken = highest if highest > HIGH else np.float32(0.0)
    for label in range(outputs.size):
        scores[label] = max(outputs[label] - taken, -LARGEST)


@kernel
def _down_the_tree(outputs, tree, logs, scores):
    """Write log P of each label to scores: Σ of log σ(±y) on its way from the root."""
    labels = scores.size
    logs[2 * labels - 2] = 0.0
    for k in range(labels - 2, -1, -1):
        y = np.float64(outputs[k])
        yes = min(y, 0.0) - math.log1p(math.exp(-abs(y)))
        own = logs[labels + k]
        logs[tree[k, 0]] = own + (yes - y)
        logs[tree[k, 1]] = own + yes
    winner = 0
    for label in range(labels):
        scores[label] = np.float32(max(logs[label], -np.float64(LARGEST)))
        if logs[label] > logs[winner]:
            winner = label
    _lift(scores, winner)


@kernel
def _are_numbers(outputs):
    """Make infinite outputs finite, and return whether all are numbers: fastText may leave rows
    unset, and what they hold may be anything."""
    for label in range(outputs.size):
        if np.isnan(outputs[label]):
            return False
        outputs[label] = min(max(outputs[label], -LARGEST), LARGEST)
    return True


@kernel
def _average(text, words, reading, theta, room):
    """Write the mean of the document's rows to room.hidden; return how many there are."""
    hidden = room.hidden
    count = _more_rows(text, words, reading)
    sum_rows(reading.rows, room.ones, 0, count, theta, hidden)
    while reading.state[PHASE] != DONE:
        n = _more_rows(text, words, reading)
        for entry in range(n):
            row = theta[reading.rows[entry]]
            for unit in range(hidden.size):
                hidden[unit] += row[unit]
        count += n
    if count > 0:
        share = np.float32(1.0 / count)
        for unit in range(hidden.size):
            hidden[unit] *= share
    return count


@kernel
def scores(text, starts, stops, words, layers, reading, room, out, known):
    """Write the scores of documents.

    text (bytes,) uint8;  starts, stops (n,) int64   each document's bytes
    words   fasttext_words.FastTextWords;  layers  FastTextLayers
    reading fasttext_words.FastTextReading, room FastTextRoom   scratch
    out     (n, L) float32   written (nats)
    known   (n,) int64   written: how many rows there are but that of </s>
    """
    for document in range(starts.size):
        _begin(starts[document], stops[document], reading)
        count = _average(text, words, reading, layers.theta, room)
        own = out[document]
        known[document] = reading.state[KNOWN]
        if count == 0:
            own[:] = layers.base
            continue
        outputs = room.outputs
        sum_rows(room.units, room.hidden, 0, room.hidden.size, layers.upper, outputs)
        if not _are_numbers(outputs):
            own[:] = layers.base
            known[document] = 0
            continue
        if layers.kind[0] == TREE:
            _down_the_tree(outputs, layers.tree, room.logs, own)
        elif layers.kind[0] == TABLE:
            _by_table(outputs, layers.ranks, own)
        else:
            _directly(outputs, own)
