"""Exit policies: one module per criterion, all found in `CRITERIA`. NumPy only."""

from hwcodesign.policies import cdln, eenet, entropy, gate, margin, max_softmax, patience  # importing registers them
from hwcodesign.policies.criterion import ALWAYS, CRITERIA, NEVER, Criterion, Threshold
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
    "cdln",
    "eenet",
    "entropy",
    "gate",
    "listed_thresholds",
    "margin",
    "max_softmax",
    "patience",
    "subnet_codes",
]
