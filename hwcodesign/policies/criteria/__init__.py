"""The exit criteria that come with the package: each module here is one, and importing it registers it.

A module that begins with an underscore is none.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_module.name}")
