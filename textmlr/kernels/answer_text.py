"""Answers as text: lines label<TAB>probability, the likeliest first.

A probability is written as C's "%.10g" writes it, to the digit.  Its ten digits are the integer
nearest to p·10^q, reckoned in two float64, of which the second holds what the first cannot
(Dekker, Numer. Math. 18, 1971): exact while 10^q is, that is for p above 10^-13, and with an error
below 2^-60 of the last digit otherwise.
"""

import numpy as np

from textmlr.kernels.jit import kernel

DIGITS = 10
LARGEST, LEAST = 10**DIGITS, 10 ** (DIGITS - 1)
NUMBER = 16  # the most bytes a number takes: d.ddddddddde-ddd
RUN = 8  # labels
TAB, NEWLINE, ZERO, POINT, LETTER_E, MINUS = 9, 10, 48, 46, 101, 45
FIXED = -4  # the least exponent of ten that "%g" writes without one

# 10^q as the sum of two float64.  From FIRST_SCALED on it is 10^q·2^-SCALE, for numbers that are
# multiplied by 2^SCALE, since neither is a float64 otherwise.
SCALE, FIRST_SCALED, POWERS = 300, 280, 345
_UNITS = [2**SCALE if q >= FIRST_SCALED else 1 for q in range(POWERS)]
HIGH = np.array([10**q / unit for q, unit in enumerate(_UNITS)])
LOW = np.array(
    [
        (10**q - int(high) * unit) / unit
        for q, (high, unit) in enumerate(zip(HIGH, _UNITS, strict=True))
    ]
)
SCALED = 2.0**SCALE
SPLITTER = 134217729.0  # 2^27 + 1, Dekker's


@kernel
def _multiply(a, b):
    """The product of two float64 as the sum of two, exactly.  Source: Dekker, eq. 5.7 to 5.14."""
    c = SPLITTER * a
    a_high = c - (c - a)
    a_low = a - a_high
    c = SPLITTER * b
    b_high = c - (c - b)
    b_low = b - b_high
    high = a * b
    low = ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low
    return high, low


@kernel
def _nearest(p, q):
    """The integer nearest to p·10^q, of two the even one; the product is at most LARGEST."""
    if q >= FIRST_SCALED:
        p *= SCALED
    high, low = _multiply(p, HIGH[q])
    low += p * LOW[q]
    whole = np.int64(high)
    rest = (high - np.float64(whole) - 0.5) + low
    if rest > 0.0 or (rest == 0.0 and whole & 1):
        return whole + 1
    return whole


@kernel
def _product(p, q):
    """p·10^q, about."""
    return p * SCALED * HIGH[q] if q >= FIRST_SCALED else p * HIGH[q]


@kernel
def _exponent(p):
    """The least q with p·10^q >= LEAST, or the next, where that is a matter of rounding."""
    q = DIGITS - 1
    while _product(p, q + 8) < LEAST:
        q += 8
    while _product(p, q) < LEAST:
        q += 1
    return q


@kernel
def _put_number(p, out, at):
    """Write p, of 0 to 1, to out from ``at`` on as "%.10g" does; return where it ends.

    out (bytes,) uint8   with room for NUMBER bytes
    """
    if p == 0.0:
        out[at] = ZERO
        return at + 1
    q = _exponent(p)
    number = _nearest(p, q)
    if number >= LARGEST:  # rounded up to one digit more
        number, q = np.int64(LEAST), q - 1
    exponent = DIGITS - 1 - q
    left = DIGITS
    while number % 10 == 0:
        number //= 10
        left -= 1
    if exponent == 0:  # p is 1
        out[at] = ZERO + number
        return at + 1
    if exponent >= FIXED:
        out[at] = ZERO
        out[at + 1] = POINT
        at += 2
        for _ in range(-exponent - 1):
            out[at] = ZERO
            at += 1
        for place in range(at + left - 1, at - 1, -1):
            out[place] = ZERO + number % 10
            number //= 10
        return at + left
    for place in range(at + left, at + 1, -1):
        out[place] = ZERO + number % 10
        number //= 10
    out[at] = ZERO + number
    at += 1
    if left > 1:
        out[at] = POINT
        at += left
    return _put_exponent(-exponent, out, at)


