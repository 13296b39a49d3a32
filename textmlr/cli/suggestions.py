"""Suggestions for a verb or an option that there is not: a slip of the keyboard, or the name that
another program has for it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches

import click

from textmlr.base.magic_bytes import is_model_file

CLOSE = 0.6  # of difflib's ratio
VERBS_OF_OTHERS = {
    "predict": "classify",
    "predict-prob": "classify",
    "predict_proba": "classify",
    "infer": "classify",
    "answer": "classify",
    "label": "classify",
    "fit": "train",
    "learn": "train",
    "supervised": "train",
    "build": "train",
    "test": "evaluate",
    "test-label": "evaluate",
    "score": "evaluate",
    "eval": "evaluate",
    "validate": "evaluate",
    "benchmark": "evaluate",
    "autotune": "tune",
    "search": "tune",
    "optimize": "tune",
    "finetune": "update",
    "retrain": "update",
    "partial_fit": "update",
    "partial-fit": "update",
    "continue": "update",
    "quantize": "compress",
    "prune": "compress",
    "shrink": "compress",
    "transform": "featurize",
    "vectorize": "featurize",
    "features": "featurize",
    "why": "explain",
    "lime": "explain",
    "shap": "explain",
    "show": "info",
    "inspect": "info",
    "describe": "info",
    "dump": "export",
    "convert": "export",
    "save": "export",
    "diff": "compare",
    "words": "top",
    "weights": "top",
    "docs": "guide",
    "manual": "guide",
    "man": "guide",
    "tutorial": "guide",
    "completions": "completion",
}
NO_SERVER = "there is no server; in Python, textmlr.load(MODEL).predict(texts) answers"
NO_VERBS_OF_OTHERS = {
    "serve": NO_SERVER,
    "server": NO_SERVER,
    "deploy": NO_SERVER,
    "help": "try 'textmlr --help', or 'textmlr VERB --help'",
    "version": "try 'textmlr --version'",
    "skipgram": "textmlr trains classifiers: textmlr train CORPUS",
    "cbow": "textmlr trains classifiers: textmlr train CORPUS",
}
# What other programs call an option, without dashes, and what it is here: the first of these
# options that the verb has.  Behind a comma stands how its value differs.
OPTIONS_OF_OTHERS: Mapping[str, Sequence[str]] = {
    # fastText
    "lr": ["--learning-rate"],
    "wordngrams": ["--ngrams, a range such as 1-2"],
    "minn": ["--char-ngrams, a range such as 3-6"],
    "maxn": ["--char-ngrams, a range such as 3-6"],
    "mincount": ["--min-df, which counts documents"],
    "bucket": ["--hash-bits, a power of two"],
    "dim": ["--hidden, the width of a hidden layer"],
    "thread": ["--threads"],
    "autotune-duration": ["--time"],
    "autotune-validation": ["--validation"],
    "autotune-modelsize": ["--max-size"],
    # scikit-learn
    "c": ["--l2, a penalty per document: the smaller, the larger C would be"],
    "ngram-range": ["--ngrams, a range such as 1-2"],
    "max-iter": ["--epochs"],
    "tol": ["--tolerance"],
    "penalty": ["--l2 or --l1", "--l2"],
    "alpha": ["--l2"],
    "lambda": ["--l2"],
    "weight-decay": ["--l2"],
    "n-jobs": ["--threads"],
    "random-state": ["--seed"],
    "test-size": ["--holdout"],
    "validation-split": ["--holdout"],
    "sublinear-tf": ["--term-frequency log"],
    "use-idf": ["--idf"],
    "binary": ["--term-frequency binary"],
    "analyzer": ["--char-ngrams, for n-grams of characters"],
    "stopwords": ["--stop-words"],
    "tokenizer": ["--token-pattern, a regular expression; functions are for Python alone"],
    # Vowpal Wabbit and others
    "b": ["--hash-bits"],
    "bit-precision": ["--hash-bits"],
    "passes": ["--epochs"],
    "ngram": ["--ngrams"],
    "random-seed": ["--seed"],
    "final-regressor": ["--output"],
    "initial-regressor": ["--model"],
    "iterations": ["--epochs"],
    "n-epochs": ["--epochs"],
    "num-epochs": ["--epochs"],
    "step-size": ["--learning-rate"],
    "valid": ["--validation"],
    "val": ["--validation"],
    "dev": ["--validation"],
    "eval": ["--validation"],
    "test": ["--test", "--validation, or 'textmlr evaluate' afterwards"],
    "split": ["--holdout"],
    "label": ["--label", "--label-column"],
    "labels": ["--label", "--label-column"],
    "target": ["--label-column"],
    "text": ["--text", "--text-column"],
    "model": ["--model", "--output"],
    "m": ["--model", "--output"],
    "out": ["--output"],
    "outfile": ["--output"],
    "jobs": ["--threads"],
    "workers": ["--threads"],
    "n": ["--top", "--features"],
    "num": ["--top", "--features"],
    "number": ["--top", "--features"],
    "limit": ["--top", "--features"],
    "proba": ["--top all"],
    "threshold": ["--min-probability"],
    "size": ["--max-size"],
    "budget": ["--time"],
    "timeout": ["--time"],
    "silent": ["--quiet"],
    # readers of tables
    "sep": ["--delimiter"],
    "separator": ["--delimiter"],
    "escapechar": ["--csv-escape"],
    "charset": ["--encoding"],
    "noheader": ["--no-header"],
}
NO_OPTIONS_OF_OTHERS = {
    "input": "files are named without an option",
    "data": "files are named without an option",
    "file": "files are named without an option",
    "verbose": "progress is shown unless --quiet is given",
    "version": "try 'textmlr --version'",
    "header": "a CSV file begins with a line of column names; where it does not: --no-header",
    "loss": "the loss is that of the softmax, always",
    "gpu": "an ordinary processor is enough",
    "device": "an ordinary processor is enough",
}


def unknown_verb(word: str, verbs: Sequence[str]) -> str:
    """The message about a verb that there is not."""
    begin = f"No such command '{word}'"
    plain = word.casefold()
    known = VERBS_OF_OTHERS.get(plain)
    if known in verbs:
        return f"{begin}; it is called {known} here"
    if plain in NO_VERBS_OF_OTHERS:
        return f"{begin}; {NO_VERBS_OF_OTHERS[plain]}"
    if os.path.exists(word):
        verb = "info" if is_model_file(word) else "train"
        command = shlex.join(["textmlr", verb, word])
        return f"{begin}; a verb comes before a file: {command}"
    near = [verb for verb in verbs if len(plain) > 2 and verb.startswith(plain)]
    near = near or get_close_matches(plain, verbs, 1, CLOSE)
    return f"{begin}; did you mean {near[0]}?" if near else f"{begin}; see 'textmlr --help'"


def unknown_option(
    name: str, words: Sequence[str], command: click.Command, others: Callable[[], Iterable[str]]
) -> str:
    """The message about an option that a command does not have.

    name    as Click read it: of -lr it knows -l
    words   of the command line
    others  names of verbs that have an option of the name
    """
    options = _options(command)
    name = _as_typed(name, words, options)
    begin = f"No such option '{name}'"
    plain = name.lstrip("-").replace("_", "-").casefold()
    if f"--{plain}" in options:
        return f"{begin}; did you mean --{plain}?"
    for mean in OPTIONS_OF_OTHERS.get(plain, ()):
        if mean.replace(",", " ").split()[0] in options:
            return f"{begin}; here it is {mean}"
    if plain in NO_OPTIONS_OF_OTHERS:
        return f"{begin}; {NO_OPTIONS_OF_OTHERS[plain]}"
    verbs = list(others())
    if isinstance(command, click.Group):
        if verbs:
            verb = next((word for word in words if word in verbs), verbs[0])
            return f"{begin} before the verb; it comes after it: textmlr {verb} {name}"
    elif verbs and name.startswith("--"):
        return f"{begin}; it is an option of {' and '.join(verbs[:3])}"
    if near := _near(plain, options):
        return f"{begin}; did you mean {near}?"
    path = f"textmlr {command.name}" if command.name in words[:1] else "textmlr"
    return f"{begin}; see '{path} --help-all'" if "--help-all" in options else begin


def _options(command: click.Command) -> list[str]:
    """All names of a command's options."""
    options = [one for one in command.params if isinstance(one, click.Option)]
    return [name for one in options for name in (*one.opts, *one.secondary_opts)]


def _as_typed(name: str, words: Sequence[str], options: Sequence[str]) -> str:
    """The option as it was typed: -lr, of which Click read -l, and --lr=1 without its value."""
    if name.startswith("--") or name in words:
        return name
    for word in words:
        own = word.partition("=")[0]
        if len(own) > 2 and own[0] == "-" != own[1] and name[1] in own and own[:2] not in options:
            return own
    return name


def _near(plain: str, options: Sequence[str]) -> str | None:
    """The option that is most likely meant: one that begins so, one with such a word, or one that
    is spelled nearly so."""
    long = sorted((name[2:] for name in options if name.startswith("--")), key=len)
    if len(plain) < 2:
        return None
    begin = [name for name in long if name.startswith(plain)]
    part = [name for name in long if plain in name.split("-") and len(plain) > 3]
    close = get_close_matches(plain, long, 1, CLOSE)
    return next((f"--{name}" for name in (*begin, *close, *part)), None)
