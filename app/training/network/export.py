"""Exports the trained network as an ONNX graph quantised to 8-bit integers."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from app.arrays import RgbArray
from app.training.network.model import Tensors, iterate_blocks
from app.training.network.train import to_batch

OPSET: Final = 17
IR_VERSION: Final = 9
"""Supported by onnxruntime since 2023."""
_PERCENTILE: Final = 99.99


def build_onnx_model(tensors: Tensors) -> Any:
    """The network as an ONNX model: ``pixels`` (n, 3, h, w) to ``heat`` (n, heads, h/32, w/32)."""
    head_count = int(tensors["head.bias"].shape[0])
    nodes: list[Any] = []
    weights: list[Any] = [
        numpy_helper.from_array(np.array(0.0, np.float32), "zero"),
        numpy_helper.from_array(np.array(6.0, np.float32), "six"),
    ]

    def add_convolution(x: str, name: str, stride: int = 1, groups: int = 1) -> str:
        kernel = int(tensors[f"{name}.weight"].shape[-1])
        for part in ("weight", "bias"):
            values = tensors[f"{name}.{part}"].detach().contiguous().numpy()
            weights.append(numpy_helper.from_array(values, f"{name}.{part}"))
        nodes.append(
            helper.make_node(
                "Conv",
                [x, f"{name}.weight", f"{name}.bias"],
                [name],
                name,
                kernel_shape=[kernel, kernel],
                strides=[stride, stride],
                pads=[kernel // 2] * 4,
                group=groups,
            )
        )
        return name

    def add_relu6(x: str) -> str:
        nodes.append(helper.make_node("Clip", [x, "zero", "six"], [f"{x}.relu6"], f"{x}.relu6"))
        return f"{x}.relu6"

    x = add_relu6(add_convolution("pixels", "stem", 2))
    for block in iterate_blocks():
        before = x
        if block.has_expansion:
            x = add_relu6(add_convolution(x, f"{block.name}.expand"))
        x = add_relu6(add_convolution(x, f"{block.name}.depthwise", block.stride, block.channels))
        x = add_convolution(x, f"{block.name}.project")
        if block.is_residual:
            nodes.append(helper.make_node("Add", [before, x], [f"{x}.sum"], f"{x}.sum"))
            x = f"{x}.sum"
    add_convolution(x, "head")
    nodes.append(helper.make_node("Identity", ["head"], ["heat"], "heat"))
    onnx_graph = helper.make_graph(
        nodes,
        "scores",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("heat", TensorProto.FLOAT, ["n", head_count, "y", "x"])],
        weights,
    )
    model = helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


class _TileReader(CalibrationDataReader):  # type: ignore[misc]
    """Feeds tiles one by one to onnxruntime's quantisation."""

    def __init__(self, tiles: Sequence[RgbArray]) -> None:
        self._remaining = iter(tiles)

    def get_next(self) -> dict[str, Any] | None:
        tile = next(self._remaining, None)
        return None if tile is None else {"pixels": to_batch([tile]).contiguous().numpy()}


def export_quantized(tensors: Tensors, tiles: Sequence[RgbArray], out: Path) -> None:
    """Write the network in 8-bit integers to ``out``; ``tiles`` calibrate the ranges."""
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full.onnx"
        onnx.save(build_onnx_model(tensors), full)
        small = Path(folder) / "small.onnx"
        quantize_static(
            full,
            small,
            _TileReader(tiles),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": _PERCENTILE},
        )
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(small.read_bytes())
