"""Command lines over all verbs and options, on tiny files: done, or refused in words.

A line is put together from what click knows of each verb, values out of a few of their kind, and
some that are not.  It ends with code 0 or 2 and without a traceback; a file that it names is there
whole, as it was or new, and no others are; what is refused leaves everything as it was.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import click
import corpora as writers

from textmlr import Model, TrainingOptions
from textmlr.cli import VERBS, cli
from textmlr.corpus.corpus import Corpus
from textmlr.training.corpus_training import train_corpus

from .recipe import Recipe, require

WORDS = [b"train", b"--"]
GUIDED = (
    "textmlr.cli.classify",
    "textmlr.cli.compare",
    "textmlr.cli.compress",
    "textmlr.cli.evaluate",
    "textmlr.cli.explain",
    "textmlr.cli.export",
    "textmlr.cli.featurize",
    "textmlr.cli.info",
    "textmlr.cli.shared_options",
    "textmlr.cli.classify_corpus",
    "textmlr.cli.top",
    "textmlr.cli.train",
    "textmlr.cli.tune",
    "textmlr.cli.update",
    "textmlr.training.corpus_training",
    "textmlr.training.update.model_update",
    "textmlr.training.ngram_choice",
    "textmlr.base.featurizer_options",
    "textmlr.base.training_options",
    "textmlr.base.checks",
    "textmlr.evaluation.evaluation",
    "textmlr.evaluation.labelled_answers",
    "textmlr.model.small_file.compression",
    "textmlr.training.sgd.trials",
    "textmlr.training.exact.solver",
)
MODES: dict[str, dict[str, str]] = {"compiled": {}}

TSV = "".join(
    f"{label}\t{text}\n"
    for label, text in [
        ("scifi", "a robot in orbit"),
        ("western", "the sheriff rode"),
        ("scifi", "robot engine"),
        ("western", "a saddle, a sheriff"),
        ("scifi", "Ω orbit orbit"),
        ("western", "dust and saddle"),
        ("romance", "a kiss"),
        ("romance", "kiss and letter"),
        ("western", "sheriff"),
    ]
).encode()
PAIRS = [tuple(line.split("\t")) for line in TSV.decode().splitlines()]
FILES = {
    "c.tsv": TSV,
    "c.csv": writers.as_csv(PAIRS),
    "c.jsonl.gz": writers.COMPRESSORS[".gz"](writers.as_jsonl(PAIRS)),
    "c.parquet": writers.as_parquet(PAIRS),
    "w.tsv": b"".join(b"%s\t0.5\t%s\n" % tuple(line.split(b"\t")) for line in TSV.splitlines()),
    "two.tsv": b"a\tx y\nb\ty z\n",
    "one.tsv": b"a\tx\na\ty\n",
    "bad.tsv": b"scifi\trobot\nno tab\n\n\xff\tx\nwestern\tsheriff\n",
    "same.tsv": b"a\tx\nb\tx\na\tx\nb\tx\n",
    "zero.tsv": b"a\t0\tx\nb\t0\ty\n",
    "blank.tsv": b"a\t\nb\t\na\t \nb\t.\n",
    "empty.tsv": b"",
    "doc.txt": "The robot — a sheriff!\n".encode(),
    "\x1b[31m\n.txt": b"robot\n\n\xff kiss",
    "noise.textmlr": b"\x10\0\0\0\0\0\0\0{" + bytes(40),
}
MODELS = {
    "m.textmlr": {},
    "hidden.textmlr": {"hidden": (2,)},
    "exact.textmlr": {"solver": "exact", "l1": 0.01},
}
SOURCES = (*FILES, *MODELS, "small.textmlr", "folder", "missing", "-", "*.tsv", "no/such", "")
OUTPUTS = (
    "out",
    "out.tsv",
    "out.csv.gz",
    "out.jsonl",
    "out.parquet",
    "out.arrow",
    "out.npz",
    "m.textmlr",
    "c.tsv",
    "folder",
    "no/such",
    "-",
    "",
    "new",
    "x" * 300,
    "/dev/null",
)
NUMBERS = (
    "1",
    "2",
    "3",
    "0",
    "-1",
    "0.5",
    "0.1",
    "1e-3",
    "1e-300",
    "nan",
    "inf",
    "-0.0",
    "1e9",
    "x",
    "",
)
WHOLE = ("1", "2", "3", "0", "-1", "7", "x", "")
NAMES = ("text", "label", "id", "weight", "scifi", "western", "none", "auto", "é\n", "")
RANGES = ("1-1", "1-2", "2-3", "3", "none", "auto", "0-1", "2-1", "1-99", "x", "")
WIDTHS = ("2", "3,2", "none", "0", "x", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "²")
SIZES = ("1kB", "2000", "1MB", "0", "1e3", "9" * 400 + "GB", "x", "0.5 KiB")
TIMES = ("0.2s", "1s", "0", "x", ".s", "9" * 400 + "h")
STDIN = (TSV, b"robot\n", b"")
CODES = (0, 2)
MAKERS = ("train", "tune", "update", "compress")  # of models


def seeds() -> list[bytes]:
    """Each verb as it is mostly used, with some of its options."""
    found = []
    for verb in range(len(VERBS)):
        for first in range(0, 16, 3):
            found.append(bytes([verb, 1, first % 3, 3, first, 0, first + 1, 1, first + 7, 2]))
            found.append(bytes([verb, 1, 0, 0, first]))
    return found


def check(data: bytes) -> None:
    """Run one command line."""
    recipe = Recipe(data)
    arguments = arguments_of(recipe)
    run(arguments, recipe.pick(STDIN))


def run(arguments: list[str], stdin: bytes = b"") -> int:
    """The exit code of a command line, with all that must hold of it checked."""
    _restore()
    before = _snapshot()
    code, out, told = _run(arguments, stdin)
    line = f"textmlr {' '.join(map(repr, arguments))}"
    require(code in CODES, f"{line}: exit code {code}: {told!r:.500}")
    after = _snapshot()
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if any(map(_is_of_run, changed)):
        kept = "--resume" in told or {"--keep-cache", "--stream"} & {*arguments}
        require(kept, f"{line} left what a run keeps, without a word")
        changed = {name for name in changed if not _is_of_run(name)}
    if code == 2:
        # Nothing but a journal of trials, or the folder of a report, which says what was done.
        own = {n for n in changed if not n.endswith(".trials.jsonl") and n.split("/")[0] != "new"}
        require(not own, f"{line} was refused, and changed {sorted(own)}")
        require(told.strip(), f"{line} was refused without a word")
        require("Error" in told, f"{line}: {told!r:.500}")
    named = " ".join(arguments)
    for name in changed:
        stem = name.split("/")[0].split(".")[0]  # of export's file, and of a journal
        require(name in before or stem in named or stem == "model", f"{line} left {name}")
        require(".part" not in name, f"{line} left {name}")
        journal = f"--journal={name}" in arguments or f"--journal {name}" in named
        if name in after and arguments[0] in MAKERS and not (journal or name.endswith(".jsonl")):
            Model.load(name)
    helped = {"-h", "--help", "--help-all"} & {*arguments}
    if code == 0 and "--json" in arguments and "-o" not in arguments and not helped:
        for part in out.splitlines():
            json.loads(part)
    return code


def _is_of_run(name: str) -> bool:
    """Whether a file is of a training run's cache, or what a stream goes on from."""
    return ".cache/" in name or name.endswith(".checkpoint")


