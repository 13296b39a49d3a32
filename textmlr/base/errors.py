"""Errors that a user can mend, and their messages."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used as it is: the message says where, what, and the mend.

    str(error) reads ``place: problem; mend``, for instance
    ``reviews.tsv, line 7: no tab between label and text; write label<TAB>text, or pass
    --skip-bad-lines``.  The command line prints it without a traceback and exits with 2.

    problem  what is wrong, one clause
    place    the file (or argument) it is in, None where there is only one
    line     the line, counted from 1, None where it is the whole file
    mend     what the user can do about it, one clause

    >>> str(InputError("blank line", place="reviews.tsv", line=7, mend="delete it"))
    'reviews.tsv, line 7: blank line; delete it'
    """

    def __init__(
        self,
        problem: str,
        *,
        place: str | None = None,
        line: int | None = None,
        mend: str | None = None,
    ) -> None:
        self.problem = problem
        self.place = place
        self.line = line
        self.mend = mend
        where = place or ""
        if line is not None:
            where = f"{where}, line {line}" if where else f"line {line}"
        message = f"{where}: {problem}" if where else problem
        super().__init__(f"{message}; {mend}" if mend else message)


class ModelFileError(InputError):
    """A model file that is not whole, not ours, or does not agree with itself."""


class KernelWarning(RuntimeWarning):
    """Kernels work, but not as they should: they cannot be kept, or this Numba is not known.

    The command line prints it as one line.
    """
