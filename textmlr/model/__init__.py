"""The model: parameters, scores, P(Y=ℓ | x; θ), its file and its explanations."""
