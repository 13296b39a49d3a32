"""Do models of fastText that are imported answer as fastText does?

    python bench/imported.py --data DIR [--only trec6]

DIR holds one folder a corpus with a train.tsv and a test.tsv, label<TAB>text a line.  For each
loss and each kind of n-grams the library trains a model, plain and quantised, and it is imported.
A row says how far P is from the library's less what it adds to each (1e-5; on a tree at each
branch, which is left in), and how many answers differ.  The library begins with memory that it has
not cleared, and now and then meets a NaN: such a model is trained again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measuring import parse, parser_of, read_lines

import textmlr

ADDED = 1e-5
DOCUMENTS = 1000
TRIES = 50
THREADS = 10  # clear all of the library's memory, fewer only some tenths
KINDS: dict[str, dict[str, int]] = {
    "words": {},
    "word n-grams": {"wordNgrams": 3, "bucket": 50_000},
    "characters": {"minn": 2, "maxn": 5, "bucket": 50_000},
}


def trained(corpus: str, path: str, loss: str, kind: str, *, quantised: bool) -> Any:
    """A model of the library's, written to a path and read from there."""
    import fasttext

    for last in range(TRIES - 1, -1, -1):
        try:
            own = fasttext.train_supervised(
                corpus, loss=loss, dim=12, thread=THREADS, verbose=0, **KINDS[kind]
            )
            if quantised:
                own.quantize(
                    corpus, cutoff=2000, retrain=True, qnorm=True, thread=THREADS, verbose=0
                )
            break
        except RuntimeError as error:
            if "NaN" not in str(error) or not last:
                raise
    own.save_model(path)
    return fasttext.load_model(path)


def difference(theirs: Any, path: str, texts: list[str]) -> tuple[float, int]:
    """(largest |ΔP| less what the library adds, answers that differ)."""
    model = textmlr.import_model(path)
    own, largest, others = model.probabilities(texts), 0.0, 0
    for text, p in zip(texts, own, strict=True):
        try:
            labels, shares = theirs.predict(text, k=-1)
        except RuntimeError:  # a NaN, in a row that the library has not cleared
            continue
        order = [model.labels.index(label.removeprefix("__label__")) for label in labels]
        largest = max(largest, float(np.abs(p[order] + ADDED - shares).max(initial=0.0)))
        others += int(p.argmax()) != order[0]
    return largest, others


def rows(folder: Path, place: Path) -> Iterator[str]:
    """A line of figures for each model of a corpus."""
    corpus = place / "train.txt"
    pairs = (line.partition(b"\t") for line in read_lines(folder / "train.tsv"))
    lines = (b"__label__%b %b\n" % (label.replace(b" ", b"_"), text) for label, _, text in pairs)
    corpus.write_bytes(b"".join(lines))
    test = read_lines(folder / "test.tsv")[:DOCUMENTS]
    texts = [line.partition(b"\t")[2].decode("utf-8", "replace") for line in test]
    for loss in ("softmax", "hs", "ova", "ns"):
        for kind in KINDS:
            for quantised in (False, True):
                path = str(place / "model")
                theirs = trained(str(corpus), path, loss, kind, quantised=quantised)
                largest, others = difference(theirs, path, texts)
                form = ".ftz" if quantised else ".bin"
                yield f"{folder.name:16} {loss:8} {kind:13} {form} {largest:12.1e} {others:6}"


def main() -> None:
    arguments = parse(parser_of(__doc__), ("train.tsv", "test.tsv"))
    print(f"{'corpus':16} {'loss':8} {'n-grams':13} file  largest ΔP other answers")
    for folder in arguments.folders:
        with tempfile.TemporaryDirectory() as place:
            for row in rows(folder, Path(place)):
                print(row, flush=True)


if __name__ == "__main__":
    main()
