"""Turns MediaPipe's selfie segmentation model into ``person.onnx``.

The program never runs this: it is kept so that the file beside it can be made again.

    pip install tflite onnx
    python models/convert_person.py selfie_segmentation.tflite models/person.onnx

The ``.tflite`` is in the PyPI wheel ``mediapipe`` 0.10.21, under
``mediapipe/modules/selfie_segmentation/``. Weights stay float16 and are widened when the network is
loaded. Input ``pixels``: RGB, 0 to 1, (1, 3, h, w) float32, h and w multiples of 16. Output
``person``: 0 to 1, (1, 1, h, w).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 17
IR_VERSION: Final = 8
_INPUT: Final = "pixels"
_OUTPUT: Final = "person"
_OP_NAMES: Final = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
_EXPECTED_TRANSPOSE_OPTIONS: Final = (1, 2, 2)  # SAME, stride 2 by 2


@dataclass
class GraphConverter:
    """What has been read from the one file and what has been written for the other."""

    model: Any
    source: Any
    names: dict[int, str] = field(default_factory=dict)
    weights: dict[int, npt.NDArray[np.float16]] = field(default_factory=dict)
    deferred_resizes: dict[int, tuple[str, str]] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def shape(self, index: int) -> tuple[int, ...]:
        return tuple(int(n) for n in self.source.Tensors(index).ShapeAsNumpy())

    def read_float16(self, index: int) -> npt.NDArray[np.float16]:
        """The float16 values that the file holds for a tensor."""
        tensor = self.source.Tensors(index)
        if tensor.Type() != tflite.TensorType.FLOAT16:
            raise ValueError(f"tensor {index} is not float16")
        data = self.model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
        return np.frombuffer(data, np.float16).reshape(self.shape(index))

    def add_weight(self, index: int, axes: tuple[int, ...]) -> str:
        """Store weights in ONNX's order of axes; the name of their float32 copy."""
        name = f"w{index}"
        values = np.ascontiguousarray(self.weights[index].transpose(axes))
        self.initializers.append(numpy_helper.from_array(values, name))
        self.add_node("Cast", [name], f"{name}_wide", to=TensorProto.FLOAT)
        return f"{name}_wide"

    def add_node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))


