"""The files of a report: its page, and its figures as PNG."""

from __future__ import annotations

import os
from os import PathLike

from textmlr.base.whole_files import atomic_files
from textmlr.evaluation.report.images import Images

PAGE = "report.html"
FIGURES = ("reliability", "coverage", "confusion", "confusion-most", "precision-recall", "learning")
RANK_FIGURES = ("likeliest", "by-training")  # only of very many labels
SET_FIGURES = ("thresholds", "mistaken", "together", "together-answered")  # only of label sets
ALL_FIGURES = FIGURES + RANK_FIGURES + SET_FIGURES


def files_of(folder: str) -> list[str]:
    """The files that a report may write in its folder."""
    names = (PAGE, *(f"{name}.png" for name in ALL_FIGURES))
    return [os.path.join(folder, name) for name in names]


def write_files(folder: str | PathLike[str], page: str, images: Images) -> str:
    """Write the page and the figures, as light pages show them, to a folder: all of them or none.

    Returns the path of the page.  Images of an earlier report that this one lacks are removed.
    """
    contents = {f"{name}.png": light for name, (light, _) in images.items()}
    contents[PAGE] = page.encode()
    with atomic_files([os.path.join(folder, name) for name in contents]) as temporaries:
        for temporary, content in zip(temporaries, contents.values(), strict=True):
            with open(temporary, "wb") as file:
                file.write(content)
    for name in ALL_FIGURES:
        old = os.path.join(folder, f"{name}.png")
        if name not in images and os.path.exists(old):
            os.unlink(old)
    return os.path.join(folder, PAGE)
