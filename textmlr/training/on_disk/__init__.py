"""Corpora larger than memory: text, rows and the state of training in one folder on disk.

chunks of files ──gather──────▶ corpus.disk_corpus: the text, read once
                ──row_counts──▶ rows of counts, their columns numbered as they come
                ──part_files──▶ disk_objective: rows of features, dealt into parts
"""
