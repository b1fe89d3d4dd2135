"""The report's standing sentences: what is shown, what follows from it, and what does not."""

from __future__ import annotations

from typing import Final

from app.evidence import SCOPE

LEAD: Final = (
    "Which profile pictures look made by a StyleGAN-family face generator, how strongly, and what "
    "the list says as a whole."
)
FLAG_WARNING: Final = (
    "A flag out of the blue is worth less than it looks: where about {rate} of avatars are "
    "generated (the base rate), most pictures that look a little generated are not. Each flag "
    "below therefore carries two probabilities: at that base rate, and at this list's own "
    "estimated share. Neither decides anything; a person does."
)
COHORT_LEAD: Final = (
    "No single picture can say this. A list where many accounts share one template, or one face, "
    "says something that holds even where each flag alone is weak."
)
NO_COHORT_FIGURES: Final = "Too little to say anything of the list as a whole."
PREVALENCE_MEANING: Final = (
    "The share of generated faces under which all likelihood ratios together are likeliest. Flags "
    "are not counted: that would count false ones as well."
)
FALSE_FLAGS_MEANING: Final = (
    "How many of the flagged should be ordinary avatars: the larger of two figures, one by the "
    "rate at which ordinary avatars were flagged in validation, one by the flagged pictures' own "
    "likelihood ratios. At the most: by that rate's upper bound."
)
CONCENTRATION_MEANING: Final = (
    "Faces whose crop square is a generator's, against the rate at which ordinary avatars have it. "
    "One such face may be chance; many are not."
)
EVEN_ODDS_MEANING: Final = (
    "From this llr up, a picture of this list is more likely generated than not, by the list's own "
    "share; the base rate is for a picture of which nothing else is known."
)
DUPLICATES_MEANING: Final = "Groups of pictures that look alike: the same face on several accounts."
DUPLICATES_LEAD: Final = (
    "Pictures that look alike by their perceptual hash. One person may have several accounts, and "
    "default pictures and logos repeat by themselves: look before concluding."
)
ACCOUNTS_LEAD: Final = (
    "What the list itself says of the accounts, the flagged beside the rest. It has no part in any "
    "picture's likelihood ratio."
)
UNSCORED_LEAD: Final = "Nothing is concluded from these, in either direction."

COMPOSITE_CAPTION: Final = (
    "The average of the pictures as they are, none aligned. Sharp eyes mean a shared frame. The "
    "flagged were chosen partly by where their eyes lie, so sharp eyes are to be expected there; "
    "what counts is how many they are, and whether the rest stays mist."
)
COMPOSITE_ALT: Final = "Average of the likely generated pictures beside the average of the rest"
SCATTER_CAPTION: Final = (
    "Where the irises of every face lie in its picture. Open ellipses: where the generator's "
    "template puts them, three standard deviations wide."
)
SCATTER_ALT: Final = (
    "Scatter of eye positions over the picture's frame, with the template's two regions enlarged"
)
MONTAGE_CAPTION: Final = (
    "The strongest first, as they are. Rings: the template's eyes, in the same place in every "
    "tile. Dots: the irises as measured."
)
MONTAGE_ALT: Final = "Montage of avatars with the template's eye rings and the measured irises"

METHOD: Final = (
    "A generator of the StyleGAN family draws every face into one frame, with the eyes in one "
    "place; people's own photographs have theirs anywhere. The crop square that a face asks for is "
    "measured and weighed against ordinary avatars; further checks look at hair, teeth, irises, "
    "background and texture.",
    "llr is the decimal logarithm of a likelihood ratio: +2 means that what was measured is 100 "
    "times likelier in a generated face than in an ordinary avatar. It is bounded by what the "
    "validation pictures can carry.",
    SCOPE,
    "A face is not an account: people use generated pictures for harmless reasons, and accounts "
    "that deceive use photographs.",
    "A real photograph cut by the same recipe (some data sets and studios do that) has its eyes in "
    "the template as well. Then only the other checks can tell, and not always.",
    "Pictures without a measurable face get no verdict. Unlikely does not mean real: it means not "
    "from this family of generators.",
    "The list's estimated share and its interval assume that the list's ordinary pictures resemble "
    "those of the validation.",
)
REPRODUCTION: Final = (
    "Eyeline {version} with calibration {calibration} gives the same answers for the same bytes on "
    "any machine, whatever else is in the list. Give the same list, or the pictures themselves, to:"
)
REPRODUCTION_COMMAND: Final = "eyeline batch LIST --out results.ndjson --report report.html"
APPEAL_NOTE: Final = (
    "Pictures behind links may have changed since: each result names the SHA-256 of the bytes that "
    "were looked at. Who was flagged may have the original file weighed again, alone, and see the "
    "drawing of every check."
)
