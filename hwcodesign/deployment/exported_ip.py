"""This module puts IPs that Vitis HLS exported in the place of segments of an accelerator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.project_files import write_accelerator
from hwcodesign.backends.streamrtl.vitis_segment import exported_ports, vitis_segment_source
from hwcodesign.choices import not_known
from hwcodesign.design import Design
from hwcodesign.errors import DesignError
from hwcodesign.simulation.project import Project

_IP_XACT = "{http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009}"
#: Where hls4ml's build_prj.tcl leaves what `export_design` writes, below `<segment>_prj`.
_EXPORTED = Path("solution1", "impl", "ip")


@dataclass(frozen=True)
class ExportedIp:
    """This is the IP of a segment.

    Attributes:
        segment: name of the segment.
        folder: folder that holds component.xml.
        vlnv: vendor, library, name and version of the IP.
        module: name of the module of its instance in the Vivado project.
        ports: names of its input and output stream, without the suffix _TDATA.
    """

    segment: str
    folder: Path
    vlnv: str
    module: str
    ports: tuple[str, str]

    @classmethod
    def of(cls, design: Design, segment: str) -> ExportedIp:
        """Finds the IP that Vitis HLS exported for a segment of a design.

        Raises:
            DesignError: the design has no such segment, the segment was not exported, or its ports differ from those of
                the C++ in the design.
        """
        names = [item.name for item in design.accelerator.segments]
        if segment not in names:
            raise DesignError(not_known(f"segment {segment!r}", segment, names))
        project = design.folder / "vitis" / segment
        folder = project / f"{segment}_prj" / _EXPORTED
        component = folder / "component.xml"
        if not component.exists():
            raise DesignError(
                f"{segment} has not been exported: {component} does not exist; build {project} with Vitis HLS and "
                "export=1"
            )
        vlnv, found = _read(component)
        ports = exported_ports(project)
        missing = [name for port in ports if (name := f"{port}_TDATA") not in found]
        if missing:
            raise DesignError(f"{component} has no port {missing[0]}: it was exported from other sources; export again")
        return cls(segment, folder, vlnv, f"{design.accelerator.name}_{segment}_ip", ports)


def _read(component: Path) -> tuple[str, set[str]]:
    """Returns the VLNV and the ports."""
    try:
        root = ElementTree.parse(component).getroot()  # noqa: S314  # the user's own Vitis wrote it
    except ElementTree.ParseError as error:
        raise DesignError(f"{component} is not an IP-XACT component ({error}): export it again") from None
    parts = [root.findtext(f"{_IP_XACT}{name}") for name in ("vendor", "library", "name", "version")]
    vlnv = ":".join(part for part in parts if part)
    if vlnv.count(":") != 3:
        raise DesignError(f"{component} has no vendor, library, name and version: export it again")
    return vlnv, {port.findtext(f"{_IP_XACT}name") or "" for port in root.iter(f"{_IP_XACT}port")}


def write_with_exported_ips(design: Design, ips: Sequence[ExportedIp], folder: Path) -> Project:
    """Writes the accelerator's SystemVerilog with IPs behind adapters in the place of segments."""
    hardware = Hardware.of(design.accelerator)
    placed = {item.segment.name: item for item in hardware.netlists}
    replaced = {
        ip.segment: vitis_segment_source(placed[ip.segment], design.accelerator.name, ip.module, *ip.ports)
        for ip in ips
    }
    return write_accelerator(hardware, folder, replaced)
