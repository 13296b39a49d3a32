"""The labels of a model file alone, for a shell that completes them: quick, and unchecked."""

from __future__ import annotations

import json
import os
from itertools import pairwise

from textmlr.base.magic_bytes import SIZE_BYTES, is_model_file

OFFSET_BYTES = 8


def labels_in(path: str | os.PathLike[str]) -> list[str]:
    """The labels of a model file; none where it is no model, or not whole."""
    try:
        if not is_model_file(os.fspath(path)):
            return []
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(SIZE_BYTES), "little")
            layout = json.loads(file.read(size))
            if "labels" not in layout:
                return _of_sparse(os.fspath(path))
            parts = []
            for name in ("labels", "label_offsets"):
                first, last = layout[name]["data_offsets"]
                file.seek(SIZE_BYTES + size + first)
                parts.append(file.read(last - first))
        text, packed = parts
        starts = range(0, len(packed), OFFSET_BYTES)
        ends = [int.from_bytes(packed[i : i + OFFSET_BYTES], "little") for i in starts]
        return [text[i:j].decode() for i, j in pairwise(ends)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _of_sparse(path: str) -> list[str]:
    """Those of a model with a sparse θ, whose file holds them in streams with other things."""
    from textmlr.base import tensor_file  # late, like all else that is not needed for most models
    from textmlr.base.featurizer_options import FeaturizerOptions
    from textmlr.base.string_blobs import strings_of
    from textmlr.model.postings_file.sparse_form import SparseFile

    header, tensors = tensor_file.load(path)
    options = FeaturizerOptions.of(header["featurizer"])
    labels = SparseFile.read(header, tensors, options, path).labels
    return strings_of(labels.names, labels.offsets)
