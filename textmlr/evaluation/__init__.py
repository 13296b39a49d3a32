"""How good a model is: figures, intervals, comparison, curves, report."""
