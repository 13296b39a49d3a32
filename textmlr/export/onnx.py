"""A model as an ONNX graph, from feature ids and values to scores, log z and P.

    ids     (n, k) int64    rows of θ: the features of each document, and its bias
    values  (n, k) float32  f(x) of these; 0 for padding, whatever its id

    scores         (n, L) float32   θᵀf(x, ℓ), calibrated, nats; see ``Model.scores``
    log_z          (n,)   float32   nats
    probabilities  (n, L) float32   P(Y=ℓ | x; θ)
    answers        (n, L) bool      of a multi-label model: whether P is at least the label's
                                    threshold

ONNX lacks our tokenizer, so text becomes ids and values outside of the graph:

    session = onnxruntime.InferenceSession("model.onnx")
    ids, values = inputs(Model.load("model.textmlr"), ["A robot rides into town."])
    session.run(["probabilities"], {"ids": ids, "values": values})

The graph's metadata have the labels, the featurizer's options, the versions, and of a multi-label
model the thresholds, as JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import MODEL_MEND, check_kind, check_path, check_threads
from textmlr.base.errors import InputError
from textmlr.base.training_options import Activation
from textmlr.base.whole_files import atomic_write
from textmlr.corpus.in_memory import batches_of
from textmlr.kernels.sigmoids import KNOT, LIKELY
from textmlr.model.fasttext.fasttext_parts import refuse_export
from textmlr.model.model import Model, versions
from textmlr.model.model_parts import check_dense
from textmlr.model.scoring import STRAIGHT, Calibration
from textmlr.model.second_pass import SecondPass

if TYPE_CHECKING:
    import onnx

# Old enough for runtimes of the last years: ReduceSum, Squeeze and Unsqueeze take axes as inputs
# from opset 13 on, and ReduceMean as an attribute until 17.
OPSET = 17
ACTIVATIONS: dict[Activation, str] = {"relu": "Relu", "tanh": "Tanh", "identity": "Identity"}
IR_VERSION = 8
NO_SUMS = "is not written as ONNX, which has no sums over the labels that a feature met"
IN_JSON = "write JSON (the name ends in .json), whose scorer.js answers by them"
MOST_BYTES = (1 << 31) - (1 << 20)  # bytes of θ: protobuf holds no message of 2 GiB


def export_onnx(model: Model, path: str | PathLike[str]) -> int:
    """Write a model as an ONNX graph, whole or not at all; return the size of the file in bytes.

    Raises InputError for a model with a tokenizer or of fastText, and if the package onnx is
    missing, θ is too large for an ONNX file, or the file cannot be written.
    """
    check_path("path", path)
    check_kind("model", model, Model, MODEL_MEND)
    model.featurizer.options.check_written()
    refuse_export(model.parts.storage)
    graph = onnx_model(model).SerializeToString()
    with atomic_write(path) as temporary:
        with open(temporary, "wb") as out:
            out.write(graph)
        return os.path.getsize(temporary)


def inputs(
    model: Model, texts: Any, *, threads: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(ids, values) of documents for the graph of a model: (n, k) int64 and float32, where k is
    the number of features of the document that has the most (1 at least).

    texts  documents, see ``textmlr.corpus.in_memory.batches_of``
    """
    check_kind("model", model, Model, MODEL_MEND)
    check_threads(threads)
    rows = model.featurizer.featurize(batches_of(texts), threads)
    if model.parts.columns is not None:
        rows = model.parts.columns.renumber(rows)
    sizes = np.diff(rows.indptr)
    shape = len(rows), max(1, int(sizes.max(initial=0)))
    ids, values = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    filled = np.arange(shape[1]) < sizes[:, None]
    ids[filled], values[filled] = rows.indices, rows.values
    return ids, values


def _check_form(model: Model) -> None:
    """Raise InputError for a model that no ONNX file holds."""
    check_kind("model", model, Model, MODEL_MEND)
    check_dense(model.parts, NO_SUMS, mend=IN_JSON)
    size = sum(layer.nbytes for layer in model.parts.layers)
    if size > MOST_BYTES:
        raise InputError(
            f"θ has {size / 2**30:.1f} GiB, and an ONNX file holds less than 2",
            mend="keep fewer features (--max-features, --min-df or --l1), or write JSON",
        )


