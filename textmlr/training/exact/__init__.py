"""The minimum of the objective, to a tolerance that is proved.

``solver`` minimises with an L2 penalty: ``dual`` ascends over documents, on ``merged_columns``, and
``newton`` finishes, on the problem that ``span`` states.  ``proximal_newton`` minimises with an L1
penalty, by steps over columns (``quadratic``, ``by_column``).  ``likelihood`` is what labels add to
the problem, one a document or sets; of sets ``label_blocks`` and ``sparse_labels`` solve the labels
apart.  ``penalty_path`` chooses λ.  ``certificate`` proves how near the minimum an ``Optimum`` is.
"""
