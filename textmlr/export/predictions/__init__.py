"""A corpus with a model's predictions as further columns, streamed from files to a file."""
