"""Explanations: why a document has the score it has, and what would change its label."""
