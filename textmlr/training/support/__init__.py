"""Training of a sparse θ, whose weights stand only where feature and label met."""
