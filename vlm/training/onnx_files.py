"""Modules as ONNX files, kept small: weights as 8-bit integers with a scale a channel, or 16-bit floats.

Only the storage is smaller. Loading unfolds the weights to 32-bit floats once (ONNX Runtime folds
constants), and all arithmetic stays in floats: the results depend on no integer instructions of a
processor, as those of quantised kernels do.
"""

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper
from torch import Tensor, nn

OPSET = 17
# Smaller tensors (biases, norms) are left as they are.
LEAST = 2048


def write(
    module: nn.Module,
    path: Path,
    inputs: dict[str, tuple[Tensor, dict[int, str]]],
    outputs: dict[str, dict[int, str]],
    bits: int = 8,
) -> None:
    """Export one module; inputs: name -> (example, names of its free axes), outputs likewise."""
    with warnings.catch_warnings():
        # The tracing exporter warns of sizes that become constants; those here are meant to.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(example for example, _ in inputs.values()),
            path,
            dynamo=False,
            opset_version=OPSET,
            # Weights keep their names, by which training reads them back (vlm/training/restore.py).
            do_constant_folding=False,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={**{name: axes for name, (_, axes) in inputs.items()}, **outputs},
        )
    if bits < 32:
        compress(path, bits)


def compress(path: Path, bits: int) -> None:
    """Rewrite the model at `path` with its large weights stored in `bits` (8 or 16)."""
    model = onnx.load(path)
    graph = model.graph
    users: dict[str, list[tuple[NodeProto, int]]] = {}
    for node in graph.node:
        for place, name in enumerate(node.input):
            users.setdefault(name, []).append((node, place))
    kept, front = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LEAST or values.ndim < 2:
            kept.append(tensor)
        elif bits == 16:
            half = numpy_helper.from_array(values.astype(np.float16), tensor.name + ".half")
            kept.append(half)
            front.append(helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT))
        elif all(node.op_type == "Gather" and place == 0 for node, place in users[tensor.name]):
            kept += _looked_up(graph, tensor.name, values, [node for node, _ in users[tensor.name]])
        else:
            node, place = users[tensor.name][0]
            whole, scale = eighths(values, _channel_axis(node, place, values.ndim))
            names = [tensor.name + ".whole", tensor.name + ".scale", tensor.name + ".float"]
            kept += [numpy_helper.from_array(whole, names[0]), numpy_helper.from_array(scale, names[1])]
            front.append(helper.make_node("Cast", [names[0]], [names[2]], to=onnx.TensorProto.FLOAT))
            front.append(helper.make_node("Mul", [names[2], names[1]], [tensor.name]))
    nodes = front + list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def eighths(values: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers -127..127 and the scale of each channel along `axis`, shaped to multiply."""
    others = tuple(i for i in range(values.ndim) if i != axis)
    scale = np.maximum(np.abs(values).max(axis=others, keepdims=True), 1e-12) / 127
    return np.round(values / scale).astype(np.int8), scale.astype(np.float32)


def _channel_axis(node: NodeProto, place: int, dimensions: int) -> int:
    """The axis of outputs, whose channels differ most in size."""
    if node.op_type == "Conv":
        return 0
    if node.op_type == "Gemm":
        turned = any(a.name == "transB" and a.i == 1 for a in node.attribute)
        return 0 if turned else 1
    return dimensions - 1 if place == 1 else 0


def _looked_up(
    graph: onnx.GraphProto, name: str, values: NDArray[np.float32], nodes: list[NodeProto]
) -> list[onnx.TensorProto]:
    """Word tables: only the rows that are looked up are unfolded, which spares loading the rest."""
    whole, scale = eighths(values, 0)
    for node in nodes:
        output = node.output[0]
        rows, scales, floats = output + ".rows", output + ".scales", output + ".floats"
        place = list(graph.node).index(node)
        ids = node.input[1]
        graph.node.remove(node)
        for offset, new in enumerate(
            [
                helper.make_node("Gather", [name + ".whole", ids], [rows], axis=0),
                helper.make_node("Gather", [name + ".scale", ids], [scales], axis=0),
                helper.make_node("Cast", [rows], [floats], to=onnx.TensorProto.FLOAT),
                helper.make_node("Mul", [floats, scales], [output]),
            ]
        ):
            graph.node.insert(place + offset, new)
    return [numpy_helper.from_array(whole, name + ".whole"), numpy_helper.from_array(scale, name + ".scale")]
