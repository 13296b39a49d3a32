"""Training: a corpus in, a Model out."""
