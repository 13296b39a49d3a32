"""The quality of a model that gives a document any number of labels."""
