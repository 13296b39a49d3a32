"""Training on a stream: each document is predicted, trained on and forgotten."""
