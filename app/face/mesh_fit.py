"""How well a landmark mesh fits the pixels under it: the log odds that the face is upright.

MediaPipe fits an upright mesh to whatever its detector reports. On an upside-down face the mesh
looks upright, and its roll is close to 0; only its shape and the pixels under it are atypical. Two
descriptors separate such a mesh from one on an upright face, weighted by a logistic regression that
was fitted on the corpus and on rotated copies of it:

- pixels: histograms of oriented gradients (Dalal, Triggs 2005, doi 10.1109/CVPR.2005.177; signed,
  4 × 4 cells, 8 directions) and luma on an 8 × 8 grid, over the square that FFHQ's recipe cuts;
- shape: the mesh without place, size and roll, as scores on its principal components, their
  squares, and what the components leave over.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app import MODELS_DIR
from app.arrays import FloatArray, GrayArray
from app.face.alignment import crop_square
from app.face.face import IRIS_LEFT, IRIS_RIGHT, LANDMARK_COUNT, Face
from app.image.picture import Picture

MESH_FIT_FILE: Final = "mesh_fit.json"
DEFAULT_MESH_FIT_PATH: Final = MODELS_DIR / MESH_FIT_FILE

LANDMARK_STEP: Final = 6
"""Every sixth landmark describes the shape: the others are redundant."""
SHAPE_LENGTH: Final = 2 * len(range(0, LANDMARK_COUNT, LANDMARK_STEP))
_PATCH_PX: Final = 32
_OVERSAMPLING: Final = 4
_PATCH_SHARE: Final = 0.62
"""Side of the patch as a share of the crop square: brows to chin, little background."""
_CELLS: Final = 4
_DIRECTIONS: Final = 8
_LUMA_GRID: Final = 8
_MAX_GRADIENT: Final = 4.0
"""A cell's share of the gradients is clipped at this many times the mean."""
_LUMA_NOISE: Final = 4.0
"""Grey levels: added to the standard deviation, so that a flat patch stays flat."""
_CELL: Final = np.arange(_PATCH_PX) * _CELLS // _PATCH_PX
_FIRST_BIN: Final = ((_CELL[:, None] * _CELLS + _CELL) * _DIRECTIONS).ravel()
"""Of each pixel of the patch: where the histogram of its cell begins."""
TEXTURE_LENGTH: Final = _CELLS * _CELLS * _DIRECTIONS + _LUMA_GRID * _LUMA_GRID


class MeshFitError(ValueError):
    """``mesh_fit.json`` is missing or malformed; the message says what to do."""


class MeshFitEntry(BaseModel):
    """``models/mesh_fit.json``, as ``python -m app.training.mesh_fit`` writes it.

    ``shape_mean`` and ``components`` (k, ``SHAPE_LENGTH``): principal components of standing
    meshes; ``deviations`` (k,): the standard deviation along each. ``weights``: of texture, scores,
    the logarithm of what is left over, and squared scores; ``offset``: log odds at zero.
    ``certain``, ``lowest`` and ``margin``: the thresholds of ``orientation``, log odds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1]
    manifest_sha256: str
    pictures: Annotated[int, Field(gt=0)]
    shape_mean: Annotated[list[float], Field(min_length=SHAPE_LENGTH, max_length=SHAPE_LENGTH)]
    components: Annotated[list[list[float]], Field(min_length=1)]
    deviations: list[Annotated[float, Field(gt=0)]]
    weights: list[float]
    offset: float
    certain: float
    lowest: float
    margin: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        count = len(self.components)
        if len(self.deviations) != count or any(len(c) != SHAPE_LENGTH for c in self.components):
            raise ValueError("every component needs a deviation and a number for every coordinate")
        if len(self.weights) != TEXTURE_LENGTH + 2 * count + 1:
            raise ValueError("there must be one weight for every feature")
        return self


class MeshFit:
    """The fitted model: call it for the log odds that a face is upright."""

    def __init__(self, entry: MeshFitEntry) -> None:
        self.entry = entry
        self._shape = ShapeModel(
            np.array(entry.shape_mean), np.array(entry.components), np.array(entry.deviations)
        )
        self._weights = np.array(entry.weights)

    def __call__(self, picture: Picture, face: Face) -> float:
        """Natural log odds that ``face`` is upright in ``picture``; −inf if degenerate."""
        texture = texture_features(picture.gray, face)
        if texture is None:
            return -math.inf
        features = np.concatenate([texture, self._shape.features(mesh_shape(face)[None])[0]])
        return float(features @ self._weights) + self.entry.offset


class ShapeModel:
    """Principal components of mesh shapes."""

    def __init__(self, mean: FloatArray, components: FloatArray, deviations: FloatArray) -> None:
        self.mean, self.components, self.deviations = mean, components, deviations

    @classmethod
    def fit(cls, shapes: FloatArray, count: int) -> Self:
        """The first ``count`` principal components of ``shapes`` (n, ``SHAPE_LENGTH``)."""
        mean = shapes.mean(axis=0)
        _, singular, directions = np.linalg.svd(shapes - mean, full_matrices=False)
        return cls(mean, directions[:count], singular[:count] / math.sqrt(len(shapes)))

    def features(self, shapes: FloatArray) -> FloatArray:
        """Scores, ln of the residual's length, squared scores: (n, 2 k + 1)."""
        offsets = shapes - self.mean
        scores = offsets @ self.components.T
        residual = np.linalg.norm(offsets - scores @ self.components, axis=1, keepdims=True)
        scores = scores / self.deviations
        out: FloatArray = np.hstack([scores, np.log(residual + 1e-3), scores**2])
        return out


