"""This package holds the exit criteria that come with hwcodesign: each module is one, and importing it registers it.

A module whose name begins with an underscore is no criterion.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_module.name}")
