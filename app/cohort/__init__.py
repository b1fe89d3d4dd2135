"""What only a whole list can say: how many are generated, a shared frame, copies, context."""

from app.cohort.numbers import FILE, Numbers, NumbersError, load, shipped
from app.cohort.posterior import even_llr, posterior
from app.cohort.summary import cohort, summarise
from app.cohort.tally import Tally

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
