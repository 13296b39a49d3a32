"""A .npz file as scipy.sparse.load_npz reads it, with labels and names beside the matrix.

    X = scipy.sparse.load_npz("X.npz")
    with np.load("X.npz") as file:
        y, labels, features = file["y"], file["labels"], str(file["features"]).split("\\n")

Everything is plain arrays: nothing in it is pickled.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from textmlr.corpus.label_sets import LabelSets, joined_targets
from textmlr.export.matrices.matrix_parts import MatrixPart

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array


def write_npz(
    file: IO[bytes],
    parts: Iterable[MatrixPart],
    labels: Sequence[str] | None,
    names: Sequence[str] | None,
) -> csr_array:
    """Write all parts as one matrix, and return it.

    Beside scipy's own arrays, where they are known:
    y         (n,) int32    codes of the documents' labels; of label sets, in its place,
    y_indptr, y_indices     (n + 1,) and (m,) int32: document i has the labels of the codes
                            y_indices[y_indptr[i]:y_indptr[i + 1]], as rows of a CSR matrix
    labels    (L,) str      the labels they stand for
    weights   (n,) float32  the documents' weights
    features  () str        the names of the columns, with a line end between them: as an array
                            of str each would take as much room as the longest
    """
    from scipy.sparse import save_npz, vstack

    held = list(parts)
    blocks = [part.features.to_scipy() for part in held]
    matrix = blocks[0] if len(blocks) == 1 else vstack(blocks, "csr")
    more: dict[str, NDArray[Any]] = {}
    if labels is not None:
        y = joined_targets([part.y for part in held if part.y is not None])
        if isinstance(y, LabelSets):
            more |= {"y_indptr": y.offsets.astype(np.int32), "y_indices": y.codes}
        else:
            more["y"] = y
        more["labels"] = np.array(labels)
    weights = [part.weights for part in held if part.weights is not None]
    if weights:
        more["weights"] = np.concatenate(weights)
    if names is not None:
        more["features"] = np.array("\n".join(names))
    save_npz(file, matrix, compressed=False)
    with zipfile.ZipFile(file, "a") as archive:
        for name, array in more.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
    return matrix
