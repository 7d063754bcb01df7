"""The validation cases: official SkullFix defects of the val skulls, defects cut by seed, and rescans."""

from benchmarks.cases.listing import SETS, FixedCase, Measures, listed
from benchmarks.cases.loading import load
from benchmarks.cases.writing import write_case, write_cases

__all__ = ["SETS", "FixedCase", "Measures", "listed", "load", "write_case", "write_cases"]
