"""Exit policies: one module per criterion, all found in `CRITERIA`. NumPy only."""

from hwcodesign.policies import cdln, eenet, entropy, gate, margin, max_softmax, patience  # importing registers them
from hwcodesign.policies.criterion import ALWAYS, CRITERIA, NEVER, Criterion, Threshold
from hwcodesign.policies.exit_decision import ExitDecision, FittedOn
from hwcodesign.policies.fitting import OperatingPoint, check_budget, check_request, cost_curve, evaluate, fit
from hwcodesign.policies.path_fitting import threshold_path
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
    "OperatingPoint",
    "PathPoint",
    "Threshold",
    "ThresholdPath",
    "cdln",
    "check_budget",
    "check_request",
    "cost_curve",
    "eenet",
    "entropy",
    "evaluate",
    "fit",
    "gate",
    "listed_thresholds",
    "margin",
    "max_softmax",
    "patience",
    "subnet_codes",
    "threshold_path",
]
