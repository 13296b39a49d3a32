"""Text → f(x): tokens, n-grams, vocabulary or hashing, weights."""
