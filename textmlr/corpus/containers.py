"""One column of values out of any container: lists, arrays, Series, Arrow, data sets.

Only Arrow and NumPy are imported: pandas, polars and Hugging Face datasets are known by their
methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError


class ArrowData(Protocol):
    """Data of any library that hands out Arrow's: Series and frames of pandas and polars, Arrow's
    own columns and tables, relations of DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """See Arrow's PyCapsule interface."""


# What texts, labels and weights may be, for those who read a signature.
Texts: TypeAlias = Iterable[str | bytes] | NDArray[Any] | ArrowData
Label: TypeAlias = str | int | bool
Labels: TypeAlias = Iterable[Label] | Iterable[Iterable[Label]] | NDArray[Any] | ArrowData
Weights: TypeAlias = Iterable[float] | NDArray[Any] | ArrowData


def column_of(values: Any, noun: str, usual: str) -> Any:
    """An Arrow ChunkedArray where the values are Arrow's, or can be without a copy of Python
    objects; else something to iterate over.

    values  list, tuple, iterator or other iterable; NumPy array of one dimension; Arrow array or
            chunked array; pandas or polars Series; whatever has __arrow_c_array__ or
            __arrow_c_stream__ (the Arrow PyCapsule interface); column of a Hugging Face Dataset, or
            a Dataset of one column, or with one of the usual name
    noun    what the values are, for messages: "documents"
    usual   the name such a column usually has: "text"
    Raises InputError for a single str, tables, dicts, sets, and what cannot be iterated over.
    """
    if isinstance(values, str | bytes):
        raise InputError(
            f"expected a list of {noun}, got one {type(values).__name__}",
            mend=f"put it in a list: [{usual}]",
        )
    if hasattr(values, "column_names") and hasattr(values, "with_format"):
        values = dataset_column(values, _chosen(values, noun, usual))
    elif hasattr(values, "column_name") and hasattr(values, "source"):
        values = _of_column(values)
    if getattr(values, "ndim", 1) != 1:
        raise InputError(
            f"expected one dimension of {noun}, got {_article(values)} of shape {values.shape}",
            mend=f"pass a column, such as table[{usual!r}] or array[:, 0]",
        )
    if (column := _arrow(values, noun, usual)) is not None:
        return column
    if isinstance(values, Mapping | set | frozenset):
        raise InputError(
            f"expected {noun} in order, got a {type(values).__name__}",
            mend="pass a list of its values",
        )
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "mMV":  # times, of which Python would make numbers; records
            raise InputError(
                f"expected {noun}, got an array of {values.dtype}",
                mend="make them strings, as array.astype(str) does",
            )
        values = values.tolist()
    if not isinstance(values, Iterable):
        raise InputError(
            f"expected {noun}, got {type(values).__name__}",
            mend="pass a list, an array or a Series",
        )
    return values


def _article(values: Any) -> str:
    name = "array" if isinstance(values, np.ndarray) else type(values).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _chosen(dataset: Any, noun: str, usual: str) -> str:
    """The name of the column that must be meant."""
    names = dataset.column_names
    if isinstance(names, Mapping):
        raise InputError(
            f"expected {noun}, got a {type(dataset).__name__} of {', '.join(map(str, names))}",
            mend=f"pass a column of one part, such as dataset[{next(iter(names), 'train')!r}]"
            f"[{usual!r}]",
        )
    names = list(names or [])
    if usual in names:
        return usual
    if len(names) == 1:
        return str(names[0])
    columns = ", ".join(map(str, names)) or "not known"
    raise InputError(
        f"expected {noun}, got a {type(dataset).__name__} whose columns are {columns}",
        mend=f"pass the one that is meant, such as dataset[{(names or [usual])[0]!r}]",
    )


