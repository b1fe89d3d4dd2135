"""Write docs/montage.png and docs/composite.png: ``.venv/bin/python docs/make_pictures.py``.

The avatars are drawings of our own, and NASA's portrait of Eileen Collins, which is in the public
domain; no face of a generator is among them. Half of them are cut as FFHQ was cut: by the crop
square that ``eyeline analyze`` measures for each face. The other half stay as they were framed. The
montage is what ``eyeline batch`` draws; the composite joins the averages that it draws of each
half.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = ROOT / "docs"
FACES: Final = ROOT / "fixtures" / "faces"
EACH: Final = 9
"""Drawings in the generators' frame, and as many that are not."""
SHIFT: Final = 0.004
"""An untouched StyleGAN portrait's crop square lies at 0.496 of its height, as irises show it."""
CANVAS_PX: Final = 1200
AVATAR_PX: Final = 400
MARGIN_PX: Final = 24
TEXT_PX: Final = 26

SKIN: Final = ("#f2d0b4", "#e3b48f", "#c98f65", "#a86f48", "#7d4e31", "#efc6a6", "#5f3a26")
HAIR: Final = ("#1f1a17", "#4a2f20", "#7a5230", "#b98b4e", "#8d8a86", "#6b2f1d", "#2b2622")
EYES: Final = ("#4f6b45", "#3c2618", "#4a6f8f", "#5c4326", "#6d7f86")
CLOTH: Final = ("#31445e", "#6b2c39", "#3d5a48", "#5a4a6b", "#8a6a3c", "#444444")
BACKDROP: Final = ("#8fa9b8", "#b9ad94", "#7f8f78", "#a78f8a", "#6f7a8c", "#c2c2b6")


