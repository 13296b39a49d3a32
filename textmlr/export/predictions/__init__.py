"""A model's predictions over a corpus: its own columns and more, streamed from files to a file."""