def arguments_of(recipe: Recipe) -> list[str]:
    """A command line: a verb, its options and arguments in any order."""
    verb = recipe.pick(VERBS)
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    likely = recipe.flag()  # then what it cannot do without is there
    parts: list[list[str]] = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            many = recipe.below(3) if parameter.nargs == -1 else 1
            for _ in range(max(many, likely)):
                parts.append([_source(recipe, parameter.name or "", likely)])
        elif likely and parameter.required:
            parts.append(_option(recipe, parameter, likely))
    options = [p for p in command.params if isinstance(p, click.Option)]
    for _ in range(recipe.below(6) if options else 0):
        parts.append(_option(recipe, recipe.pick(options), likely))
    if recipe.byte() > 250:
        parts.append([recipe.pick(["--nonsense", "--", "-", "-h", "--model", "-x", "-oq"])])
    if recipe.flag():
        parts.reverse()
    line = [verb, *(word for part in parts for word in part)]
    return line + BOUNDS.get(verb, [])


# What ends what could go on for as long as it likes.
BOUNDS = {"tune": ["--trials", "1", "--time", "0.2s", "--epochs", "1"]}


def _source(recipe: Recipe, name: str, likely: bool) -> str:
    if likely and name in ("model", "a", "b"):
        return recipe.pick([*MODELS, "small.textmlr"])
    if likely and name == "corpora":
        return recipe.pick(["c.tsv", "c.csv", "c.jsonl.gz", "c.parquet", "two.tsv", "folder"])
    return recipe.pick(SOURCES)


