"""Updates: how much they keep of the old documents and learn of new ones, beside training on all.

    python bench/updating.py --data DIR [--only r8,20ng-raw]

DIR holds one folder a corpus with train.tsv and test.tsv, label<TAB>text a line.  Documents
are shuffled (seeded); no options anywhere.  Two tables, of test accuracy and log loss in nats:

the same labels  A model is trained on half of the documents.  Beside it: the other half alone; all
                 (what an update is to come near to); an update of the first with the other half at
                 once, in 20 parts one after the other, and in one part that has all of the other
                 half's documents of one label, that with the most.  CPU is that of the first
                 update, nothing held out, over that of training on all.
new labels       A quarter of the labels (drawn at random, seeded) are left out of a first model's
                 training, whose update then has documents of those alone.  Beside it training on
                 all.  Accuracy also of test documents of the old labels and of the new.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import heading, line, parse, parser_of

from textmlr import Corpus, Model, UpdateOptions, read_corpus
from textmlr.evaluation.labelled_answers import answer
from textmlr.training.corpus_training import train_corpus
from textmlr.training.update.model_update import update_model

PARTS = 20
SHARE = 4
ONCE = UpdateOptions(holdout=0.0)


def figures(model: Model, test: Corpus) -> tuple[float, float]:
    """(accuracy, log loss) of a test corpus."""
    answered = answer(model, test)
    return float((answered.top == answered.codes).mean()), float(answered.losses.mean())


def shown(model: Model, test: Corpus) -> str:
    accuracy, loss = figures(model, test)
    return f"{accuracy:.4f}, {loss:.3f}"


def timed(job: Callable[[], Model]) -> tuple[Model, float]:
    began = time.process_time()
    return job(), time.process_time() - began


def same_labels(name: str, corpus: Corpus, test: Corpus) -> str:
    """A line of the first table."""
    order = np.random.default_rng(0).permutation(len(corpus))
    half = len(order) // 2
    first, rest = corpus.subset(np.sort(order[:half])), np.sort(order[half:])
    old, other = train_corpus(first), corpus.subset(rest)
    everything, whole = timed(lambda: train_corpus(corpus))
    updated, spent = timed(lambda: update_model(old, other, ONCE))
    in_parts = old
    for part in np.array_split(order[half:], PARTS):
        in_parts = update_model(in_parts, corpus.subset(np.sort(part)), ONCE)
    largest = np.bincount(corpus.y[rest]).argmax()
    one = update_model(old, corpus.subset(rest[corpus.y[rest] == largest]), ONCE)
    models = (old, train_corpus(other), everything, updated, in_parts, one)
    return line([name, *(shown(model, test) for model in models), f"{spent / whole:.2f}"])


def new_labels(name: str, corpus: Corpus, test: Corpus) -> list[str]:
    """Lines of the second table."""
    number = len(corpus.labels) // SHARE
    left_out = np.random.default_rng(3).choice(len(corpus.labels), number, replace=False)
    names = {corpus.labels[code] for code in left_out}
    new = np.isin(corpus.y, left_out)
    in_test = np.array([test.labels[code] in names for code in test.y])
    old = train_corpus(corpus.subset(np.flatnonzero(~new)))
    updated = update_model(old, corpus.subset(np.flatnonzero(new)), ONCE)
    parts = [test.subset(np.flatnonzero(which)) for which in (~in_test, in_test)]
    lines = []
    for what, model in (
        ("before", old),
        ("updated", updated),
        ("trained on all", train_corpus(corpus)),
    ):
        accuracies = [f"{figures(model, part)[0]:.4f}" for part in (test, *parts)]
        loss = "∞" if what == "before" else f"{figures(model, test)[1]:.3f}"
        lines.append(line([f"{name}, {number} of {len(corpus.labels)}", what, *accuracies, loss]))
    return lines


def main() -> None:
    arguments = parse(parser_of(__doc__))
    read = [
        (f.name, *(load(f / file) for file in ("train.tsv", "test.tsv"))) for f in arguments.folders
    ]
    heads = ["first half", "other half", "all", "update", f"in {PARTS} parts", "of one label"]
    print(heading(["corpus", *heads, "CPU"]))
    for name, corpus, test in read:
        print(same_labels(name, corpus, test), flush=True)
    print("\n" + heading(["corpus, new labels", "", "all", "old labels", "new labels", "loss"]))
    for name, corpus, test in read:
        if len(corpus.labels) >= 2 * SHARE:
            print(*new_labels(name, corpus, test), sep="\n", flush=True)


def load(path: Path) -> Corpus:
    return read_corpus([str(path)])


if __name__ == "__main__":
    main()