def mesh_shape(face: Face) -> FloatArray:
    """The mesh without place, size and roll: (``SHAPE_LENGTH``,), all x, then all y."""
    points = face.landmarks[:, 0] + 1j * face.landmarks[:, 1]
    points = points - points.mean()
    eyes = points[IRIS_RIGHT] - points[IRIS_LEFT]
    size = math.sqrt(float((np.abs(points) ** 2).mean()))
    direction = eyes / abs(eyes) if abs(eyes) > 0.0 else 1.0
    shape = points[::LANDMARK_STEP] / (direction * max(size, 1e-9))
    return np.concatenate([shape.real, shape.imag])


def texture_features(gray: GrayArray, face: Face) -> FloatArray | None:
    """Gradient histograms and luma under the mesh, (``TEXTURE_LENGTH``,); ``None`` if collapsed."""
    try:
        square = crop_square(face)
    except ValueError:
        return None
    patch = _cut_patch(gray, square)
    luma = cv2.resize(patch, (_LUMA_GRID, _LUMA_GRID), interpolation=cv2.INTER_AREA)
    deviation = float(luma.std()) + _LUMA_NOISE
    return np.concatenate(
        [_gradient_histograms(patch), (luma.ravel() - luma.mean()).astype(np.float64) / deviation]
    )


def _cut_patch(gray: GrayArray, square: FloatArray) -> cv2.typing.MatLike:
    """The middle of ``square`` (4, 2), float32, averaged over the pixels that it covers."""
    centre = square.mean(axis=0)
    corners = centre + (square - centre) * _PATCH_SHARE
    side = _PATCH_PX * _OVERSAMPLING
    target = np.array([[0, 0], [side, 0], [side, side]], dtype=np.float32)
    affine = cv2.getAffineTransform(corners[:3].astype(np.float32), target)
    patch = cv2.warpAffine(
        gray, affine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    small = cv2.resize(patch, (_PATCH_PX, _PATCH_PX), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32)


def _gradient_histograms(patch: cv2.typing.MatLike) -> FloatArray:
    """Gradient magnitude by cell and direction, each as a multiple of the mean of all."""
    dx = cv2.Sobel(patch, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(patch, cv2.CV_32F, 0, 1, ksize=3)
    magnitude, angle = cv2.cartToPolar(dx, dy)
    position = angle.ravel() * (_DIRECTIONS / (2.0 * math.pi))
    lower = position.astype(np.int64)
    upper_share = position - lower
    bins = np.concatenate(
        [_FIRST_BIN + lower % _DIRECTIONS, _FIRST_BIN + (lower + 1) % _DIRECTIONS]
    )
    weights = np.concatenate(
        [magnitude.ravel() * (1.0 - upper_share), magnitude.ravel() * upper_share]
    )
    histogram = np.bincount(bins, weights, minlength=_CELLS * _CELLS * _DIRECTIONS)
    out: FloatArray = np.minimum(histogram / (histogram.mean() + 1e-3), _MAX_GRADIENT)
    return out


def load_mesh_fit(path: Path = DEFAULT_MESH_FIT_PATH) -> MeshFit:
    """The model in ``path``. Raises ``MeshFitError``."""
    try:
        return MeshFit(MeshFitEntry.model_validate_json(path.read_bytes()))
    except OSError as error:
        raise MeshFitError(f"cannot read {path}: restore it from the repository") from error
    except ValidationError as error:
        raise MeshFitError(f"{path} is malformed: {error}") from error


@lru_cache(maxsize=1)
def default_mesh_fit() -> MeshFit:
    """The shipped model, read once."""
    return load_mesh_fit()
