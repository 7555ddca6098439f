"""This module holds what all softmax criteria share: tables, how they are stored, and how they reach hardware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.cplusplus import Constant, Struct, Table
from hwcodesign.errors import FieldError, PolicyError
from hwcodesign.policies.criterion import ScoreInputs
from hwcodesign.policies.heads import Heads
from hwcodesign.policies.tables import ExponentialTable, MantissaTable
from hwcodesign.storage.fields import Field
from hwcodesign.systemverilog import PackedStruct, Parameter, Rom


@dataclass(frozen=True)
class Exponentials:
    """It holds the table of one exit from which the sum over the classes is computed."""

    exponential: ExponentialTable


@dataclass(frozen=True)
class Logarithms(Exponentials):
    """It holds the tables of one exit, with those for the logarithm and the reciprocal of the sum."""

    mantissa: MantissaTable


def softmax(inputs: ScoreInputs[Any]) -> NDArray[np.float64]:
    """Computes the probabilities of the real logits divided by the temperature, (N, C) float64."""
    values = inputs.logits * (inputs.scale / inputs.temperature)
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def exponential_tables(name: str, heads: Heads, fraction: int) -> tuple[ExponentialTable, ...]:
    """Builds the table of each exit; its entries have `fraction` fraction bits.

    Raises:
        PolicyError: the sum over so many classes would not fit 32 bits.
    """
    if heads.classes << fraction >= 1 << 31:
        most = ((1 << 31) - 1) >> fraction
        raise PolicyError(
            f"criterion {name} sums the exponentials of {most} classes at most in 32 bits, and there are "
            f"{heads.classes}: criteria that look at no softmax take any number"
        )
    return tuple(
        ExponentialTable.build(step, fmt.max_code - fmt.min_code, fraction=fraction)
        for step, fmt in zip(heads.steps, heads.formats, strict=True)
    )


def stored_exponentials(stored: Field, name: str, heads: Heads, fraction: int) -> tuple[ExponentialTable, ...]:
    """Reads the table of each exit, and checks it against the exit's logits and temperature.

    Raises:
        FieldError: it is no table, or not that of the exit's logits at its temperature.
    """
    found = []
    for k, (item, wanted) in enumerate(
        zip(stored.items(heads.exits, heads.exits), exponential_tables(name, heads, fraction), strict=True)
    ):
        table = ExponentialTable.from_json(item)
        if not table.is_near(wanted):
            raise FieldError(
                f"{item.place} has entries that are not those of {heads.formats[k]} at temperature "
                f"{heads.temperatures[k]:g}"
            )
        found.append(table)
    return tuple(found)


def stored_mantissa(stored: Field, fraction: int) -> MantissaTable:
    """Reads the tables of logarithm and reciprocal, and checks them against their functions; raises `FieldError`."""
    table = MantissaTable.from_json(stored)
    if not table.is_near(MantissaTable.build(fraction=fraction)):
        raise FieldError(f"{stored.place} has entries that are not those of its functions")
    return table


def tables_to_json(parameters: Sequence[Exponentials]) -> dict[str, Any]:
    """Returns the tables of all exits as plain data; the mantissa's are equal at all exits and are written once."""
    first = parameters[0]
    shared = {"mantissa": first.mantissa.to_json()} if isinstance(first, Logarithms) else {}
    return {**shared, "exponential": [own.exponential.to_json() for own in parameters]}


def unit_parameters(tables: Exponentials) -> list[tuple[str, Parameter]]:
    """Returns the parameters of a score unit that reads these tables."""
    table = tables.exponential
    exponential = PackedStruct(
        "exponential_t", (("length", table.length), ("fraction", table.fraction), ("shift", table.shift))
    )
    found: list[tuple[str, Parameter]] = [("Exponential", exponential)]
    if isinstance(tables, Logarithms):
        mantissa = tables.mantissa
        logarithm = PackedStruct("logarithm_t", (("mantissa_bits", mantissa.mantissa_bits), ("ln2", mantissa.ln2)))
        found.append(("Logarithm", logarithm))
    return found


def unit_roms(tables: Exponentials) -> list[Rom]:
    """Returns the ROM images of a score unit that reads these tables."""
    table = tables.exponential
    found = [Rom("exponential", "ExponentialFile", table.fraction + 1, table.exponential)]
    if isinstance(tables, Logarithms):
        found.append(Rom("weighted", "WeightedFile", max(1, table.fraction - 1), table.weighted))
        found.append(Rom("logarithm", "LogarithmFile", table.fraction, tables.mantissa.logarithm))
        found.append(Rom("reciprocal", "ReciprocalFile", table.fraction + 1, tables.mantissa.reciprocal))
    return found


def tables_struct(tables: Exponentials, step: float) -> Struct:
    """Returns the struct that hls/criteria/exponential.h reads.

    Args:
        tables: tables of the exit.
        step: nats per logit step.
    """
    table = tables.exponential
    members: list[Constant | Table] = [
        Constant("unsigned", "fraction", table.fraction, "F: bits after the point of all entries"),
        Constant("unsigned", "shift", table.shift, "low bits of a difference that the index leaves out"),
        Constant("unsigned", "length", table.length, "entries of exponential and weighted"),
    ]
    roms = [Table("exponential", "i", table.exponential, "round(2^F e^-ud), d = i << shift", length="length")]
    if isinstance(tables, Logarithms):
        mantissa = tables.mantissa
        members += [
            Constant("unsigned", "mantissa_bits", mantissa.mantissa_bits, "index bits of logarithm and reciprocal"),
            Constant("unsigned", "ln2", mantissa.ln2, "round(2^F ln 2)"),
        ]
        entries = "1 << mantissa_bits"
        roms += [
            Table("weighted", "i", table.weighted, "round(2^F u d e^-ud)", length="length"),
            Table("logarithm", "m", mantissa.logarithm, "round(2^F ln mantissa)", length=entries),
            Table("reciprocal", "m", mantissa.reciprocal, "round(2^F / mantissa)", length=entries),
        ]
    return Struct("tables", (*members, *roms), f"u = {step:g} nats a logit step")
