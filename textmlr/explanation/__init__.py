"""Explanations: why a document has the score it has, and what would change its label."""

from textmlr.explanation.removal import Removal, remove
from textmlr.explanation.shares import Contribution, Explanation, Parts, Word, explain
from textmlr.explanation.webpage import write_page

__all__ = [
    "Contribution", "Explanation", "Parts", "Removal", "Word", "explain", "remove", "write_page",
]  # fmt: skip
