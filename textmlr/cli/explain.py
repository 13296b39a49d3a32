"""textmlr explain: why a document has its label, word by word."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import click

from textmlr.base.errors import InputError
from textmlr.base.option_headings import SHOW, WRITE
from textmlr.base.printable import plain, to_json
from textmlr.cli.explained_documents import (
    AskedDocument,
    DocumentSource,
    asked_documents,
    refuse_corpora_in,
    source_options,
    warn_of_corpora_in,
)
from textmlr.cli.model_argument import complete_labels, takes_model
from textmlr.cli.shared_options import config_option, corpus_options, json_option, listed
from textmlr.cli.stage_options import one_value
from textmlr.cli.verb import Verb, verb_option
from textmlr.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from textmlr.model.explanation.counterfactual import Counterfactual
    from textmlr.model.explanation.explanation import Explanation
    from textmlr.model.model import Model

# For documents of up to so many bytes plain Python takes about as long as loading Numba's kernels
# (it reads a document three times, at about 20 µs a byte), and nothing has to be compiled.
PLAIN_BYTES = 1 << 12
WORDS = 5  # on either side: with a short document they fit a screen


@dataclass(frozen=True)
class Question:
    """What is asked of a document: a label, what it is compared with, and whether to look for the
    words without which it changes."""

    label: str | None
    against: str | None
    flip: bool


question_options = one_value(
    "question",
    [field.name for field in fields(Question)],
    Question,
    [
        verb_option(
            "--label",
            heading=SHOW,
            metavar="LABEL",
            shell_complete=complete_labels,
            help="Explain this label.  [default: the likeliest]",
        ),
        verb_option(
            "--against",
            heading=SHOW,
            metavar="LABEL",
            shell_complete=complete_labels,
            help="Compare with this label.  [default: the mean of all others; with more than 1,000 "
            "labels the likeliest other one]",
        ),
        verb_option(
            "--flip",
            heading=SHOW,
            is_flag=True,
            help="Find the fewest words without which the label changes; with a multi-label model "
            "without which LABEL is an answer no more, or becomes one.",
        ),
    ],
)


@click.command(cls=Verb)
@takes_model("documents", "[DOC]...")
@source_options
@question_options
@verb_option(
    "-k",
    "--features",
    heading=SHOW,
    type=listed("features"),
    default=WORDS,
    show_default=True,
    metavar="K",
    help="Show K words for the label, and K against it.",
)
@verb_option(
    "--ngrams", heading=SHOW, is_flag=True, help="Show the n-grams that words are made of, too."
)
@verb_option("--whole", heading=SHOW, is_flag=True, help="Show all of a long document.")
@verb_option(
    "--html", heading=WRITE, metavar="FILE", help="Also write one self-contained page of it."
)
@corpus_options(weights=False)
@json_option
@config_option
def explain(
    model: str,
    documents: tuple[str, ...],
    source: DocumentSource,
    question: Question,
    features: int,
    ngrams: bool,
    whole: bool,
    html: str | None,
    reading: ReadingOptions,
    as_json: bool,
) -> None:
    """Say why a document has its label.

    Each DOC is one document, whole; - or nothing reads standard input. --text gives the words
    themselves. --number takes documents out of --lines FILE or --corpus CORPUS; of a corpus, it
    also says the document's own label, and whether the model was right.

    Words that speak for the label are blue; those against it are orange and underlined; stronger
    words have stronger colours. In a pipe, strong words carry their number: robot[+0.31].

    The table has the strongest words, and what they add to the label's score, beside the mean of
    the other labels' scores. The unit is the nat: 0.7 nats more make the label twice as likely.
    Words and bias add up to the score, and the score gives P, as textmlr classify does.
    \f

    A word has its share of every n-gram that it is in: of itself, of phrases ("not good"), which
    are named where they are half of it or more, and of the pieces that lie in it. --ngrams
    lists these.

    More than 4,000 characters are cut to the parts around the strongest words.

    P = exp(score - log z). The shares are exact. For a model with hidden layers they are integrated
    gradients from the empty document, which add up to the score as well. --against LABEL takes the
    score of one label in place of the mean of the others'. With more than 1,000 labels it takes the
    likeliest other one by default.

    With --flip it also finds the fewest words without which the likeliest label is another: each is
    replaced by a space wherever it occurs, and the rest is classified.

    A multi-label model asks of each label by itself whether the document has it: the table has what
    words add to the label's score beside its absence, P = 1 / (1 + exp(-score)), and --flip takes
    LABEL, or else the likeliest, across its threshold.

    --json prints one object for each document.

    \b
    Examples:
      textmlr explain doc.txt
      textmlr explain reviews.textmlr --text "not a good film"
      textmlr explain doc.txt --label scifi --against fantasy
      textmlr explain doc.txt --flip --html why.html
      textmlr explain --lines reviews.txt --number 1108
      textmlr explain --corpus test.tsv --number 3 --number 14
    """
    loaded = _loaded(model) if source.corpora else None
    usual = () if loaded is None else loaded.record.taken
    if loaded is not None:
        reading = reading.for_model(loaded.is_multilabel)
        _check_sets(reading, loaded, model)
    asked = asked_documents(documents, source, reading, usual)
    if html is not None:
        _check_page(html, asked, model, source)
    size = sum(len(one.text) for one in asked)
    if not question.flip and not source.corpora and size <= PLAIN_BYTES:
        from textmlr.kernels.jit import run_plain

        run_plain()
    from textmlr.cli.explanation_screen import Shown, show

    loaded = loaded or _loaded(model)
    refuse_corpora_in(asked, loaded.labels)
    for number, one in enumerate(asked):
        explanation = loaded.explain(one.text, question.label, question.against)
        label = question.label if loaded.is_multilabel else None
        counterfactual = loaded.counterfactual(one.text, label) if question.flip else None
        one = replace(one, is_known=one.label in loaded.labels)
        sys.stdout.flush()
        if as_json:
            _print_json(one, explanation, counterfactual)
        else:
            if number:
                click.echo()
            show(one, explanation, counterfactual, Shown(features, whole, ngrams))
        if html is not None:
            _write_page(html, one, explanation, counterfactual, model=model, most=features)
            if not as_json:
                click.echo(f"Page: {plain(html)}")
        _warn(one, explanation, loaded)
    warn_of_corpora_in(asked, source.lines, loaded.labels)


def _loaded(path: str) -> Model:
    from textmlr.model.model import Model

    return Model.load(path)


def _check_sets(reading: ReadingOptions, loaded: Model, model: str) -> None:
    """Raise InputError for label sets of a corpus by a model of one label a document."""
    if reading.multilabel and not loaded.is_multilabel:
        raise InputError(
            "--multilabel: each document has one label by this model",
            place=model,
            mend="leave --multilabel out",
        )


def _check_page(html: str, asked: list[AskedDocument], model: str, source: DocumentSource) -> None:
    from textmlr.base.whole_files import check_writable

    if len(asked) > 1:
        raise InputError(
            f"--html writes the page of one document, and {len(asked)} are given",
            mend="explain each in a command of its own",
        )
    read = [*(one.path or "-" for one in asked), *source.corpora, source.lines or "-", model]
    check_writable(html, read)


def _write_page(
    html: str,
    asked: AskedDocument,
    explanation: Explanation,
    counterfactual: Counterfactual | None,
    *,
    model: str,
    most: int,
) -> None:
    from textmlr.model.explanation.explanation_page import write_page

    write_page(html, explanation, counterfactual, document=asked.name, model=model, most=most)


def _warn(asked: AskedDocument, explanation: Explanation, model: Model) -> None:
    """Tell of what could not be read, and of a document that says nothing."""
    from textmlr.cli.answers import nothing_known
    from textmlr.cli.warnings import warn, warn_of_invalid

    # Each piece of invalid UTF-8 is one U+FFFD; the rest were in the text.
    warn_of_invalid(explanation.text.count("\ufffd") - asked.text.count("\ufffd".encode()))
    if not explanation.features or explanation.method == "base rates":
        warn(nothing_known(model.parts.answers_by_base, model.is_multilabel))


def _print_json(
    asked: AskedDocument, explanation: Explanation, counterfactual: Counterfactual | None
) -> None:
    from textmlr.corpus.documents import as_tuple

    about = {"document": asked.name, **explanation.as_dict()}
    if asked.label is not None and isinstance(explanation.answer, tuple):
        own = as_tuple(asked.label)
        about["own_labels"] = list(own)
        about["right"] = set(own) == set(explanation.answer)
    elif asked.label is not None:
        about["own_label"] = asked.label
        about["right"] = asked.label == explanation.answer
    if counterfactual is not None:
        about["flip"] = {k: v for k, v in counterfactual.as_dict().items() if k != "text"}
    click.echo(to_json(about))
