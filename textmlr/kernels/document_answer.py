"""Documents to answers in one go: text to row, and on to scores, log z and probabilities.

Each document passes through scratch that stays in cache, and only answers are written to memory.
The steps are the kernels of the other files.
"""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.column_numbers import _renumber_row
from textmlr.kernels.csr_rows import _weigh_row
from textmlr.kernels.document_rows import _count, _find_columns, _grams, _row
from textmlr.kernels.featurizer_codes import BIAS, TERM_FREQUENCY, UNIT_NORM
from textmlr.kernels.jit import kernel
from textmlr.kernels.layers import SUMS, _forward
from textmlr.kernels.linear import _calibrate
from textmlr.kernels.sigmoids import _bend, _second_pass, _sigmoids
from textmlr.kernels.softmax import _softmax

# Base scores begin here in ModelArrays.calibration: one array fewer to hand over saves a twentieth
# of the time that a short document takes.
BASE = 6
BEND = 3  # slopes of sigmoids


class ModelArrays(NamedTuple):
    """A model, for documents that are rows of f(x).

    kept         (V,) int32   row of theta of each column, −1 for none; (0,): all in order; or a
                 sparse table, see ``column_numbers``
    layers       Layers, as many rows of theta as there are
    calibration  (BASE,) float64, or (0,)   see ``linear._calibrate``, and ``sigmoids._bend``; or
                 (BASE + L,): then follow the final scores of a document whose features have no
                 weights; without them it has those of the bias.  Behind these may be what
                 ``sigmoids._second_pass`` takes
    """

    kept: Any
    layers: Any
    calibration: Any


class RowScratch(NamedTuple):
    """Scratch for the row of one document, of at most t - 1 bytes and g n-grams.

    words (WINDOW + t + g,) uint64, numbers (4 + 2t + 5g,) int64
    indices (g + 1,) int32, values (g + 1,) float32
    """

    words: Any
    numbers: Any
    indices: Any
    values: Any


class AnswerArrays(NamedTuple):
    """Answers to n documents.

    scores (n, L) float32, log_z (n,) float64, probabilities (n, L) float64
    known  (n,) int64   distinct features of each document, the bias not counted; 0 where its scores
                        are those behind ``ModelArrays.calibration``
    """

    scores: Any
    log_z: Any
    probabilities: Any
    known: Any


@kernel
def _speaks(indices, values, first, last, theta):
    """Whether one of the entries first:last of a row has a weight in theta that is not 0.

    indices int32, values float32;  theta (V, W1) float32
    """
    for entry in range(first, last):
        row = theta[indices[entry]]
        if values[entry] != 0.0:
            for unit in range(row.size):
                if row[unit] != 0.0:
                    return True
    return False


@kernel
def _score_row(document, n, featurizer, model, indices, values, units, out):
    """Turn the counts of a document's features into its scores.

    n   entries of indices and values, the bias among them
    The others are as ``answer`` has them; scores and known of out are written for the document.
    """
    codes, idf = featurizer.codes, featurizer.idf
    kept, layers, calibration = model
    first = 1 if codes[BIAS] != 0 else 0
    _weigh_row(indices, values, first, n, codes[TERM_FREQUENCY], idf, codes[UNIT_NORM] != 0)
    if kept.size > 0:
        n = _renumber_row(kept, indices, values, n)
    _forward(indices, values, 0, n, layers, np.float32(1.0), 0.0, np.uint64(0), units)
    # Only now, when the rows of theta are in cache.
    known = n - first
    scores = out.scores[document]
    if calibration.size > BASE and not _speaks(indices, values, first, n, layers.theta):
        known = 0
        for label in range(scores.size):
            scores[label] = np.float32(calibration[BASE + label])
    else:
        for label in range(scores.size):
            scores[label] = units.work[SUMS, layers.shape.size - 2, label]
        _calibrate(scores, calibration)
    out.known[document] = known


