"""Data as people have them, in files, frames or lists: turned into a Corpus."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any, TypeAlias

import numpy as np

from textmlr.base.checks import check_kind, is_list, plain_value, taken
from textmlr.base.errors import InputError
from textmlr.base.option_errors import shown
from textmlr.corpus.batch import Batch
from textmlr.corpus.chunks import ScanRequest
from textmlr.corpus.containers import ArrowData, Labels, Texts, Weights
from textmlr.corpus.corpus import MEMORY, Corpus
from textmlr.corpus.formats.detection import named_format
from textmlr.corpus.formats.swapped_columns import AGAIN, FEWEST, ONCE, SAMPLE
from textmlr.corpus.frames import Frame, frame_of
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.label_sets import LabelSets
from textmlr.corpus.reading import joined, read_corpus
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.sources import Paths, is_url
from textmlr.corpus.taken_columns import Taken

# What data may be, for those who read a signature.
Data: TypeAlias = "Corpus | Paths | Texts | Mapping[str, Any] | ArrowData"

WANTED = (
    "texts with labels, the path of a file, a table with columns for text and label, or a Corpus"
)
_ORDER = "give them in this order: train(texts, labels)"
_LONGEST_NAME = 4096  # of a file
_LOOKED_AT = 100  # strings of a list, which may be names or texts


def as_corpus(
    data: Data,
    labels: Labels | None = None,
    *,
    text: str | int | None = None,
    label: str | int | None = None,
    weights: Weights | str | None = None,
    reading: ReadingOptions | None = None,
    usual: Sequence[Taken] = (),
    multilabel: bool | None = None,
) -> Corpus:
    """The corpus of labelled documents, whatever holds them.

    data     texts, in a list, array, Series, column of a table or data set, with their labels; or
             the path of a file, folder, pattern or URL, or a list of paths; or a table: a pandas
             or polars DataFrame, an Arrow table, a data set of Hugging Face's, a dict of columns,
             a list of dicts; or a Corpus, which is given back
    labels   one a text, str, int or bool, or a list of them; None where data hold them
    text, label  names of the columns of a file or table; None: they have plain names
    weights  one a text; of a file or table also the name of their column.  None: each counts 1
    reading  how files are read, or labels in memory; None: as ReadingOptions() says
    usual    what a model was trained on: columns that are not named are those, where data have them
    multilabel  whether documents have label sets, where reading does not say it; None: if one of
             them has several labels
    Raises InputError for anything else, in a sentence that says what would work.

    >>> from textmlr.corpus.given_data import as_corpus
    >>> as_corpus(["good", "bad"], ["pos", "neg"]).labels
    ['neg', 'pos']
    >>> as_corpus({"review": ["good", "bad"], "stars": [5, 1]}, label="stars").labels
    ['1', '5']
    >>> len(as_corpus("data/genres-test.tsv"))
    144
    """
    text, label = _column("text", text), _column("label", label)
    check_kind("reading", reading, ReadingOptions, optional=True)
    if isinstance(data, Corpus):
        given = {"labels": labels, "text": text, "label": label, "weights": weights}
        _refuse_given(given | {"reading": reading}, "a Corpus holds all of its own")
        return data if multilabel is None else data.with_sets(multilabel)
    if multilabel is not None and (reading is None or reading.multilabel is None):
        reading = replace(reading or ReadingOptions(), multilabel=multilabel)
    if labels is not None:
        return _with_labels(data, labels, text, label, weights, reading)
    if (paths := _paths_in(data)) is not None:
        return _of_files(paths, text, label, weights, reading, usual)
    own_reading = _of_memory(reading)
    # Rows, or texts, of which the first is looked at.
    if isinstance(data, Iterator) and not hasattr(data, "__arrow_c_stream__"):
        rows = list(islice(data, 1))
        data = list(chain(rows, data)) if rows and isinstance(rows[0], Mapping) else rows
    named = weights if isinstance(weights, str) else None
    options = replace(own_reading, text_column=text, label_column=label, weight_column=named)
    request = ScanRequest(options, usual=tuple(usual))
    if (exported := _exported(data, weights, request)) is not None:
        return exported
    frame = frame_of(data)
    if frame is None:
        raise _unlabelled(data, text is not None or label is not None)
    return _of_frame(frame, weights, request)


def _of_frame(frame: Frame, weights: Any, request: ScanRequest) -> Corpus:
    """The corpus of a table in memory.

    weights  one a row, or the name of their column, or None
    """
    options, usual = request.options, request.usual
    nested = (name for one in usual for name in (one.text, one.label, *one.label_columns))
    frame = frame.with_nested([*options.columns.values(), *options.label_columns, *nested])
    places = frame.taken(request)
    own: Any = weights if places.weight is None else frame.take(places.weight)
    texts = frame.take(places.text)
    if places.label is None:
        rule = request.columns_rule
        lists = frame.indicated(places.labels)
        corpus = Corpus.of(texts, lists, own, multilabel=rule.multilabel)
        return replace(corpus, taken=[frame.said(places, rule)])
    rule = request.rule(frame.columns[places.label])
    given: Any = {"multilabel": rule.multilabel, "label_separator": rule.separator}
    corpus = Corpus.of(texts, frame.take(places.label), own, **given)
    own_names = (frame.columns[at] for at in (places.label, places.text))
    mend = "name them: text={!r}, label={!r}".format(*own_names)
    return _in_order(replace(corpus, taken=[frame.said(places, rule)]), mend)


def _of_memory(reading: ReadingOptions | None) -> ReadingOptions:
    """What options of reading say of data in memory: how labels are taken.

    Raises InputError for others, which are for files.
    """
    own = reading or ReadingOptions()
    kept = ReadingOptions(
        multilabel=own.multilabel,
        label_separator=own.label_separator,
        label_columns=own.label_columns,
    )
    if own != kept or (reading is not None and kept == ReadingOptions()):
        _refuse_given({"reading": reading}, "the data are in memory, and reading is for files")
    return kept


def _exported(data: Any, weights: Any, request: ScanRequest) -> Corpus | None:
    """The corpus of rows that an annotation tool has written; None if they are none of these."""
    if not isinstance(data, list) or not data or not isinstance(data[0], dict | list | tuple):
        return None
    from textmlr.corpus.formats.annotation_exports import rows_in, wanted_export
    from textmlr.corpus.formats.json_objects import chunk_of_rows

    values = (list(value) if isinstance(value, tuple) else value for value in data)
    rows = [row for value in values for row in rows_in(value)]
    if not all(isinstance(row, dict) for row in rows):
        return None
    own = request.options
    if weights is not own.weight_column or own.label_columns:
        return None
    if wanted_export(rows, own.label_column, request.usual) is None:
        return None
    chunk = chunk_of_rows(rows, request, "the rows")
    return joined([chunk], [0], [MEMORY], own.has_weights)


def given_corpora(
    data: Data,
    labels: Labels | None,
    text: str | None,
    label: str | None,
    weights: Weights | str | None,
    reading: ReadingOptions | None,
    validation: Any,
    usual: Sequence[Taken] = (),
    multilabel: bool | None = None,
) -> tuple[Corpus, Corpus | None]:
    """The corpus to train on, and that to choose or compare by, if there is one.

    validation  data with their labels, whose columns have the same names, or (texts, labels), or
                None
    usual, multilabel  as in as_corpus; validation has label sets if the other corpus has
    Raises InputError as as_corpus does.
    """
    name = type(labels).__name__
    if name.endswith("Options"):
        stage = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
        raise InputError(f"labels are {name}", mend=f"give it by name: {stage}=…")
    columns: Any = {"text": text, "label": label, "usual": usual}
    own: Any = columns | {"reading": reading, "multilabel": multilabel}
    corpus = as_corpus(data, labels, weights=weights, **own)
    if validation is None:
        return corpus, None
    unsaid = multilabel is None and (reading is None or reading.multilabel is None)
    # Several labels where the corpus has one each are for training to refuse.
    wanted = None if unsaid and not corpus.is_multilabel else corpus.is_multilabel
    own |= {"multilabel": wanted}
    if reading is not None:
        own |= {"reading": replace(reading, multilabel=wanted)}
    try:
        if isinstance(validation, tuple) and len(validation) == 2 and _paths_in(validation) is None:
            given = {"reading": own["reading"], "multilabel": own["multilabel"]}
            return corpus, as_corpus(*validation, **given)
        if isinstance(validation, Corpus):
            return corpus, as_corpus(validation, multilabel=wanted)
        return corpus, as_corpus(validation, **own)
    except InputError as error:
        where = f"validation, {error.place}" if error.place else "validation"
        raise error.but(place=where) from None


def texts_of(data: Data, *, text: str | None = None, usual: Sequence[Taken] = ()) -> list[Batch]:
    """Documents as Batches, whatever holds them; labels that they have are not looked at.

    data  texts, a table or a Corpus, as in as_corpus; no paths: a str would be a text
    text  name of a table's column; None: it has a plain name
    usual  as in as_corpus
    """
    text = _column("text", text)
    if isinstance(data, Corpus):
        _refuse_given({"text": text}, "a Corpus has no columns")
        return list(data.batches)
    frame = frame_of(data)
    if frame is None:
        _refuse_given({"text": text}, "texts in a list have no columns")
        return batches_of(data)
    frame = frame.with_nested([text, *(one.text for one in usual)])
    return batches_of(frame.column("text", text, usual))


def _column(name: str, column: Any) -> str | None:
    """The name of a column, or its number from 1, as it is typed."""
    column = plain_value(column)
    if isinstance(column, int) and not isinstance(column, bool):
        return str(column)
    check_kind(name, column, str, "give the name of a column, or its number", optional=True)
    named: str | None = column
    return named


def _with_labels(
    data: Any, labels: Any, text: Any, label: Any, weights: Any, reading: Any
) -> Corpus:
    """The corpus of texts and labels that are given apart."""
    _refuse_given({"label": label}, "the labels are given already")
    if isinstance(labels, str):
        raise InputError(
            f"labels are one a text, and {shown(labels)} is one str",
            mend=f"name a column by label={shown(labels)}, or give a list",
        )
    if isinstance(data, str | os.PathLike):
        if _names_file(data):
            problem = f"{shown(os.fspath(data))} is a file, which holds its labels itself"
            raise InputError(problem, mend="leave labels out; label='…' names their column")
        raise InputError("one text is not a list of texts", mend="put it in a list: [text]")
    own_reading = _of_memory(reading)
    columns = own_reading.label_columns or None
    _refuse_given({"label_columns": columns}, "the labels are given already")
    given: Any = {
        "multilabel": own_reading.multilabel,
        "label_separator": own_reading.label_separator,
    }
    if (of_columns := _indicated(labels)) is not None:
        labels = of_columns
        given["multilabel"] = own_reading.multilabel is not False
    if isinstance(weights, str) and frame_of(data) is None:
        raise taken("weights", weights, "a number a text", "give them in a list")
    frame = frame_of(data)
    if frame is None:
        _refuse_given({"text": text}, "texts in a list have no columns")
        return _in_order(Corpus.of(data, labels, weights, **given), _ORDER)
    own = frame.column("weight", weights) if isinstance(weights, str) else weights
    corpus = Corpus.of(frame.column("text", text), labels, own, **given)
    return _in_order(corpus, _ORDER)


def _indicated(labels: Any) -> list[list[str]] | None:
    """The labels of each document, of a table whose columns say of a label each whether it has it;
    None of anything else."""
    if isinstance(labels, Mapping | list | tuple | np.ndarray) or hasattr(labels, "with_format"):
        return None
    frame = frame_of(labels)
    if frame is None or len(frame.columns) < 2:
        return None
    return frame.indicated(range(len(frame.columns)))


def _in_order(corpus: Corpus, mend: str) -> Corpus:
    """The corpus.  Raises InputError where its texts look like labels, and its labels like texts:
    these stand once each, are longer, and the texts are few."""
    n, y = len(corpus), corpus.y
    if n < FEWEST or len(corpus.labels) < ONCE * n or isinstance(y, LabelSets):
        return corpus
    texts = list(islice(corpus.texts, SAMPLE))
    distinct = len({*texts})
    labels = [corpus.labels[code] for code in y[: len(texts)].tolist()]
    if distinct > AGAIN * len(texts) or sum(map(len, labels)) <= sum(map(len, texts)):
        return corpus
    raise InputError(
        f"{len(corpus.labels):,} of {n:,} labels stand once, and the texts are {distinct:,} "
        "values: texts and labels look swapped",
        mend=mend,
    )


def _of_files(
    paths: Paths, text: Any, label: Any, weights: Any, reading: Any, usual: Sequence[Taken]
) -> Corpus:
    if weights is not None and not isinstance(weights, str):
        mend = "name their column: weights='weight'"
        raise InputError("weights are numbers, but a file holds its own", mend=mend)
    return read_corpus(paths, reading, text=text, label=label, weights=weights, usual=usual)


def _refuse_given(given: Mapping[str, Any], why: str) -> None:
    """Refuse arguments that would be ignored."""
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name} cannot be given here: {why}", mend=f"leave {name} out")


def _paths_in(data: Any) -> Paths | None:
    """Data as names of files, None if they are something else."""
    if isinstance(data, os.PathLike):
        return data
    if isinstance(data, str):
        if _names_file(data) or _might_name_file(data):
            return data
        raise InputError(
            f"no file is called {shown(data)}",
            mend="give texts with their labels, (texts, labels), or the name of a file",
        )
    if not isinstance(data, list | tuple) or not data:
        return None
    if not all(isinstance(one, str | os.PathLike) for one in data):
        return None
    if any(isinstance(one, os.PathLike) for one in data) or _names_file(data[0]):
        return data
    meant = all(_might_name_file(one) and named_format(one) for one in data[:_LOOKED_AT])
    return data if meant or any(map(_is_there, data[:_LOOKED_AT])) else None


def _is_there(name: str) -> bool:
    """Whether there is such a file, and its name is no word that a text might be."""
    return _might_name_file(name) and ("." in name or os.sep in name) and os.path.lexists(name)


def _names_file(name: Any) -> bool:
    """Whether a file, a URL or a pattern of files is called so; texts hardly ever are."""
    if isinstance(name, os.PathLike):
        return True
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or "\0" in name:
        return False
    if name == "-" or (is_url(name) and not re.search(r"\s", name)):
        return True
    if os.path.lexists(name):
        return True
    return glob.has_magic(name) and next(glob.iglob(name, recursive=True), None) is not None


def _might_name_file(name: str) -> bool:
    """Whether someone meant a file that is not there, not a text."""
    return 0 < len(name) <= _LONGEST_NAME and not re.search(r"\s", name) and "\0" not in name


def _unlabelled(data: Any, named: bool) -> InputError:
    """The error of data that hold no labels, or are no data at all.

    named  columns were named
    """
    if is_list(data) or hasattr(data, "__arrow_c_stream__"):
        first = next(iter(data), None) if isinstance(data, list | tuple) else None
        if isinstance(first, tuple | list) and len(first) == 2:
            mend = "give texts and labels apart: texts, labels = zip(*pairs)"
            return InputError("data are pairs, not texts", mend=mend)
        if named:
            mend = "give a table, a dict of columns or the path of a file"
            return InputError("text and label name columns, and data have none", mend=mend)
        if isinstance(data, list | tuple) and not data:
            return InputError("data are empty", mend=f"give {WANTED}")
        if not isinstance(data, set | frozenset):
            return InputError(
                "labels are missing", mend="give one a text, as in train(texts, labels)"
            )
    return taken("data", data, WANTED)


__all__ = ["ArrowData", "Data", "Frame", "Labels", "Texts", "Weights", "as_corpus", "texts_of"]
