"""The text in a bundle that says what is in it and how to check it."""

from __future__ import annotations

from typing import Final

from app import __version__
from app.evidence import SCOPE

LIST_README: Final = f"""Eyeline evidence bundle of a list of profile pictures
======================================================

report.html      what was found, for people: open it in a browser; it loads nothing
results.csv      the list's rows with Eyeline's columns behind, one row an item
results.ndjson   the same in full: one analysis a line, and last a summary with the list's figures
batch.json       the list: counts, times, options, what was noticed while it was read
model.json       the program's version, the calibration, and the SHA-256 of every network
overlays/        flagged pictures with what was measured, by number of the item (the first 500)
thumbnails/      the pictures, 128 px, by number of the item (the strongest 10,000)
network.*        which accounts belong together, to look at (svg) and for programs
SHA256SUMS       the SHA-256 of every other file

How to check it
---------------

    eyeline verify evidence.zip

compares every file with SHA256SUMS and computes again what can be: the likelihood ratios from the
measures of each check, verdicts and posteriors from those, and the list's figures from its results.
For that it must be Eyeline {__version__} with the calibration that model.json names. The measures
themselves cannot be computed again: that takes the pictures, and thumbnails are smaller copies. Of
report, network and drawings only the sums are compared. Without Eyeline: unpack the zip, then
`sha256sum --check SHA256SUMS`.

Sums that lie beside the files prove that nothing was damaged. That nothing was exchanged is proved
by a copy of SHA256SUMS, or of its SHA-256, that was kept elsewhere at the time.

What it means
-------------

{SCOPE}
An llr is the decimal logarithm of a likelihood ratio and no probability. A picture is not an
account: a flag asks for a look by a person and decides nothing.

The pictures show people, who may have rights in them. Pass the bundle on only to those who need it.
"""

PICTURE_README: Final = f"""Eyeline evidence bundle of one profile picture
===============================================

report.html      what was found, for people: open it in a browser; it loads nothing
results.ndjson   the analysis in full, as POST /v1/analyses answers
results.csv      the same in one row
model.json       the program's version, the calibration, and the SHA-256 of every network
overlays/        the picture with what was measured
thumbnails/      the picture, 128 px
picture.*        the picture itself, if it was asked for
SHA256SUMS       the SHA-256 of every other file

How to check it
---------------

    eyeline verify evidence.zip

compares every file with SHA256SUMS and computes again what can be: the likelihood ratios from the
measures of each check, verdict and posteriors from those, and the measures from the picture, if it
is here. For that it must be Eyeline {__version__} with the calibration that model.json names.
Whoever has the picture analyzes it again: its SHA-256 is in the results. A thumbnail does not do.

What it means
-------------

{SCOPE}
An llr is the decimal logarithm of a likelihood ratio and no probability. A picture is not an
account: a flag asks for a look by a person and decides nothing.
"""
