"""Stochastic gradient descent: trial runs, the choice among them and the final run."""
