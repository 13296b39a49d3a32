"""Models of fastText: read from its files, kept in textmlr's, and their answers."""
