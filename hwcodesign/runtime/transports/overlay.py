"""This module defines the overlay as PYNQ sees it: a driver bound to the accelerator's VLNV, and the DMA. It needs
pynq.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pynq
from pynq.lib.dma import DMA

from hwcodesign.errors import BoardError
from hwcodesign.interface.block_design import BlockDesign


class AcceleratorIP(pynq.DefaultIP):  # type: ignore[misc]  # pynq has no types
    """This driver accesses the registers of an accelerator; a subclass for each is bound to its VLNV.
    `AcceleratorRegisters` has their names.
    """


@cache
def bind_driver(*vlnvs: str) -> type[AcceleratorIP]:
    """Defines a driver that PYNQ binds to IP of these names."""
    return type("BoundAcceleratorIP", (AcceleratorIP,), {"bindto": list(vlnvs)})


class AcceleratorOverlay(pynq.Overlay):  # type: ignore[misc]  # pynq has no types
    """This is an overlay with an accelerator and its DMA.

    Args:
        bitfile: bitstream with its hand-off file (.hwh) beside it.
        design: block design of the overlay.
        download, dtbo, ignore_version, device: as in `pynq.Overlay`.

    Raises:
        BoardError: a cell is missing, or the accelerator is another one.
    """

    def __init__(
        self,
        bitfile: Path | str,
        design: BlockDesign,
        *,
        download: bool = True,
        dtbo: str | None = None,
        ignore_version: bool = False,
        device: Any = None,
    ) -> None:
        bind_driver(design.vlnv, design.module_vlnv)
        self.block_design = design
        super().__init__(str(bitfile), dtbo=dtbo, download=download, ignore_version=ignore_version, device=device)
        for cell in (design.accelerator, design.dma):
            if cell not in self.ip_dict:
                raise BoardError(
                    f"{bitfile} has no cell {cell!r}, only {', '.join(self.ip_dict) or 'none'}: it belongs to "
                    "another design"
                )
        if not isinstance(self.accelerator_ip, AcceleratorIP):
            raise BoardError(
                f"cell {design.accelerator!r} of {bitfile} is {self.ip_dict[design.accelerator]['type']}, "
                f"not {design.vlnv}: it belongs to another design"
            )

    @property
    def accelerator_ip(self) -> AcceleratorIP:
        """Returns the accelerator's registers."""
        return getattr(self, self.block_design.accelerator)  # type: ignore[no-any-return]

    @property
    def dma_registers(self) -> pynq.MMIO:
        """Returns the DMA's registers without its driver, whose constructor waits for ever if there is no DMA."""
        where = self.ip_dict[self.block_design.dma]
        return pynq.MMIO(where["phys_addr"], where["addr_range"], device=self.device)

    @property
    def dma(self) -> DMA:
        """Returns PYNQ's own driver of the DMA."""
        return getattr(self, self.block_design.dma)
