"""What the demo's accelerator shows while exit 0 decides on a sample: one that leaves, and one that stays."""

from __future__ import annotations

from typing import Any

import numpy as np

from documentation.timing.drawing import bit_wave
from hwcodesign.data.digits import digits
from hwcodesign.design import Design
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.records import final_records

#: Test images that are simulated: among so few, one stays.
_IMAGES = 60
#: Cycles before and behind the decision.
_BEFORE, _BEHIND = 2, 9
_STREAMS = ("release0", "next0", "record0", "records", "stage1_in")


def decision_waves(design: Design) -> dict[str, dict[str, Any]]:
    """WaveJSON of both, by the name of the picture."""
    accelerator = design.accelerator
    codes = encode_images(digits().test.images[:_IMAGES], accelerator.input_format, accelerator.input_shape)
    run = design.rtl.run(codes, exit_control(design.policy), activity=True)
    assert run.activity is not None
    exits = np.asarray(final_records(run.records)["exit"])  # records come in the order in which samples leave
    drawn = {}
    for name, sample in (("leaves", int(np.flatnonzero(exits == 0)[0])), ("stays", int(np.flatnonzero(exits > 0)[0]))):
        taken, decided = (int(run.activity.moves(stream)[sample]) for stream in ("logits0", "release0"))
        goes_on = decided in run.activity.moves("next0")
        assert goes_on == (name == "stays"), f"sample {sample} does not do what its record says"
        window = slice(decided - _BEFORE, decided + _BEHIND)
        signals: list[Any] = [{"name": "clk", "wave": "p" + "." * (window.stop - window.start - 1)}]
        for stream in _STREAMS:
            pairs = (("valid", run.activity.valid), ("ready", run.activity.ready))
            both = [bit_wave(f"{stream}_{kind}", values[stream][window].astype(int).tolist()) for kind, values in pairs]
            signals += [{}, *both]
        title = f"image {sample} {name}; its logits came in cycle {taken}"
        drawn[name] = {"signal": signals, "head": {"text": title, "tick": window.start}, "config": {"hscale": 1}}
    return drawn
