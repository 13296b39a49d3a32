"""Options of a featurizer as kernels take them: an array of int64, (CODES,), indexed by these."""

SYMBOLS, MIN_LENGTH, LOW, HIGH, CHAR_LOW, CHAR_HIGH = 0, 1, 2, 3, 4, 5
BIAS, TERM_FREQUENCY, UNIT_NORM = 6, 7, 8
WIDTH = 9  # columns that hashes are folded to, 0 for a vocabulary
BITS = 10  # columns are below 2^bits; 0 leaves rows in the order of occurrence
CODES = 11  # how many there are
