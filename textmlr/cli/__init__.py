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
from textmlr.cli.info import info
from textmlr.cli.train import train
from textmlr.cli.tune import tune


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="textmlr")
def cli() -> None:
    """Multinomial logistic regression for text: P(Y=label | document).

    \b
    Examples:
      textmlr train corpus.tsv            learn from lines of label<TAB>text
      textmlr tune corpus.tsv --time 5m   search for better options
      textmlr classify doc.txt            how likely is each label?
      textmlr evaluate test.tsv           how good are the answers?
      textmlr compare a.textmlr b.textmlr test.tsv
      textmlr compress model.textmlr test.tsv -o small.textmlr --max-size 1MB
    """


for verb in (train, tune, classify, evaluate, compare, compress, info):
    cli.add_command(verb)