@kernel
def _put_exponent(size, out, at):
    """Write e−size, of two digits at least; return where it ends."""
    out[at] = LETTER_E
    out[at + 1] = MINUS
    at += 2
    if size >= 100:
        out[at] = ZERO + size // 100
        size %= 100
        at += 1
    out[at] = ZERO + size // 10
    out[at + 1] = ZERO + size % 10
    return at + 2


@kernel
def _rank(p, order, scratch):
    """Write the labels to order, the likeliest first, ties in the order of the labels.

    p (L,) float64;  order (L,) int64  written;  scratch (L,) int64
    Insertion sort of runs of RUN, then merges (Knuth, TAOCP 3, 5.2.4, algorithm L).
    """
    labels = p.size
    for start in range(0, labels, RUN):
        for label in range(start, min(start + RUN, labels)):
            share = p[label]
            at = label
            while at > start and p[order[at - 1]] < share:
                order[at] = order[at - 1]
                at -= 1
            order[at] = label
    width = RUN
    while width < labels:
        for start in range(0, labels, 2 * width):
            left = start
            middle = min(start + width, labels)
            right = middle
            stop = min(start + 2 * width, labels)
            for at in range(start, stop):
                if left < middle and (right == stop or p[order[left]] >= p[order[right]]):
                    scratch[at] = order[left]
                    left += 1
                else:
                    scratch[at] = order[right]
                    right += 1
        order[:labels] = scratch[:labels]
        width *= 2


@kernel
def _likeliest(p):
    """The first of the labels with the highest probability;  p (L,) float64."""
    best = 0
    for label in range(1, p.size):
        if p[label] > p[best]:
            best = label
    return best


@kernel
def _put_line(label, share, names, ends, out, at):
    """Write label<TAB>probability and a line end; return where that ends.  Arrays as in write."""
    first = ends[label - 1] if label > 0 else 0
    for byte in range(first, ends[label]):
        out[at] = names[byte]
        at += 1
    out[at] = TAB
    at = _put_number(share, out, at + 1)
    out[at] = NEWLINE
    return at + 1


@kernel
def write(probabilities, top, least, names, ends, order, scratch, out):
    """Write answers as text; return how many bytes they take.

    A line label<TAB>probability for each of the ``top`` likeliest labels; before a document's
    lines an empty one, if top is more than 1.  Where the highest probability is below ``least``,
    a line with the name of "unsure" and that probability comes first, and it alone if top is 1.

    probabilities (n, L) float64
    names   (bytes,) uint8, ends (L + 1,) int64   the labels and "unsure" one after the other, and
            where each ends
    order, scratch (L,) int64  scratch
    out     (n·(1 + (top + 1)·(longest name + 2 + NUMBER)),) uint8   written
    """
    at = 0
    for document in range(probabilities.shape[0]):
        p = probabilities[document]
        if top == 1:
            order[0] = _likeliest(p)
        else:
            _rank(p, order, scratch)
            out[at] = NEWLINE
            at += 1
        share = p[order[0]]
        if share < least:
            at = _put_line(p.size, share, names, ends, out, at)
            if top == 1:
                continue
        for place in range(top):
            label = order[place]
            at = _put_line(label, p[label], names, ends, out, at)
    return at


@kernel
def write_numbers(numbers, out):
    """Write numbers of 0 to 1, one a line; return how many bytes they take.

    numbers (n,) float64;  out (n·(NUMBER + 1),) uint8   written
    """
    at = 0
    for i in range(numbers.size):
        at = _put_number(numbers[i], out, at)
        out[at] = NEWLINE
        at += 1
    return at