def onnx_model(model: Model) -> onnx.ModelProto:
    """The graph of a model; see ``export_onnx`` for the errors raised."""
    _check_form(model)
    labels = len(model.labels)
    try:
        import onnx
        from onnx import TensorProto, helper
    except ImportError as error:
        raise InputError(
            "exporting to ONNX needs the package onnx", mend="pip install onnx"
        ) from error

    nodes, constants = _steps(
        model.parts.calibration, model.parts.layers[1:], model.parts.activation
    )
    constants["theta"] = model.parts.layers[0]
    if len(model.parts.base):
        constants |= {"base": model.parts.base, "weighted": _weighted_rows(model)}
        nodes += _base_nodes()
    else:
        nodes.append(helper.make_node("Identity", ["own scores"], ["scores"]))
    nodes += [
        helper.make_node(name, before, after, **attributes)
        for name, before, after, attributes in model.parts.head.onnx
    ]
    describe = helper.make_tensor_value_info
    inputs = [
        describe("ids", TensorProto.INT64, ["n", "k"]),
        describe("values", TensorProto.FLOAT, ["n", "k"]),
    ]
    outputs = [
        describe("scores", TensorProto.FLOAT, ["n", labels]),
        describe("log_z", TensorProto.FLOAT, ["n"]),
        describe("probabilities", TensorProto.FLOAT, ["n", labels]),
    ]
    if model.parts.thresholds is not None:
        constants["thresholds"] = model.parts.thresholds.astype(np.float32)
        own = ["probabilities", "thresholds"]
        nodes.append(helper.make_node("GreaterOrEqual", own, ["answers"]))
        outputs.append(describe("answers", TensorProto.BOOL, ["n", labels]))
    held = [
        onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        for name, array in constants.items()
    ]
    made = helper.make_model(
        helper.make_graph(nodes, "textmlr", inputs, outputs, held, doc_string=__doc__),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="textmlr",
        producer_version=versions()["textmlr"],
    )
    for key, value in _metadata(model).items():
        entry = made.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value, ensure_ascii=False)
    onnx.checker.check_model(made)
    return made


def _metadata(model: Model) -> dict[str, Any]:
    """What the graph says besides, as JSON values."""
    metadata: dict[str, Any] = {
        "labels": model.labels,
        "featurizer": model.featurizer.options.as_json(),
        "versions": versions(),
    }
    if model.parts.thresholds is not None:
        metadata["thresholds"] = model.parts.thresholds.tolist()
    return metadata


def _steps(
    calibration: Calibration, layers: Sequence[NDArray[np.float32]], activation: Activation
) -> tuple[list[onnx.NodeProto], dict[str, NDArray[Any]]]:
    """(nodes, constants but theta) from theta, ids and values to a document's own scores."""
    from onnx.helper import make_node as node

    constants: dict[str, NDArray[Any]] = {"axis 1": np.array([1])}
    nodes = [
        node("Gather", ["theta", "ids"], ["weights"]),  # (n, k, L)
        node("Unsqueeze", ["values", "axis 1"], ["row"]),  # (n, 1, k)
        node("MatMul", ["row", "weights"], ["row of scores"]),
        node("Squeeze", ["row of scores", "axis 1"], ["sums 0" if layers else "plain scores"]),
    ]
    for number, layer in enumerate(layers):
        above = "plain scores" if number == len(layers) - 1 else f"sums {number + 1}"
        constants |= {f"theta {number + 1}": layer[:-1], f"bias {number + 1}": layer[-1]}
        nodes += [
            node(ACTIVATIONS[activation], [f"sums {number}"], [f"units {number}"]),
            node("MatMul", [f"units {number}", f"theta {number + 1}"], [f"products {number}"]),
            node("Add", [f"products {number}", f"bias {number + 1}"], [above]),
        ]
    if calibration.exponent:  # see scoring.Calibration
        for name in ("least", "spread", "exponent"):
            constants[name] = np.array(getattr(calibration, name), np.float32)
        nodes += [
            node("ReduceMean", ["plain scores"], ["mean"], axes=[1]),
            node("Sub", ["plain scores", "mean"], ["off"]),
            node("Mul", ["off", "off"], ["off squared"]),
            node("ReduceMean", ["off squared"], ["variance"], axes=[1]),
            node("Sqrt", ["variance"], ["own spread"]),
            node("Max", ["own spread", "least"], ["wide"]),
            node("Div", ["wide", "spread"], ["relative"]),
            node("Pow", ["relative", "exponent"], ["t"]),
            node("Mul", ["plain scores", "t"], ["spread scores"]),
        ]
    else:
        nodes.append(node("Identity", ["plain scores"], ["spread scores"]))
    second = calibration.second
    bent = "own scores" if second is None else "first scores"
    for made in (
        _bend(calibration.slopes, "spread scores", bent),
        ([], {}) if second is None else _second_pass(second),
    ):
        nodes, constants = nodes + made[0], constants | made[1]
    return nodes, constants