@kernel
def _score_text(document, text, starts, stops, featurizer, model, scratch, units, out):
    """Write the scores of one document; return the number of its invalid UTF-8 subparts.

    All are as ``answer`` has them.
    """
    codes = featurizer.codes
    words, numbers, indices, values = scratch
    own = slice(document, document + 1)
    first, last, bad = _grams(text, starts[own], stops[own], codes, words, numbers)
    used = 4 + 2 * (stops[document] - starts[document] + 1)
    columns = numbers[used : used + last - first]
    found = _find_columns(words[first:last], featurizer, columns)
    n = _row(columns[:found], codes, numbers[used + last - first :], indices, values, 0)
    _score_row(document, n, featurizer, model, indices, values, units, out)
    return bad


@kernel
def _score_counts(document, columns, counts, offsets, featurizer, model, scratch, units, out):
    """Write the scores of one document.  All are as ``answer_counts`` has them."""
    _, numbers, indices, values = scratch
    indices[0] = 0
    values[0] = 1.0
    own = slice(offsets[document], offsets[document + 1])
    bias = 1 if featurizer.codes[BIAS] != 0 else 0
    n = _count(columns[own], counts[own], numbers, indices, values, bias)
    _score_row(document, n, featurizer, model, indices, values, units, out)


@kernel
def answer(text, starts, stops, featurizer, model, scratch, units, out):
    """Answer for documents; return the number of invalid UTF-8 subparts.

    text Text, starts, stops (n,) int64   as in ``tokens.split``
    featurizer FeaturizerArrays, model ModelArrays
    scratch    RowScratch, units  Units   scratch
    out        AnswerArrays   written
    """
    invalid = 0
    for document in range(starts.size):
        invalid += _score_text(
            document, text, starts, stops, featurizer, model, scratch, units, out
        )
        out.log_z[document] = _softmax(out.scores[document], out.probabilities[document])
    return invalid


@kernel
def answer_counts(columns, counts, offsets, featurizer, model, scratch, units, out):
    """``answer`` for documents whose distinct n-grams are counted already, to the same bits.

    columns, counts (m,) int32   the column of each distinct n-gram, in order of occurrence, −1 for
                                 one that is no feature, and how often it occurs
    offsets (n + 1,) int64       document i has those of offsets[i]:offsets[i + 1]
    scratch RowScratch           of which words are not used; numbers (4g,), for at most g of them a
                                 document
    """
    for document in range(offsets.size - 1):
        _score_counts(document, columns, counts, offsets, featurizer, model, scratch, units, out)
        out.log_z[document] = _softmax(out.scores[document], out.probabilities[document])


@kernel
def _bend_row(document, calibration, out):
    """Calibrate the scores of sigmoids, unless they are those behind ``calibration``."""
    scores = out.scores[document]
    if calibration.size == BASE or (calibration.size > BASE and out.known[document] > 0):
        _bend(scores, calibration[BEND:BASE])
        second = BASE + scores.size
        if calibration.size > second:
            _second_pass(scores, calibration[second:], out.probabilities[document])


@kernel
def sigmoid_answer(text, starts, stops, featurizer, model, scratch, units, out):
    """``answer`` by independent sigmoids."""
    invalid = 0
    for document in range(starts.size):
        invalid += _score_text(
            document, text, starts, stops, featurizer, model, scratch, units, out
        )
        _bend_row(document, model.calibration, out)
        out.log_z[document] = _sigmoids(out.scores[document], out.probabilities[document])
    return invalid


@kernel
def sigmoid_answer_counts(columns, counts, offsets, featurizer, model, scratch, units, out):
    """``answer_counts`` by independent sigmoids."""
    for document in range(offsets.size - 1):
        _score_counts(document, columns, counts, offsets, featurizer, model, scratch, units, out)
        _bend_row(document, model.calibration, out)
        out.log_z[document] = _sigmoids(out.scores[document], out.probabilities[document])
