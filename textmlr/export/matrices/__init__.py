"""f(x) of a corpus as files that other programs train on: .npz, svmlight, Vowpal Wabbit."""
