"""This module writes the Verilog top that Vivado packages; an IP needs a top in Verilog or VHDL (UG1118)."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.interface.block_design import DMA_WIDTH

#: Bits of an address of the registers, and of a register.
_ADDRESS, _REGISTER = 12, 32


@dataclass(frozen=True)
class _Bus:
    """This is an interface of the accelerator.

    Attributes:
        name: of the interface, and prefix of its ports.
        type: its bus definition.
        comment: what travels on it.
        signals: name and bits, with a dash before the name of those that the accelerator drives.
    """

    name: str
    type: str
    comment: str
    signals: tuple[tuple[str, int], ...]


_BUSSES = (
    _Bus(
        "s_axis",
        "xilinx.com:interface:axis:1.0",
        "Images",
        (("tvalid", 1), ("-tready", 1), ("tdata", DMA_WIDTH), ("tlast", 1)),
    ),
    _Bus(
        "m_axis",
        "xilinx.com:interface:axis:1.0",
        "Exit records",
        (("-tvalid", 1), ("tready", 1), ("-tdata", DMA_WIDTH), ("-tkeep", DMA_WIDTH // 8), ("-tlast", 1)),
    ),
    _Bus(
        "s_axil",
        "xilinx.com:interface:aximm:1.0",
        "Registers",
        (
            *(("awvalid", 1), ("-awready", 1), ("awaddr", _ADDRESS), ("awprot", 3)),
            *(("wvalid", 1), ("-wready", 1), ("wdata", _REGISTER), ("wstrb", _REGISTER // 8)),
            *(("-bvalid", 1), ("bready", 1), ("-bresp", 2)),
            *(("arvalid", 1), ("-arready", 1), ("araddr", _ADDRESS), ("arprot", 3)),
            *(("-rvalid", 1), ("rready", 1), ("-rdata", _REGISTER), ("-rresp", 2)),
        ),
    ),
)


def packaged_top_name(accelerator: str) -> str:
    """Returns the name of the module around the accelerator of this name."""
    return f"{accelerator}_top"


def packaged_top(accelerator: str) -> str:
    """Returns the Verilog of the top module, with the attributes from which the packager knows its interfaces
    (UG1118).

    ROM images are found beside the sources, as in IPs that Vitis HLS exports.
    """
    busses = ":".join(bus.name for bus in _BUSSES)
    ports = [
        _attribute("INFO", "xilinx.com:signal:clock:1.0 aclk CLK"),
        _attribute("PARAMETER", f"XIL_INTERFACENAME aclk, ASSOCIATED_BUSIF {busses}, ASSOCIATED_RESET aresetn"),
        "    input  wire        aclk,",
        _attribute("INFO", "xilinx.com:signal:reset:1.0 aresetn RST"),
        _attribute("PARAMETER", "XIL_INTERFACENAME aresetn, POLARITY ACTIVE_LOW"),
        "    input  wire        aresetn,",
    ]
    names = ["aclk", "aresetn"]
    for bus in _BUSSES:
        ports += ["", f"    // {bus.comment}"]
        for signal, bits in bus.signals:
            name = f"{bus.name}_{signal.lstrip('-')}"
            names.append(name)
            ports.append(_attribute("INFO", f"{bus.type} {bus.name} {signal.lstrip('-').upper()}"))
            ports.append(f"    {'output' if signal[0] == '-' else 'input '} wire {_range(bits):6} {name},")
    ports[-1] = ports[-1].rstrip(",")
    connections = ",\n".join(f"      .{name}({name})" for name in names)
    lines = [
        f"// {accelerator} as the top of an IP: nothing but its ports, in Verilog.",
        f"module {packaged_top_name(accelerator)} (",
        *ports,
        ");",
        "",
        f'  {accelerator} #(.RomFolder("./")) u_accelerator (',
        connections,
        "  );",
        "",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _attribute(name: str, value: str) -> str:
    return f'    (* X_INTERFACE_{name} = "{value}" *)'


def _range(bits: int) -> str:
    return f"[{bits - 1}:0]" if bits > 1 else ""
