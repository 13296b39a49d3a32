"""Labels as figures can show them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from textmlr.base.web_page import name_of

NAME = 26  # characters of a label in a figure


class ShownLabels:
    """Labels as figures can show them: cut, and in fonts that have their characters.

    Where no font on the machine has a label's characters, or they cannot be seen, it is shown as
    "label 12", by its place among the labels.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = list(labels)
        self.families, missing = _fonts_for({c for label in self.labels for c in label})
        self._shown: dict[str, str] = {}
        self.numbered: list[str] = []  # labels shown as their numbers
        for number, label in enumerate(self.labels, 1):
            plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in label)
            drawable = plain.strip() and not missing & set(plain)
            self._shown[label] = cut(plain, NAME) if drawable else f"label {number}"
            if not drawable:
                self.numbered.append(label)

    def __getitem__(self, label: str) -> str:
        return self._shown[label]

    def key(self) -> str:
        """What the numbers mean, HTML; "" where no label is shown as one."""
        if not self.numbered:
            return ""
        key = ", ".join(f"{self[label]} is {name_of(label)}" for label in self.numbered)
        return f"<p>No font has the characters of some labels: in the figures {key}.</p>"


def cut(text: str, most: int) -> str:
    """Text of at most so many characters, with … where it is cut."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _fonts_for(characters: Iterable[str]) -> tuple[list[str], set[str]]:
    """(families beside the default that are needed for characters, characters no font has)."""
    from matplotlib import font_manager

    def lacking(path: str, wanted: set[str]) -> set[str]:
        known = font_manager.get_font(path).get_charmap()
        return {c for c in wanted if ord(c) not in known}

    missing = lacking(font_manager.findfont("DejaVu Sans"), {c for c in characters if c > " "})
    families = []
    for font in sorted(font_manager.fontManager.ttflist, key=lambda f: (f.name, f.fname)):
        if not missing:
            break
        # The last resort, which comes with matplotlib, has a box for every character there is.
        if font.style != "normal" or font.name.startswith("Last Resort"):
            continue
        left = lacking(font.fname, missing)
        if len(left) < len(missing):
            families.append(font.name)
            missing = left
    return families, missing
