"""Decoding: every trap has a file in fixtures/faces/hostile."""

import csv
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from app.errors import ImageBomb, RequestError, TooLarge
from app.image.picture import PICTURE_FORMATS, WORKING_SIDE_PX, DecodeLimits, Picture, decode

FACES = Path(__file__).resolve().parents[2] / "fixtures" / "faces"
HOSTILE = FACES / "hostile"
HOSTILE_CODES = {
    row["file"]: row["expected"]
    for row in csv.DictReader((HOSTILE / "manifest.csv").read_text("utf-8").splitlines())
}


def read_hostile(name: str) -> bytes:
    return (HOSTILE / name).read_bytes()


def save_image(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decode_outcome(data: bytes) -> str:
    try:
        decode(data)
    except RequestError as error:
        return error.code
    return "ok"


def hash_distance(a: Picture, b: Picture) -> int:
    return (int(a.pdq.hex, 16) ^ int(b.pdq.hex, 16)).bit_count()


@pytest.fixture(scope="module")
def photograph() -> Picture:
    return decode((FACES / "astronaut.jpg").read_bytes())


# Every trap


@pytest.mark.parametrize(("name", "expected"), HOSTILE_CODES.items())
def test_trap(name, expected):
    assert decode_outcome(read_hostile(name)) == expected


def test_manifest_and_folder_hold_the_same_files():
    assert set(HOSTILE_CODES) == {path.name for path in HOSTILE.iterdir()} - {"manifest.csv"}


def test_details_say_what_to_do():
    for name, expected in HOSTILE_CODES.items():
        if expected != "ok":
            with pytest.raises(RequestError, match=r"send|save") as caught:
                decode(read_hostile(name))
            assert caught.value.detail.endswith(".")


# What a Picture promises


@pytest.mark.parametrize(
    "name", [name for name, expected in HOSTILE_CODES.items() if expected == "ok"]
)
def test_picture_keeps_its_promises(name):
    picture = decode(read_hostile(name))
    width, height = picture.size
    assert picture.rgb.shape == (height, width, 3)
    assert picture.rgb.dtype == np.uint8
    assert not picture.rgb.flags.writeable
    assert not picture.gray.flags.writeable
    assert picture.format in PICTURE_FORMATS
    assert max(picture.size) <= WORKING_SIDE_PX
    assert len(picture.pdq.hex) == 64
    assert all(
        kept <= stated for kept, stated in zip(picture.size, picture.declared_size, strict=True)
    )


def test_bytes_decide_not_names():
    assert decode(read_hostile("png_as.jpg")).format == "PNG"


def test_declared_size_defaults_to_size():
    assert Picture(np.zeros((3, 5, 3), np.uint8), "PNG", "").declared_size == (5, 3)


# Limits


def test_too_many_bytes():
    data = read_hostile("1x1.png")
    assert decode(data, DecodeLimits(max_bytes=len(data))).size == (1, 1)
    with pytest.raises(TooLarge):
        decode(data, DecodeLimits(max_bytes=len(data) - 1))


@pytest.mark.parametrize("kind", PICTURE_FORMATS)
def test_pixel_and_side_limits_are_inclusive(kind):
    data = save_image(Image.new("RGB", (40, 30)), kind)
    max_pixels = {"WEBP": 2000, "AVIF": 1600}.get(kind, 1200)  # those that cost more may have fewer
    assert decode(data, DecodeLimits(max_pixels=max_pixels, max_side_px=40)).declared_size == (
        40,
        30,
    )
    for limits in (DecodeLimits(max_pixels=max_pixels - 1), DecodeLimits(max_side_px=39)):
        with pytest.raises(ImageBomb):
            decode(data, limits)


def test_bombs_cost_no_memory():
    bombs = [name for name, expected in HOSTILE_CODES.items() if expected == "image_bomb"]
    program = (
        "import sys, resource\n"
        "from app.errors import ImageBomb\n"
        "from app.image.picture import decode\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "files = [open(name, 'rb').read() for name in sys.argv[1:]]\n"
        "before = peak()\n"
        "for data in files:\n"
        "    try:\n"
        "        decode(data)\n"
        "        sys.exit('decoded')\n"
        "    except ImageBomb:\n"
        "        pass\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *(str(HOSTILE / name) for name in bombs)],
        capture_output=True,
        text=True,
        check=True,
        cwd=FACES.parent.parent,
    )
    assert int(done.stdout) < 20_000  # KiB; the smallest of these bombs would unpack to 100 MB


@pytest.mark.parametrize("kind", PICTURE_FORMATS)
def test_large_pictures_are_shrunk_and_say_so(kind):
    data = save_image(Image.linear_gradient("L").resize((3301, 1100)).convert("RGB"), kind)
    picture = decode(data)
    assert picture.declared_size == (3301, 1100)
    assert picture.size == (WORKING_SIDE_PX, 534)
    column = picture.gray[:, 800].astype(int)
    assert column[0] < 6
    assert column[-1] > 249
    assert abs(column[267] - 127) <= 2


# Which way up, and which frame


@pytest.mark.parametrize("number", range(1, 9))
def test_every_orientation_gives_the_same_pixels(number):
    picture = decode(read_hostile(f"exif_{number}.png"))
    assert np.array_equal(picture.rgb, decode(read_hostile("exif_1.png")).rgb)
    assert picture.declared_size == (48, 40)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif"])
def test_orientation_in_other_formats(suffix):
    picture = decode(read_hostile(f"exif_6.{suffix}"))
    assert picture.size == picture.declared_size == (48, 40)
    difference = picture.rgb.astype(int) - decode(read_hostile("exif_1.png")).rgb
    assert np.abs(difference).mean() < 12


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif"])
def test_animations_are_their_first_frame_and_flagged(suffix):
    picture = decode(read_hostile(f"animated.{suffix}"))
    assert picture.animated
    red, green, blue = picture.rgb[12, 12].tolist()
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("kind", PICTURE_FORMATS)
def test_stills_are_not_animated(kind):
    assert not decode(save_image(Image.new("RGB", (8, 8)), kind)).animated


# Threads, and the perceptual hash


def test_threads_agree(photograph):
    names = [name for name, code in HOSTILE_CODES.items() if code == "ok"] * 3
    alone = [decode(read_hostile(name)).rgb.tobytes() for name in names]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda name: decode(read_hostile(name)).rgb.tobytes(), names))
    assert together == alone


