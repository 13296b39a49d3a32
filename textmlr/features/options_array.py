"""A featurizer's options in the form that kernels take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.kernels import featurizer_codes as kernels

TERM_FREQUENCY = {"binary": 0, "raw": 1, "log": 2}


def options_array(options: FeaturizerOptions) -> NDArray[np.int64]:
    """(CODES,) int64, see ``kernels.featurizer_codes``; WIDTH and BITS are 0."""
    codes = np.zeros(kernels.CODES, np.int64)
    codes[kernels.SYMBOLS] = options.punctuation
    codes[kernels.MIN_LENGTH] = options.min_token_length
    codes[kernels.LOW], codes[kernels.HIGH] = options.word_range or (0, 0)
    codes[kernels.CHAR_LOW], codes[kernels.CHAR_HIGH] = options.char_range or (0, 0)
    codes[kernels.BIAS] = options.bias
    codes[kernels.TERM_FREQUENCY] = TERM_FREQUENCY[options.term_frequency]
    codes[kernels.UNIT_NORM] = options.norm == "l2"
    return codes
