"""Corpora whose documents have several labels, as files of each system that ``several_labels.py``
measures."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measuring import read_documents, write_lines
from rivals import PUNCTUATION, VW_SIGNS
from several_figures import Truth

HELD_OUT = 0.15  # share of the training documents


@dataclass(frozen=True, slots=True)
class Document:
    """label  as it stands in the file;  codes  of its labels that occur in the training file."""

    label: str
    codes: tuple[int, ...]
    text: str


@dataclass(frozen=True, eq=False, slots=True)
class Case:
    """A corpus: the labels of its training file, documents by part (all, part, held, test; see
    ``read_case``), truth of those that are asked, and a folder to be thrown away."""

    name: str
    labels: list[str]
    documents: dict[str, list[Document]]
    truth: dict[str, Truth]
    place: Path

    def text(self, kind: str, part: str) -> Path:
        """The file of a part for systems of a kind, written when first asked for."""
        path = self.place / f"{part}.{kind}"
        if not path.exists():
            asked = part in self.truth
            write_lines(path, (line_of(kind, one, asked) for one in self.documents[part]))
        return path


def line_of(kind: str, document: Document, asked: bool) -> str:
    """A document as a line of a system's file; ``asked``: of a file to be answered."""
    if kind == "tsv":
        return f"{document.label}\t{document.text}"
    text = " ".join(PUNCTUATION.sub(r" \1 ", document.text.lower()).split())
    if kind == "vw":
        codes = "" if asked else ",".join(map(str, document.codes))
        return f"{codes} | {text.translate(VW_SIGNS)}".lstrip()
    return text if asked else " ".join([*(f"__label__{c}" for c in document.codes), text])


def labels_of(label: str) -> set[str]:
    return set(filter(None, label.split("|")))


def several(folder: Path) -> bool:
    """Whether documents of a folder have several labels."""
    with open(folder / "train.tsv", "rb") as file:
        return any(b"|" in row.partition(b"\t")[0] for row in file)


def read_case(folder: Path, place: Path) -> Case:
    """The parts of a corpus: ``all`` is train.tsv, shuffled, ``held`` its first 15 %, ``part`` the
    others, ``test`` is test.tsv without the labels that train.tsv lacks."""
    train, test = (read_documents(folder / name) for name in ("train.tsv", "test.tsv"))
    labels = sorted(set[str]().union(*(labels_of(label) for label, _ in train)))
    codes = {label: code for code, label in enumerate(labels)}

    def document(label: str, text: str) -> Document:
        found = (codes[one] for one in labels_of(label) if one in codes)
        return Document(label, tuple(sorted(found)), text)

    documents = {"all": [document(*one) for one in train], "test": [document(*one) for one in test]}
    random.Random(1).shuffle(documents["all"])
    cut = round(HELD_OUT * len(train))
    documents["held"], documents["part"] = documents["all"][:cut], documents["all"][cut:]
    truth = {}
    for part in ("held", "test"):
        truth[part] = np.zeros((len(documents[part]), len(labels)), np.bool_)
        for row, one in zip(truth[part], documents[part], strict=True):
            row[list(one.codes)] = True
    return Case(folder.name, labels, documents, truth, place)
