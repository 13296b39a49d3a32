"""Corpora larger than memory: text, rows and the state of training in one folder on disk.

chunks of files ──gather──▶ corpus.stored: the text, read once
                ──counts──▶ rows of counts, their columns numbered as they come
                ──parts───▶ training.stored: rows of features, dealt into parts
"""
