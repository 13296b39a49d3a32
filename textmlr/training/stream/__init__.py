"""Training on a stream: each document is predicted, then learnt, and gone."""
