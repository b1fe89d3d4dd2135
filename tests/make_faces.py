"""Write the pictures of fixtures/faces and their manifest anew: ``python tests/make_faces.py``.

Photographs in the public domain are kept once, as ``PHOTOGRAPHS`` lists them; everything else is
cut from them or drawn here. ``python tests/make_faces.py FOLDER`` also takes the photographs
themselves anew, from the data folder of scikit-image 0.26.0.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw

from app.arrays import RgbArray
from app.face.alignment import crop_square
from app.face.landmarks import FaceFinder, load_landmark_model
from app.image.picture import decode

ROOT: Final = Path(__file__).resolve().parent.parent
FACES: Final = ROOT / "fixtures" / "faces"

PHOTOGRAPHS: Final = {
    "astronaut": (
        "NASA, Great Images in NASA (Eileen Collins), by way of scikit-image 0.26.0",
        "public domain",
        "a portrait with much around it",
    ),
    "camera": (
        "Lav Varshney, by way of scikit-image 0.26.0",
        "CC0-1.0",
        "a man behind a camera, greyscale, face in profile and small",
    ),
    "chelsea": (
        "Stéfan van der Walt, by way of scikit-image 0.26.0",
        "CC0-1.0",
        "a cat: a face, but not a human one",
    ),
    "coffee": ("Rachel Michetti, by way of scikit-image 0.26.0", "CC0-1.0", "a cup: no face"),
}
DRAWN: Final = ("drawn by tests/make_faces.py", "MIT")
CUT: Final = ("cut from astronaut.jpg by tests/make_faces.py", "public domain")
SIDE_PX: Final = 400
SHIFT: Final = 0.004
"""An untouched StyleGAN portrait's crop square lies at 0.496 of its height, as irises show it."""


def cut_ffhq_frame(photograph: RgbArray) -> RgbArray:
    """``photograph`` cut the way FFHQ was: the square that the face asks for, 400 px."""
    picture = decode((FACES / "astronaut.jpg").read_bytes())
    with FaceFinder(load_landmark_model(ROOT / "models")) as finder:
        face = max(finder.find_faces(picture), key=lambda face: face.eye_distance_px)
    corners = crop_square(face)
    corners += SHIFT * (corners[3] - corners[0])
    target = np.array([[0, 0], [SIDE_PX, 0], [SIDE_PX, SIDE_PX]], np.float32)
    # Corners are continuous, origin at the outer corner; warpAffine counts from pixel centres.
    to_frame = cv2.getAffineTransform(corners[:3].astype(np.float32) - 0.5, target - 0.5)
    return np.asarray(
        cv2.warpAffine(
            photograph,
            to_frame,
            (SIDE_PX, SIDE_PX),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT_101,
        ),
        dtype=np.uint8,
    )


def resized(rgb: RgbArray, side: int) -> RgbArray:
    return np.asarray(cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def zoomed(rgb: RgbArray, factor: float) -> RgbArray:
    """The centre of ``rgb``, enlarged to its size."""
    size = rgb.shape[0]
    image = Image.fromarray(rgb)
    margin = size * (1 - 1 / factor) / 2
    box = (margin, margin, size - margin, size - margin)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))


def bordered(rgb: RgbArray) -> RgbArray:
    """White around ``rgb``, a different width on every side."""
    return np.pad(rgb, ((20, 50), (40, 12), (0, 0)), constant_values=255)


def circle_masked(rgb: RgbArray) -> Image.Image:
    """``rgb`` with transparent corners, as platforms export avatars."""
    side = rgb.shape[0]
    mask = Image.new("L", (4 * side, 4 * side), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, 4 * side - 1, 4 * side - 1), fill=255)
    image = Image.fromarray(rgb)
    image.putalpha(mask.resize((side, side), Image.Resampling.LANCZOS))
    return image


def with_second_face(rgb: RgbArray) -> RgbArray:
    """``rgb`` with a smaller copy of its own face, mirrored, in a corner."""
    combined = rgb.copy()
    combined[-110:, -110:] = resized(rgb[:, ::-1], 110)
    return combined