def mixed(first: str, second: str, share: float) -> str:
    """The colour ``share`` of the way from ``first`` to ``second``."""
    pairs = ((int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)


class Canvas:
    """A square picture in units of the distance between the eyes, which lie level around 0, 0."""

    def __init__(self, centre: tuple[float, float], unit_px: float, backdrop: str) -> None:
        self.image = Image.new("RGB", (CANVAS_PX, CANVAS_PX), backdrop)
        self._centre = centre
        self._unit_px = unit_px

    def _box(self, x: float, y: float, rx: float, ry: float) -> tuple[float, float, float, float]:
        cx, cy = self._centre
        left, top = cx + (x - rx) * self._unit_px, cy + (y - ry) * self._unit_px
        return left, top, left + 2 * rx * self._unit_px, top + 2 * ry * self._unit_px

    def mask(self, x: float, y: float, rx: float, ry: float, soft: float = 0.0) -> Image.Image:
        """An ellipse, with an edge as ``soft`` as this in units."""
        mask = Image.new("L", self.image.size, 0)
        ImageDraw.Draw(mask).ellipse(self._box(x, y, rx, ry), fill=255)
        radius = soft * self._unit_px
        return mask.filter(ImageFilter.GaussianBlur(radius)) if radius else mask

    def fill(self, mask: Image.Image, colour: str, share: float = 1.0) -> None:
        """Paint ``colour`` over the place that ``mask`` shows."""
        self.image.paste(colour, mask=mask.point(lambda value: round(value * share)))

    def oval(
        self, at: tuple[float, float], radii: tuple[float, float], colour: str, soft: float = 0.0
    ) -> None:
        """An ellipse of one colour."""
        self.fill(self.mask(*at, *radii, soft), colour)

    def arc(
        self,
        at: tuple[float, float],
        radii: tuple[float, float],
        angles: tuple[int, int],
        colour: str,
        width: float,
    ) -> None:
        """A part of an ellipse's outline; angles from three o'clock, clockwise."""
        pen = ImageDraw.Draw(self.image)
        pen.arc(self._box(*at, *radii), *angles, fill=colour, width=round(width * self._unit_px))


def portrait(
    draw: random.Random, number: int, centre: tuple[float, float], unit_px: float
) -> Image.Image:
    """A drawn person; ``centre`` and ``unit_px``: between the eyes, and how far these are apart."""
    skin, hair = SKIN[number % len(SKIN)], HAIR[(3 * number + number // 7) % len(HAIR)]
    shade, light = mixed(skin, "#40180c", 0.35), mixed(skin, "#ffffff", 0.22)
    wide, long_hair = draw.uniform(0.98, 1.1), number % 2 == 0
    page = Canvas(centre, unit_px, BACKDROP[number % len(BACKDROP)])
    for _ in range(4):
        at = draw.uniform(-2.5, 2.5), draw.uniform(-2.5, 1.5)
        tone = mixed(BACKDROP[number % len(BACKDROP)], draw.choice(BACKDROP), 0.6)
        page.oval(at, (draw.uniform(0.5, 1.4), draw.uniform(0.5, 1.4)), tone, 0.3)
    if long_hair:
        page.oval((0, 0.55), (1.32 * wide, 1.9), mixed(hair, "#000000", 0.25), 0.05)
    page.oval((0, 3.3), (2.1, 1.35), CLOTH[number % len(CLOTH)], 0.02)
    page.oval((0, 1.75), (0.55, 0.8), mixed(skin, shade, 0.6), 0.03)
    page.oval((0, 2.1), (0.72, 0.34), mixed(skin, shade, 0.3), 0.05)
    for side in (-1, 1):
        page.oval((side * 1.06 * wide, 0.2), (0.15, 0.3), mixed(skin, shade, 0.4), 0.01)
    page.oval((0, -0.42), (1.14 * wide, 1.12), hair, 0.03)
    head = ImageChops.lighter(
        page.mask(0, 0.0, 1.0 * wide, 1.12), page.mask(0, 0.5, 0.86 * wide, 1.12)
    ).filter(ImageFilter.GaussianBlur(0.02 * unit_px))
    page.fill(head, shade)
    inner = page.mask(-0.06, 0.22, 0.86 * wide, 1.2, 0.18)
    page.fill(ImageChops.multiply(head, inner), skin)
    page.fill(ImageChops.multiply(head, page.mask(-0.1, -0.45, 0.5, 0.28, 0.2)), light, 0.7)
    for side in (-1, 1):
        page.fill(page.mask(side * 0.52, 0.55, 0.24, 0.2, 0.12), mixed(skin, "#d8604a", 0.35), 0.6)
        _eye(page, side, EYES[number % len(EYES)], skin, shade, hair)
    page.fill(page.mask(0.07, 0.3, 0.09, 0.36, 0.05), shade, 0.3)
    page.fill(page.mask(-0.02, 0.36, 0.07, 0.26, 0.06), light, 0.6)
    page.fill(page.mask(0, 0.62, 0.2, 0.09, 0.04), shade, 0.45)
    for side in (-1, 1):
        page.oval((side * 0.09, 0.645), (0.05, 0.026), mixed(shade, "#000000", 0.35), 0.012)
    _mouth(page, skin, smiling=number % 3 == 0)
    fringe = ImageChops.subtract(
        page.mask(0, -0.42, 1.14 * wide, 1.12),
        page.mask(draw.uniform(-0.35, 0.35), 0.35, 1.06 * wide, 1.12),
    ).filter(ImageFilter.GaussianBlur(0.02 * unit_px))
    page.fill(fringe, hair)
    for _ in range(26):
        angle = draw.randint(200, 330)
        spread = draw.uniform(0.84, 0.98)
        tone = mixed(hair, draw.choice(("#ffffff", "#000000")), draw.uniform(0.06, 0.2))
        span = (angle, angle + draw.randint(8, 24))
        page.arc((0, -0.42), (1.14 * wide * spread, 1.12 * spread), span, tone, 0.014)
    return page.image


def _eye(page: Canvas, side: int, iris: str, skin: str, shade: str, hair: str) -> None:
    x = side * 0.5
    page.fill(page.mask(x, -0.04, 0.3, 0.2, 0.06), shade, 0.35)
    white = page.mask(x, 0.01, 0.215, 0.105, 0.008)
    page.fill(white, "#f1ece6")
    for radius, colour in ((0.098, mixed(iris, "#000000", 0.45)), (0.085, iris), (0.04, "#0c0908")):
        page.fill(ImageChops.multiply(white, page.mask(x, 0.0, radius, radius, 0.006)), colour)
    page.oval((x - 0.035, -0.035), (0.02, 0.02), "#ffffff", 0.004)
    page.arc((x, 0.015), (0.225, 0.115), (185, 355), mixed(hair, "#000000", 0.6), 0.03)
    page.arc((x, 0.01), (0.215, 0.105), (20, 160), mixed(shade, skin, 0.4), 0.012)
    page.arc((x, -0.06), (0.26, 0.14), (200, 340), shade, 0.014)
    page.arc((x, -0.1), (0.32, 0.22), (205, 335), mixed(hair, "#000000", 0.2), 0.06)


def _mouth(page: Canvas, skin: str, *, smiling: bool) -> None:
    lip = mixed(skin, "#a8323a", 0.5)
    page.oval((0, 1.0), (0.36, 0.095), mixed(lip, "#000000", 0.15), 0.012)
    page.oval((0, 1.045), (0.29, 0.075), lip, 0.015)
    if smiling:
        page.oval((0, 0.995), (0.27, 0.045), "#f3efe9", 0.008)
    else:
        page.arc((0, 0.94), (0.36, 0.07), (15, 165), mixed(lip, "#000000", 0.5), 0.018)
    page.fill(page.mask(0, 1.22, 0.2, 0.04, 0.04), mixed(skin, "#40180c", 0.35), 0.5)


def eyeline(*arguments: str | Path) -> str:
    """What the command line prints."""
    command = [sys.executable, "-m", "app", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return done.stdout


def cut_as_ffhq(image: Image.Image, alignment: dict[str, Any]) -> Image.Image:
    """The crop square that the face asks for."""
    side = alignment["side"] * CANVAS_PX
    roll = math.radians(alignment["roll_deg"])
    cos, sin = math.cos(roll), math.sin(roll)
    x, y = (CANVAS_PX * unit for unit in alignment["centre"])
    left = x - side / 2 * cos + (side / 2 - SHIFT * side) * sin
    top = y - side / 2 * sin - (side / 2 - SHIFT * side) * cos
    step = side / AVATAR_PX
    affine = (step * cos, -step * sin, left, step * sin, step * cos, top)
    smooth = image.filter(ImageFilter.GaussianBlur(0.45 * step))
    size = (AVATAR_PX, AVATAR_PX)
    return smooth.transform(size, Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC)


def draw_avatars(framed: Path, others: Path) -> None:
    """Fill two folders: faces in the frame of the generators, and faces that are not."""
    draw = random.Random(20)  # noqa: S311 - a drawing, not a secret
    drawn = {framed / f"framed_{n}.jpg": portrait(draw, n, (600, 560), 250) for n in range(EACH)}
    for path, image in drawn.items():
        image.save(path, quality=95)
    analyses = eyeline("analyze", "--json", *drawn).splitlines()
    for (path, image), analysis in zip(drawn.items(), analyses, strict=True):
        cut_as_ffhq(image, json.loads(analysis)["alignment"]).save(path, quality=85)
    for number in range(EACH, 2 * EACH):
        at = draw.uniform(420, 780), draw.uniform(400, 640)
        image = portrait(draw, number, at, draw.uniform(150, 330))
        image = image.resize((AVATAR_PX, AVATAR_PX), Image.Resampling.LANCZOS)
        image.save(others / f"other_{number}.jpg", quality=85)
    shutil.copy(FACES / "astronaut_ffhq_frame.jpg", framed)
    shutil.copy(FACES / "astronaut.jpg", others)


def average_of(folder: Path) -> Image.Image:
    """The average of all that is not likely StyleGAN, as ``eyeline batch`` draws it of a folder."""
    with tempfile.TemporaryDirectory() as name:
        composite, results = Path(name) / "composite.png", Path(name) / "results.csv"
        eyeline("batch", folder, "--out", results, "--composite", composite, "--quiet")
        sheet = Image.open(composite).convert("RGB")
    # Nothing is likely StyleGAN, so the left half holds flat boxes: ours are their mirror image.
    pixels = np.asarray(sheet)
    flat = (pixels == pixels[sheet.height // 3, sheet.width // 4]).all(axis=2)
    columns = np.flatnonzero(flat[sheet.height // 3])
    left, right = int(columns[0]), int(columns[-1]) + 1
    rows = np.flatnonzero(flat[:, left:right].all(axis=1))
    box = (sheet.width - right, int(rows[0]), sheet.width - left, int(rows[-1]) + 1)
    return sheet.crop(box)


def side_by_side(averages: dict[str, Image.Image]) -> Image.Image:
    """Both averages with what they are of."""
    width, height = next(iter(averages.values())).size
    size = (2 * width + 3 * MARGIN_PX, height + 3 * MARGIN_PX + TEXT_PX)
    page = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(TEXT_PX)
    for column, (text, average) in enumerate(averages.items()):
        left = MARGIN_PX + column * (width + MARGIN_PX)
        page.paste(average, (left, MARGIN_PX))
        pen.text((left, height + 1.5 * MARGIN_PX), text, "black", font)
    return page


def save(image: Image.Image, path: Path, width: int) -> None:
    """A small PNG: a page is read with it, and nobody measures in it."""
    size = (width, round(image.height * width / image.width))
    small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    colours = Image.Quantize.MEDIANCUT
    small.quantize(255, colours, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")  # noqa: T201


def main() -> None:
    """Both pictures."""
    with tempfile.TemporaryDirectory() as name:
        avatars = Path(name) / "example list"
        framed, others = avatars / "framed", avatars / "others"
        framed.mkdir(parents=True)
        others.mkdir()
        draw_avatars(framed, others)
        montage = Path(name) / "montage.png"
        eyeline(
            "batch", avatars, "--out", montage.with_suffix(".csv"), "--montage", montage, "--quiet"
        )
        save(Image.open(montage), DOCS / "montage.png", 1400)
        averages = {
            "The average of those in one frame": average_of(framed),
            "The average of the others": average_of(others),
        }
        save(side_by_side(averages), DOCS / "composite.png", 900)


if __name__ == "__main__":
    main()
