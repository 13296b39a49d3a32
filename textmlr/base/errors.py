"""Errors that a user can mend, and their messages."""

from __future__ import annotations

from typing import Any

from textmlr.base.option_mentions import Spelled, in_python, mentions_options, spelled


class InputError(ValueError):
    """Input that cannot be used as it is: the message says where, what, and the mend.

    str(error) reads ``place: problem; mend``, for instance
    ``reviews.tsv, line 7: no tab between label and text; write label<TAB>text, or pass
    --skip-bad-lines``.  The command line prints it without a traceback and exits with 2.

    problem  what is wrong, one clause
    place    the file (or argument) it is in, None where there is only one
    line     the line, counted from 1, None where it is the whole file
    mend     what the user can do about it, one clause
    guide    the topic of the guide that says more, None where there is none; it is no part of
             str(error)
    problem and mend may mention options (``option_mentions``), which are spelled as in Python.

    >>> str(InputError("blank line", place="reviews.tsv", line=7, mend="delete it"))
    'reviews.tsv, line 7: blank line; delete it'
    """

    guide: str | None = None

    def __init__(
        self,
        problem: str,
        *,
        place: str | None = None,
        line: int | None = None,
        mend: str | None = None,
        guide: str | None = None,
    ) -> None:
        self._texts = problem, mend
        problem = spelled(problem, in_python)
        mend = mend and spelled(mend, in_python)
        self.problem = problem
        self.place = place
        self.line = line
        self.mend = mend
        if guide is not None:
            self.guide = guide
        where = place or ""
        if line is not None:
            where = f"{where}, line {line}" if where else f"line {line}"
        message = f"{where}: {problem}" if where else problem
        super().__init__(f"{message}; {mend}" if mend else message)

    def but(self, **changed: Any) -> InputError:
        """The same error with some of problem, place, line and mend in other words."""
        problem, mend = self._texts
        words = {"problem": problem, "place": self.place, "line": self.line, "mend": mend}
        return type(self)(**(words | {"guide": self.guide} | changed))

    def with_options(self, spelling: Spelled) -> InputError:
        """This error, or the same with the options that it mentions spelled in another way."""
        problem, mend = self._texts
        if not (mentions_options(problem) or mentions_options(mend or "")):
            return self
        mend = mend and spelled(mend, spelling)
        return self.but(problem=spelled(problem, spelling), mend=mend)


class FormatError(InputError):
    """A file or table whose form, columns or labels are not as they should be."""

    guide = "formats"


class ModelFileError(InputError):
    """A model file that is not whole, not ours, or does not agree with itself."""

    guide = "model-files"


class KernelWarning(RuntimeWarning):
    """Kernels work, but not as they should: they cannot be kept, or this Numba is not known.

    The command line prints it as one line.
    """