def _option(recipe: Recipe, option: click.Parameter, likely: bool) -> list[str]:
    names = [*option.opts, *option.secondary_opts]
    name = recipe.pick(names)
    assert isinstance(option, click.Option)
    if option.is_flag:
        return [name]
    value = _value(recipe, option, likely)
    return [f"{name}={value}"] if name.startswith("--") and recipe.flag() else [name, value]


def _value(recipe: Recipe, option: click.Option, likely: bool) -> str:
    kind = option.type
    own = option.name or ""
    if isinstance(kind, click.Choice):
        choices = [*map(str, kind.choices), *([] if likely else ["x"])]
        return recipe.pick(choices)
    if own in ("output", "report", "html", "scorer", "journal"):
        return recipe.pick(OUTPUTS)
    if own in ("model", "validation", "lines", "corpora", "training"):
        return _source(recipe, "model" if own == "model" else "corpora", likely)
    pools: dict[str, tuple[str, ...]] = {
        "range": RANGES,
        "widths": WIDTHS,
        "size": SIZES,
        "time": TIMES,
        "float": NUMBERS,
        "probability": NUMBERS,
        "integer": WHOLE,
        "integer range": WHOLE,
    }
    return recipe.pick(pools.get(kind.name, NAMES))


@cache
def _contents() -> dict[str, bytes]:
    """What lies in the folder at first."""
    contents = dict(FILES)
    corpus = Corpus.of([text for _, text in PAIRS], [label for label, _ in PAIRS])
    for name, options in MODELS.items():
        train_corpus(corpus, training_options=TrainingOptions(**options)).save(name)
        contents[name] = Path(name).read_bytes()
    from textmlr.model.small_file.compression import compress

    compress(Model.load("m.textmlr"), len(contents["m.textmlr"]) // 2).save("small.textmlr")
    contents["small.textmlr"] = Path("small.textmlr").read_bytes()
    contents["folder/a/1.txt"], contents["folder/b/1.txt"] = b"robot", b"sheriff"
    return contents


def _restore() -> None:
    """Have in the working folder what lies there at first, and nothing else."""
    contents = _contents()
    found = _snapshot()
    for name in found.keys() - contents.keys():
        os.unlink(name)
    for name, data in contents.items():
        if found.get(name) != data:
            Path(name).unlink(missing_ok=True)
            Path(name).parent.mkdir(exist_ok=True, parents=True)
            Path(name).write_bytes(data)


def _snapshot() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()}


class _Out(io.TextIOWrapper):
    """Standard output or error, kept."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)

    def text(self) -> str:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode("utf-8", "replace")


@contextmanager
def _streams(stdin: bytes) -> Iterator[tuple[_Out, _Out]]:
    out, told = _Out(), _Out()
    usual = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
            yield out, told
    finally:
        sys.stdin = usual


def _run(arguments: list[str], stdin: bytes) -> tuple[int, str, str]:
    """(exit code, stdout, stderr), as ``textmlr.__main__`` has them."""
    from textmlr import __main__ as command

    usual = sys.argv
    with _streams(stdin) as (out, told):
        sys.argv = ["textmlr", *arguments]
        code = 0
        try:
            command.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        finally:
            sys.argv = usual
    return code, out.text(), told.text()
