"""This module is hls4ml's writer of Vitis HLS projects, with weights in a form that is quick to write and to compile.

In C simulation, numbers are an array of doubles that a loop casts once. As an array of fixed-point numbers each would
be a constructor of its own, and g++ takes longer than minutes for a hundred thousand. Synthesis reads the same
numbers as hls4ml's array.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.writer.vitis_writer import VitisWriter
from numpy.typing import NDArray

_HEADER = """\
//Numpy array shape {shape}
//Number of zeros {zeros}

#ifndef {guard}_H_
#define {guard}_H_

{opening}#ifndef __SYNTHESIS__
static const double {name}_values[{size}]
#else
{definition}
#endif
 = {{{values}}};

#ifndef __SYNTHESIS__
{definition};
static const bool {name}_are_cast = [] {{
    for (unsigned i = 0; i < {size}; i++)
        {name}[i] = {name}_values[i];
    return true;
}}();
#endif

{closing}#endif
"""


class SegmentWriter(VitisWriter):  # type: ignore[misc]  # hls4ml has no type information
    """A segment writer writes hls4ml's project of a segment."""

    def print_array_to_cpp(
        self,
        var: Any,
        odir: str,
        namespace: str | None = None,
        write_txt_file: bool = False,  # noqa: ARG002
    ) -> None:
        """Writes the header of an array of weights.

        Args:
            var: hls4ml's weight variable.
            odir: folder of the project.
            namespace: that the array is in.
            write_txt_file: not used, because weights are compiled in.
        """
        text = _HEADER.format(
            shape=var.shape,
            zeros=var.nzeros,
            guard=var.name.upper(),
            name=var.name,
            size=var.data_length,
            definition=var.definition_cpp(),
            values=_listed(np.asarray(var.data, np.float64), var.precision_fmt),
            opening=f"namespace {namespace} {{\n\n" if namespace else "",
            closing="}\n\n" if namespace else "",
        )
        (Path(odir) / "firmware" / "weights" / f"{var.name}.h").write_text(text)


def _listed(data: NDArray[np.float64], form: str) -> str:
    """Returns numbers as text, each in hls4ml's form. They have few values, and each value is formatted once."""
    values, places = np.unique(data + 0.0, return_inverse=True)  # a zero of either sign is 0
    texts = np.array([form.format(value) for value in values], object)
    return ", ".join(texts[places.ravel()])
