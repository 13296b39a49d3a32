"""exp of many numbers, several at a time: LLVM makes vector instructions of these loops.

exp(x) = 2^k·exp(r) with k = round(x/ln 2) and |r| <= ln(2)/2, where Taylor's series to r^13/13! is
exact to float64's last bit but one.  ln 2 is taken off in two parts, the first with trailing zeros
(Cody and Waite, Software Manual for the Elementary Functions, 1980, chapter 6).
"""

import numpy as np

from textmlr.kernels.jit import compiled

CHUNK = 512  # numbers that stay in the nearest cache
LOWEST = -700.0  # exp of less would not be a normal number: it is taken as this
_PER_LN2 = 1.44269504088896338700
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_C2, _C3, _C4, _C5 = 1 / 2, 1 / 6, 1 / 24, 1 / 120
_C6, _C7, _C8, _C9 = 1 / 720, 1 / 5040, 1 / 40320, 1 / 362880
_C10, _C11, _C12, _C13 = 1 / 3628800, 1 / 39916800, 1 / 479001600, 1 / 6227020800


@compiled
def _exponentials(scores, highest, n, out, powers):
    """Write exp(scores − highest) to out; return their sum.

    scores, out (n or more,) float64, no score above the highest
    powers (CHUNK,) int64   scratch
    """
    total = 0.0
    factors = powers.view(np.float64)
    for first in range(0, n, CHUNK):
        many = min(CHUNK, n - first)
        own, given = out[first : first + many], scores[first : first + many]
        for i in range(many):
            x = max(given[i] - highest, LOWEST)
            k = np.floor(x * _PER_LN2 + 0.5)
            r = (x - k * _LN2_HIGH) - k * _LN2_LOW
            high = _C9 + r * (_C10 + r * (_C11 + r * (_C12 + r * _C13)))
            low = _C5 + r * (_C6 + r * (_C7 + r * (_C8 + r * high)))
            own[i] = 1.0 + r * (1.0 + r * (_C2 + r * (_C3 + r * (_C4 + r * low))))
            powers[i] = np.int64(k)
        for i in range(many):
            powers[i] = (powers[i] + 1023) << 52  # the bits of 2^k
        a = b = c = d = 0.0
        whole = many - many % 4
        for i in range(many):
            own[i] *= factors[i]
        for i in range(0, whole, 4):
            a += own[i]
            b += own[i + 1]
            c += own[i + 2]
            d += own[i + 3]
        for i in range(whole, many):
            a += own[i]
        total += (a + b) + (c + d)
    return total