def dataset_column(dataset: Any, name: str) -> Any:
    """A column of a Dataset as Arrow holds it: its chosen rows, in order."""
    form = getattr(dataset, "format", None)
    made = isinstance(form, Mapping) and form.get("type") == "custom"  # anew for each row
    if made or not hasattr(dataset, "data"):  # or it comes as a stream
        return dataset[name]
    column = dataset.with_format("arrow")[name][:]
    feature = (dataset.features or {}).get(name)
    names = getattr(feature, "names", None)
    if names is None:  # of a list of them
        inner = feature[0] if isinstance(feature, list) and feature else feature
        names = getattr(getattr(inner, "feature", inner), "names", None)
    return column if names is None else _named(column, list(names))


def _of_column(column: Any) -> Any:
    """A lazy column of a Dataset; nested ones, and those of streams, are iterated over."""
    source = column.source
    if not (hasattr(source, "column_names") and hasattr(source, "data")):
        return column
    return dataset_column(source, column.column_name)


def _named(column: Any, names: list[str]) -> Any:
    """Class numbers of a Dataset (ClassLabel) as the names it has for them; −1 is none."""
    import pyarrow as pa

    from textmlr.corpus.arrow_types import is_list, members_of

    kind = pa.dictionary(pa.int32(), pa.string())
    if is_list(column.type) and pa.types.is_integer(column.type.value_type):
        lists = []
        for chunk in column.chunks:
            counts, members = members_of(chunk)
            own = _named(pa.chunked_array([members]), names).combine_chunks()
            ends = np.cumsum([0, *np.maximum(counts, 0)])
            null = np.append(counts < 0, [False])
            offsets = pa.array(ends, pa.int64(), mask=null)
            lists.append(pa.LargeListArray.from_arrays(offsets, own))
        return pa.chunked_array(lists, pa.large_list(kind))
    if not pa.types.is_integer(column.type):
        return column
    words = pa.array(names, pa.string())
    parts = []
    for chunk in column.chunks:
        numbers = chunk.to_numpy(zero_copy_only=False)
        with np.errstate(invalid="ignore"):  # NaN where a number is missing
            missing = ~((numbers >= 0) & (numbers < len(names)))
            codes = np.where(missing, 0, numbers).astype(np.int32)
        indices = pa.array(codes, mask=missing)
        parts.append(pa.DictionaryArray.from_arrays(indices, words))
    return pa.chunked_array(parts, kind)


def _arrow(values: Any, noun: str, usual: str) -> Any:
    """values as an Arrow ChunkedArray, None if they are not Arrow's."""
    module = type(values).__module__
    if module.startswith("pandas"):
        values = getattr(values, "array", None)
        if not hasattr(values, "__arrow_array__"):
            return None
        import pyarrow as pa

        column = _made(pa.array, values, noun)
    elif module.startswith("pyarrow"):
        column = values
    elif hasattr(values, "__arrow_c_stream__"):
        import pyarrow as pa

        column = _made(pa.chunked_array, values, noun)
    elif hasattr(values, "__arrow_c_array__"):
        import pyarrow as pa

        column = _made(pa.array, values, noun)
    else:
        return None
    import pyarrow as pa

    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    if not isinstance(column, pa.ChunkedArray) or pa.types.is_struct(column.type):
        raise InputError(
            f"expected a column of {noun}, got an Arrow {type(values).__name__}"
            if module.startswith("pyarrow")
            else f"expected a column of {noun}, got a table ({type(values).__name__})",
            mend=f"pass one column, such as table[{usual!r}]",
        )
    return column


def _made(make: Callable[[Any], Any], values: Any, noun: str) -> Any:
    """Values of Arrow's own, made into its column."""
    import pyarrow as pa

    try:
        return make(values)
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"expected {noun}, got {_article(values)} that Arrow cannot read: {reason:.100}",
            mend="pass a list of its values",
        ) from None


def refuse_type(noun: str, kind: Any, wanted: str) -> InputError:
    """The error of an Arrow column whose type cannot hold what is wanted."""
    return InputError(
        f"expected {noun}, got an Arrow column of {kind!s:.80}",
        mend=f"pass a column of {wanted}",
    )


def missing_in(column: Any) -> int | None:
    """The position of the first null of an Arrow ChunkedArray, None for none."""
    first = 0
    for chunk in column.chunks:
        if chunk.null_count:
            return first + int(np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False))[0])
        first += len(chunk)
    return None
