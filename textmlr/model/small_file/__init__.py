"""The small form of a model file: names front-coded, θ in whole numbers, all of it compressed."""
