"""The reference of registers and records, from what hardware and driver share."""

from __future__ import annotations

import inspect
import re

from documentation.markdown import code, table
from hwcodesign.backends.streamrtl import register_block
from hwcodesign.interface import records


def registers() -> str:
    """The table beside every design, from the SystemRDL."""
    return register_block.documentation(register_block.read_registers())


def record() -> str:
    """The fields of an exit record, with the comments beside them."""
    comments = dict(re.findall(r'\("(\w+)", "[^"]+"\),  # (.*)', inspect.getsource(records)))
    fields = records.RECORD_DTYPE.fields
    assert fields is not None
    rows = [
        [code(name), str(fields[name][1]), str(fields[name][0].itemsize), code(fields[name][0].str), comments[name]]
        for name in fields
    ]
    return table(("field", "first byte", "bytes", "NumPy's type", "meaning"), rows)
