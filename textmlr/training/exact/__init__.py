"""The minimum of the objective, to a tolerance that is proved.

``solver`` minimises with an L2 penalty: ``dual`` ascends over documents, on columns that
``merging`` has made fewer, and ``newton`` finishes, on the problem that ``span`` states.
``proximal`` minimises with an L1 penalty, by steps over columns (``quadratic``, ``bycolumn``).
``certificate`` proves how near the minimum an ``Optimum`` is.
"""
