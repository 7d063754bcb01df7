"""Defects of every kind, cut out of complete skulls: functions of points in mm, deterministic by seed."""

from cranial_sparse.data.defects.cut import Cut, cut_volume, evaluate
from cranial_sparse.data.defects.defect import Defect
from cranial_sparse.data.defects.sampling import KINDS, SKULLBREAK_KINDS, crosses_midline, sample_defect
from cranial_sparse.data.defects.vault import Vault, fit_vault

__all__ = [
    "KINDS",
    "SKULLBREAK_KINDS",
    "Cut",
    "Defect",
    "Vault",
    "crosses_midline",
    "cut_volume",
    "evaluate",
    "fit_vault",
    "sample_defect",
]
