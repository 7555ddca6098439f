"""This package holds exit policies: one module or package per criterion in `criteria`, all found in `CRITERIA`. NumPy
only.
"""

from hwcodesign.policies import criteria  # importing registers them
from hwcodesign.policies.criterion import ALWAYS, CRITERIA, NEVER, Criterion, Threshold
from hwcodesign.policies.criterion import register as register_criterion
from hwcodesign.policies.exit_decision import ExitDecision, FittedOn
from hwcodesign.policies.policy import ExitPolicy, listed_thresholds, subnet_codes
from hwcodesign.policies.statistics import ExitStatistics
from hwcodesign.policies.threshold_path import PathPoint, ThresholdPath

__all__ = [
    "ALWAYS",
    "CRITERIA",
    "NEVER",
    "Criterion",
    "ExitDecision",
    "ExitPolicy",
    "ExitStatistics",
    "FittedOn",
    "PathPoint",
    "Threshold",
    "ThresholdPath",
    "criteria",
    "listed_thresholds",
    "register_criterion",
    "subnet_codes",
]