def convert(data: bytes) -> onnx.ModelProto:
    """The ONNX model that computes what the TFLite model ``data`` computes, at any size."""
    model = tflite.Model.GetRootAsModel(data, 0)
    graph = GraphConverter(model, model.Subgraphs(0))
    graph.names[int(graph.source.Inputs(0))] = _INPUT
    for position in range(graph.source.OperatorsLength()):
        _convert_operator(graph, graph.source.Operators(position))
    graph.nodes[-1].output[0] = _OUTPUT
    converted = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "selfie_segmentation",
            [helper.make_tensor_value_info(_INPUT, TensorProto.FLOAT, [1, 3, "h", "w"])],
            [helper.make_tensor_value_info(_OUTPUT, TensorProto.FLOAT, [1, 1, "h", "w"])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.checker.check_model(converted)
    return converted


def _convert_operator(graph: GraphConverter, operator: Any) -> None:
    code = graph.model.OperatorCodes(operator.OpcodeIndex())
    kind = _OP_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    inputs = [int(i) for i in operator.InputsAsNumpy()]
    output = int(operator.Outputs(0))
    if kind == "DEQUANTIZE":
        graph.weights[output] = graph.read_float16(inputs[0])
        return
    graph.names[output] = f"t{output}"
    _CONVERTERS[kind](graph, operator, inputs, output)


def _read_options(operator: Any, kind: type) -> Any:
    table = operator.BuiltinOptions()
    options = kind()
    options.Init(table.Bytes, table.Pos)
    return options


def _convert_convolution(
    graph: GraphConverter, operator: Any, inputs: list[int], output: int
) -> None:
    source, weight, bias = inputs
    rows, columns = graph.shape(weight)[1:3]
    depthwise = operator.BuiltinOptionsType() == tflite.BuiltinOptions.DepthwiseConv2DOptions
    options = _read_options(
        operator, tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions
    )
    strides = [options.StrideH(), options.StrideW()]
    pads = [0, 0, 0, 0]
    if options.Padding() == tflite.Padding.SAME:
        # of an even side; the odd pixel goes to the end
        total = [rows - strides[0], columns - strides[1]]
        pads = [max(n, 0) // 2 for n in total] + [(max(n, 0) + 1) // 2 for n in total]
    name = graph.names[output]
    input_name, scales = graph.deferred_resizes.get(source, (graph.names.get(source, ""), ""))
    order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
    graph.add_node(
        "Conv",
        [input_name, graph.add_weight(weight, order), graph.add_weight(bias, (0,))],
        f"{name}_small" if scales else name,
        kernel_shape=[rows, columns],
        strides=strides,
        pads=pads,
        group=graph.shape(source)[3] if depthwise else 1,
    )
    if scales:
        if rows * columns > 1:
            raise ValueError("only a 1 by 1 convolution may come before the resizing it follows")
        graph.add_node("Resize", [f"{name}_small", "", scales], name, mode="linear")


def _convert_transposed_convolution(
    graph: GraphConverter, operator: Any, inputs: list[int], output: int
) -> None:
    if tuple(np.frombuffer(operator.CustomOptionsAsNumpy(), "<i4")) != _EXPECTED_TRANSPOSE_OPTIONS:
        raise ValueError("the last convolution is not the one this was written for")
    weights = [graph.add_weight(inputs[1], (3, 0, 1, 2)), graph.add_weight(inputs[2], (0,))]
    graph.add_node(
        "ConvTranspose",
        [graph.names[inputs[0]], *weights],
        graph.names[output],
        kernel_shape=[2, 2],
        strides=[2, 2],
    )


def _defer_resize(graph: GraphConverter, operator: Any, inputs: list[int], output: int) -> None:
    """Left to the convolution that reads it: to convolve first gives the same and costs less."""
    options = _read_options(operator, tflite.ResizeBilinearOptions)
    if options.AlignCorners() or not options.HalfPixelCenters():
        raise ValueError("only half-pixel centres are known")
    before, after = graph.shape(inputs[0]), graph.shape(output)
    name = f"scales{output}"
    scales = np.array([1, 1, after[1] / before[1], after[2] / before[2]], np.float32)
    graph.initializers.append(numpy_helper.from_array(scales, name))
    del graph.names[output]
    graph.deferred_resizes[output] = (graph.names[inputs[0]], name)


def _convert_pool(graph: GraphConverter, operator: Any, inputs: list[int], output: int) -> None:
    options = _read_options(operator, tflite.Pool2DOptions)
    if (options.FilterHeight(), options.FilterWidth()) != graph.shape(inputs[0])[1:3]:
        raise ValueError("only pooling over the whole picture is known")
    graph.add_node("GlobalAveragePool", [graph.names[inputs[0]]], graph.names[output])


def _elementwise_converter(kind: str) -> Callable[[GraphConverter, Any, list[int], int], None]:
    def convert(graph: GraphConverter, operator: Any, inputs: list[int], output: int) -> None:
        del operator
        graph.add_node(kind, [graph.names[i] for i in inputs], graph.names[output])

    return convert


_CONVERTERS: Final[Mapping[str, Callable[[GraphConverter, Any, list[int], int], None]]] = {
    "CONV_2D": _convert_convolution,
    "DEPTHWISE_CONV_2D": _convert_convolution,
    "CUSTOM": _convert_transposed_convolution,
    "RESIZE_BILINEAR": _defer_resize,
    "AVERAGE_POOL_2D": _convert_pool,
    "RELU": _elementwise_converter("Relu"),
    "HARD_SWISH": _elementwise_converter("HardSwish"),
    "LOGISTIC": _elementwise_converter("Sigmoid"),
    "ADD": _elementwise_converter("Add"),
    "MUL": _elementwise_converter("Mul"),
}

if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(convert(Path(sys.argv[1]).read_bytes()).SerializeToString())
