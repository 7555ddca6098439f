"""The reference of registers and records, from what hardware and driver share."""

from __future__ import annotations

import inspect
import re

from hwcodesign.backends.streamrtl import register_block
from hwcodesign.interface import records


def registers() -> str:
    """The table beside every design, from the SystemRDL."""
    text = register_block.documentation(register_block.read_registers())
    return re.sub(r"^# .*$", "", text, count=1, flags=re.MULTILINE)


def record() -> str:
    """The fields of an exit record, with the comments beside them."""
    comments = dict(re.findall(r'\("(\w+)", "[^"]+"\),  # (.*)', inspect.getsource(records)))
    fields = records.RECORD_DTYPE.fields
    assert fields is not None
    rows = [
        f"| `{name}` | {fields[name][1]} | {fields[name][0].itemsize} | `{fields[name][0].str}` | {text} |"
        for name, text in ((name, comments.get(name, "bit 0 final, bit 1 error")) for name in fields)
    ]
    head = "| field | first byte | bytes | NumPy's type | |\n|---|---:|---:|---|---|"
    return "\n".join([head, *rows, ""])
