"""f(x) of a corpus as files that other programs learn from: .npz, svmlight, Vowpal Wabbit."""
