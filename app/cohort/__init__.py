"""What only a whole list can say: how many are generated, a shared frame, copies, context."""

from app.cohort.collector import Tally
from app.cohort.parameters import FILE, Numbers, NumbersError, load, shipped
from app.cohort.prevalence import even_llr, posterior
from app.cohort.summary import cohort, summarise

__all__ = [
    "FILE",
    "Numbers",
    "NumbersError",
    "Tally",
    "cohort",
    "even_llr",
    "load",
    "posterior",
    "shipped",
    "summarise",
]