def test_hash_survives_size_and_compression(photograph):
    image = Image.fromarray(photograph.rgb)
    for side in (48, 96, 200, 400):
        for quality in (30, 60, 90):
            again = decode(save_image(image.resize((side, side)), "JPEG", quality=quality))
            assert hash_distance(again, photograph) <= 31, (side, quality)


def test_hash_tells_pictures_apart(photograph):
    mirrored = decode(save_image(Image.fromarray(photograph.rgb[:, ::-1])))
    others = [mirrored, *(decode((FACES / f"{n}.jpg").read_bytes()) for n in ("chelsea", "coffee"))]
    assert min(hash_distance(other, photograph) for other in others) >= 64


def test_gray_is_luma():
    assert np.array_equal(
        decode(read_hostile("exif_1.png")).gray,
        cv2.cvtColor(decode(read_hostile("exif_1.png")).rgb, cv2.COLOR_RGB2GRAY),
    )


def apng(frames: list[Image.Image], *, hidden: Image.Image | None = None) -> bytes:
    """An APNG; ``hidden``: a default picture that is no frame of it."""
    buffer = io.BytesIO()
    shown = [hidden, *frames] if hidden is not None else frames
    shown[0].save(
        buffer, "PNG", save_all=True, append_images=shown[1:], default_image=hidden is not None
    )
    return buffer.getvalue()


def flat(colour: str) -> Image.Image:
    return Image.new("RGB", (40, 40), colour)


def two_colours(colour: str) -> Image.Image:
    image = flat(colour)
    image.paste((10, 20, 30), (0, 0, 20, 40))
    return image


def test_the_frame_of_an_apng_that_is_shown() -> None:
    hidden = decode(apng([two_colours("red"), two_colours("blue")], hidden=two_colours("green")))
    assert hidden.rgb[0, 30].tolist() == [255, 0, 0]
    assert hidden.animated
    plain = decode(apng([two_colours("red"), two_colours("blue")]))
    assert plain.rgb[0, 30].tolist() == [255, 0, 0]
    single = decode(apng([two_colours("red")], hidden=two_colours("green")))
    assert (single.rgb[0, 30].tolist(), single.animated) == ([255, 0, 0], True)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_blank_first_frame_is_skipped(kind: str) -> None:
    buffer = io.BytesIO()
    flat("white").save(
        buffer, kind, save_all=True, append_images=[two_colours("red"), two_colours("blue")]
    )
    picture = decode(buffer.getvalue())
    assert picture.animated
    assert picture.rgb[0, 30].tolist() == [255, 0, 0]
    only_blank = io.BytesIO()
    flat("white").save(only_blank, kind, save_all=True, append_images=[flat("black")])
    assert decode(only_blank.getvalue()).rgb[0, 0].tolist() == [255, 255, 255]
