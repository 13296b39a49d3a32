"""More training of a model: new documents on top of its θ."""
