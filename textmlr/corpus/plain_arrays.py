"""Columns of a file as types that every reader and writer of Arrow's knows.

polars writes text as views, and categories as dictionaries of views, within lists and structs too;
Arrow can neither choose their rows nor cast them, nor write all of them to Parquet.
"""

from __future__ import annotations

import pyarrow as pa

from textmlr.corpus.arrow_types import is_list, plain

_LISTS = (pa.ListType, pa.LargeListType, pa.FixedSizeListType)


def is_odd(kind: pa.DataType, *, within: bool = False) -> bool:
    """Whether columns of this type, or those within it, have to be rewritten.

    within  it is the type of a list's values or of a struct's field, where a dictionary is odd, too

    >>> is_odd(pa.dictionary(pa.int32(), pa.string())), is_odd(pa.list_(pa.string_view()))
    (False, True)
    """
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return is_odd(kind.storage_type, within=within)
    if types.is_dictionary(kind):
        return within or is_odd(kind.value_type)
    if types.is_string_view(kind) or types.is_binary_view(kind) or types.is_run_end_encoded(kind):
        return True
    if is_list(kind):
        return not isinstance(kind, _LISTS) or is_odd(kind.value_type, within=True)
    if types.is_map(kind):
        return is_odd(kind.key_type, within=True) or is_odd(kind.item_type, within=True)
    if types.is_struct(kind):
        return any(is_odd(field.type, within=True) for field in kind)
    return False


def usual_type(kind: pa.DataType, *, within: bool = False) -> pa.DataType:
    """The type of the same values that is not odd."""
    types = pa.types
    if not is_odd(kind, within=within):
        return kind
    if isinstance(kind, pa.BaseExtensionType):
        return usual_type(kind.storage_type, within=within)
    if types.is_string_view(kind) or types.is_binary_view(kind):
        return pa.large_string() if types.is_string_view(kind) else pa.large_binary()
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return usual_type(kind.value_type, within=within)
    if types.is_struct(kind):
        return pa.struct([f.with_type(usual_type(f.type, within=True)) for f in kind])
    if types.is_map(kind):
        return pa.map_(
            usual_type(kind.key_type, within=True), usual_type(kind.item_type, within=True)
        )
    field = kind.value_field.with_type(usual_type(kind.value_type, within=True))
    if isinstance(kind, pa.FixedSizeListType):
        return pa.list_(field, kind.list_size)
    return pa.list_(field) if isinstance(kind, pa.ListType) else pa.large_list(field)


def usual(array: pa.Array, *, within: bool = False) -> pa.Array:
    """The same values, of ``usual_type``.

    within  as in ``is_odd``
    """
    kind = array.type
    if not is_odd(kind, within=within):
        return array
    if isinstance(kind, pa.BaseExtensionType):
        return usual(array.storage, within=within)
    wanted = usual_type(kind, within=within)
    if pa.types.is_struct(kind):
        own = [usual(array.field(i), within=True) for i in range(kind.num_fields)]
        return pa.StructArray.from_arrays(own, fields=list(wanted), mask=array.is_null())
    if isinstance(kind, _LISTS):
        # The values are those of the array that this may be a slice of: places in it stay right.
        own_buffers = array.buffers()[: 1 if isinstance(kind, pa.FixedSizeListType) else 2]
        values = usual(array.values, within=True)
        return pa.Array.from_buffers(
            wanted, len(array), own_buffers, offset=array.offset, children=[values]
        )
    if is_list(kind) or pa.types.is_map(kind):
        return pa.array(array.to_pylist(), wanted)
    return usual(plain(array), within=within)
