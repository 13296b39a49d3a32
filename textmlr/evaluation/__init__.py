"""The quality of a model: figures, intervals, comparison, curves, report."""
