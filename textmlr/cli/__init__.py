"""The command line: one module a verb, each parses, calls one function and renders.

What a verb needs of NumPy, Numba and rich it imports when it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import click

from textmlr import __version__
from textmlr.cli.classify import classify
from textmlr.cli.compare import compare
from textmlr.cli.compress import compress
from textmlr.cli.evaluate import evaluate
from textmlr.cli.explain import explain
from textmlr.cli.export import export
from textmlr.cli.featurize import featurize
from textmlr.cli.info import info
from textmlr.cli.top import top
from textmlr.cli.train import train
from textmlr.cli.tune import tune
from textmlr.cli.update import update


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="textmlr")
def cli() -> None:
    """Multinomial logistic regression for text: P(Y=label | document).

    \b
    Examples:
      textmlr train corpus.tsv            learn from lines of label<TAB>text
      textmlr tune corpus.tsv --time 5m   search for better options
      textmlr update a.textmlr new.tsv    learn from more documents
      textmlr classify doc.txt            how likely is each label?
      textmlr explain doc.txt             which words speak for its label?
      textmlr evaluate test.tsv           how good are the answers?
      textmlr compare a.textmlr b.textmlr test.tsv
      textmlr top model.textmlr           which words speak for each label?
      textmlr featurize corpus.tsv -o X.npz   f(x), for other programs
      textmlr export model.textmlr --format json
      textmlr compress model.textmlr test.tsv -o small.textmlr --max-size 1MB
    """


VERBS = (
    train, tune, update, classify, explain, evaluate, compare, top, info, featurize, export,
    compress,
)  # fmt: skip
for verb in VERBS:
    cli.add_command(verb)
