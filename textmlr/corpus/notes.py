"""What a reading of files says of the documents that it left out."""

from __future__ import annotations

from textmlr.base.errors import InputError


def nothing_read(names: list[str], skipped: int, examples: list[str], form: str) -> InputError:
    """The error of a corpus without documents.

    skipped, examples  lines left out, and what is wrong with some
    form               what documents are written as
    """
    if not skipped:
        return InputError("no documents", place=", ".join(names), mend="write one a row")
    problem = f"all {skipped} lines are bad; the first: {examples[0]}"
    return InputError(problem, mend=f"write {form}")