Steps = tuple[list["onnx.NodeProto"], dict[str, NDArray[Any]]]


def _bend(slopes: tuple[float, float, float], before: str, after: str) -> Steps:
    """(nodes, constants) that bend a document's scores: see ``scoring.Bent``."""
    from onnx.helper import make_node as node

    if slopes == STRAIGHT:
        return [node("Identity", [before], [after])], {}
    numbers = {"knot": KNOT, "minus knot": -KNOT, "nothing": 0.0}
    numbers |= {f"{after} {name}": s for name, s in zip("lmh", slopes, strict=True)}
    nodes = [
        node("Add", [before, "knot"], [f"{after} raised"]),
        node("Min", [f"{after} raised", "nothing"], [f"{after} below"]),
        node("Clip", [before, "minus knot", "knot"], [f"{after} within"]),
        node("Sub", [before, "knot"], [f"{after} lowered"]),
        node("Max", [f"{after} lowered", "nothing"], [f"{after} above"]),
        node("Mul", [f"{after} below", f"{after} l"], [f"{after} bent below"]),
        node("Mul", [f"{after} within", f"{after} m"], [f"{after} bent within"]),
        node("Mul", [f"{after} above", f"{after} h"], [f"{after} bent above"]),
        node("Sum", [f"{after} bent {part}" for part in ("below", "within", "above")], [after]),
    ]
    return nodes, {name: np.array(value, np.float32) for name, value in numbers.items()}


def _second_pass(second: SecondPass) -> Steps:
    """(nodes, constants) from the scores of the first pass to a document's own ones."""
    from onnx import TensorProto
    from onnx.helper import make_node as node

    constants = {
        "links": second.links,
        "scales": second.scales.astype(np.float32),
        "offsets": second.offsets.astype(np.float32),
        "likely": np.array(LIKELY, np.float32),
    }
    nodes = [
        node("Sigmoid", ["first scores"], ["first probabilities"]),
        node("Greater", ["first scores", "likely"], ["are likely"]),
        node("Cast", ["are likely"], ["likely labels"], to=TensorProto.FLOAT),
        node("Mul", ["first probabilities", "likely labels"], ["likely probabilities"]),
        node("MatMul", ["likely probabilities", "links"], ["linked"]),
        node("Mul", ["first scores", "scales"], ["scaled"]),
        node("Sum", ["scaled", "offsets", "linked"], ["second scores"]),
    ]
    own, numbers = _bend(second.slopes, "second scores", "own scores")
    return nodes + own, constants | numbers


def _weighted_rows(model: Model) -> NDArray[np.float32]:
    """(R,) 1 for each row of θ, but the bias, that has a weight other than 0; 0 for others."""
    weighted = np.asarray(model.parts.layers[0].any(axis=1), np.float32)
    if model.featurizer.options.bias:
        weighted[
            0 if model.parts.columns is None else model.parts.columns.find(np.zeros(1, np.int32))
        ] = 0
    return weighted


def _base_nodes() -> list[onnx.NodeProto]:
    """Make a document's scores of ids, values and its own scores: those of the base rates for a
    document without a weighted feature; see ``kernels.document_answer``."""
    from onnx import TensorProto
    from onnx.helper import make_node as node

    return [
        node("Gather", ["weighted", "ids"], ["weighted ids"]),  # (n, k)
        node("Mul", ["weighted ids", "values"], ["weighted values"]),
        node("Abs", ["weighted values"], ["sizes"]),
        node("ReduceMax", ["sizes"], ["largest"], axes=[1]),  # (n, 1)
        node("Cast", ["largest"], ["any"], to=TensorProto.BOOL),
        node("Where", ["any", "own scores", "base"], ["scores"]),
    ]
