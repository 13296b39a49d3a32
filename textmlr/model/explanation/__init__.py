"""Explanations: the reasons for a document's score, and the words that decide its label."""