def cut_pictures(frame: RgbArray) -> Iterator[tuple[str, Image.Image, str]]:
    small = resized(frame, 256)
    half = np.asarray(Image.fromarray(frame).convert("L"))
    yield "astronaut_ffhq_frame.jpg", Image.fromarray(frame), "a real face in FFHQ's frame"
    yield "astronaut_ffhq_zoom110.jpg", Image.fromarray(zoomed(frame, 1.1)), "zoomed by 1.10"
    yield "astronaut_ffhq_mirrored.jpg", Image.fromarray(frame[:, ::-1]), "mirrored"
    yield "astronaut_ffhq_border.png", Image.fromarray(bordered(small)), "in FFHQ's frame, bordered"
    yield "astronaut_ffhq_circle.png", circle_masked(small), "in FFHQ's frame, transparent corners"
    yield "astronaut_ffhq_two_faces.jpg", Image.fromarray(with_second_face(frame)), "a second face"
    yield "astronaut_ffhq_48px.jpg", Image.fromarray(resized(frame, 48)), "in FFHQ's frame, 48 px"
    yield "astronaut_ffhq_gray.jpg", Image.fromarray(half), "in FFHQ's frame, greyscale"


def drawn_pictures() -> Iterator[tuple[str, Image.Image, str]]:
    cartoon = Image.new("RGB", (400, 400), (250, 214, 90))
    pen = ImageDraw.Draw(cartoon)
    pen.ellipse((30, 120, 186, 294), fill=(255, 236, 200), outline=(40, 30, 30), width=4)
    for x in (78, 138):
        pen.ellipse((x - 13, 180, x + 13, 214), fill="white", outline=(40, 30, 30), width=3)
        pen.ellipse((x - 5, 192, x + 5, 206), fill=(40, 30, 30))
    pen.arc((72, 210, 144, 270), 20, 160, fill=(180, 40, 40), width=5)
    yield "cartoon.png", cartoon, "a drawn face: no photograph"
    noise = np.random.default_rng(11).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    yield "noise.png", Image.fromarray(noise), "noise"
    yield "blank.png", Image.new("RGB", (400, 400), "white"), "nothing at all"
    y, x = np.mgrid[0:300, 0:400]
    hills = y > 170 + 30 * np.sin(x / 40) + 12 * np.sin(x / 13)
    sky = np.stack([120 + y // 3, 170 + y // 5, np.full_like(y, 235)], axis=2)
    land = np.stack([60 + x // 8, 110 + y // 6, np.full_like(y, 50)], axis=2)
    landscape = np.where(hills[..., None], land, sky).clip(0, 255).astype(np.uint8)
    yield "landscape.jpg", Image.fromarray(landscape), "hills and sky, not square"


def save_image(image: Image.Image, name: str) -> None:
    if name.endswith(".jpg"):
        image.save(FACES / name, quality=92, optimize=True)
    else:
        image.save(FACES / name, optimize=True)


def import_photographs(folder: Path) -> None:
    for name in PHOTOGRAPHS:
        with Image.open(folder / f"{name}.png") as photograph:
            save_image(photograph.convert("L" if name == "camera" else "RGB"), f"{name}.jpg")


def main() -> None:
    if len(sys.argv) > 1:
        import_photographs(Path(sys.argv[1]))
    rows = [(f"{name}.jpg", *provenance) for name, provenance in PHOTOGRAPHS.items()]
    frame = cut_ffhq_frame(decode((FACES / "astronaut.jpg").read_bytes()).rgb)
    for (source, licence), pictures in ((CUT, cut_pictures(frame)), (DRAWN, drawn_pictures())):
        for name, image, description in pictures:
            save_image(image, name)
            rows.append((name, source, licence, description))
    with (FACES / "manifest.csv").open("w", newline="", encoding="utf-8") as table:
        out = csv.writer(table, lineterminator="\n")
        out.writerow(["file", "source", "licence", "sha256", "what"])
        for name, source, licence, description in rows:
            digest = hashlib.sha256((FACES / name).read_bytes()).hexdigest()
            out.writerow([name, source, licence, digest, description])


if __name__ == "__main__":
    main()
