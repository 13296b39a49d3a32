"""The form of a sparse θ in a model's file: rows within rows, and weights as symbols."""
