"""This module describes windows that slide over a stream of pixels: the parameter and the timing of window_buffer."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.errors import FormatError
from hwcodesign.hardware.folding import divisors
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Windows, WindowWords, windows_together
from hwcodesign.kernels.kernel import Kernel, Shape
from hwcodesign.systemverilog import PackedStruct, Parameter

Padding = tuple[int, int, int, int]


@dataclass(frozen=True)
class Window:
    """A window describes the windows of one kernel.

    Attributes:
        input_shape, output_shape: (H, W, C).
        kernel, stride: rows, columns.
        padding: zero rows above and zero columns left; those below and right follow from the output's size.
        pixels: pixels of an input beat, side by side: one of `possible_pixels`.
    """

    input_shape: Shape
    output_shape: Shape
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)
    pixels: int = 1

    def __post_init__(self) -> None:
        if self.padding[1] >= self.kernel[1]:
            raise FormatError(
                f"{self.padding[1]} columns of padding left of windows {self.kernel[1]} wide make windows of zeros "
                "alone, for which there is no hardware: pad less than the kernel's width"
            )
        if self.pixels != 1 and self.pixels not in self.possible_pixels:
            raise FormatError(
                f"{self.pixels} pixels of {self.input_shape} do not make whole beats of windows: take "
                f"{' or '.join(map(str, self.possible_pixels))}"
            )

    @classmethod
    def of(
        cls, kernel: Kernel, sides: tuple[int, int], stride: tuple[int, int], padding: Padding, pixels: int = 1
    ) -> Window:
        """Returns the windows of a convolution or pooling.

        Args:
            kernel: the convolution or pooling.
            sides: rows and columns of a window.
            stride: rows down, columns across.
            padding: zeros at top, bottom, left, right.
            pixels: pixels of an input beat.
        """
        return cls(kernel.input_shapes[0], kernel.output_shape, sides, stride, (padding[0], padding[2]), pixels)

    @property
    def possible_pixels(self) -> list[int]:
        """Returns the numbers of pixels that input beats may have.

        A row is whole beats, and so is a row of windows; windows begin at the same places of all beats that they begin
        in.
        """
        step, (width, windows) = self.stride[1], (self.input_shape[1], self.output_shape[1])
        return [
            pixels
            for pixels in divisors(width)
            if (pixels % step == 0 or step % pixels == 0) and windows % windows_together(pixels, step) == 0
        ]

    @property
    def together(self) -> int:
        """Returns the windows of an output beat."""
        return windows_together(self.pixels, self.stride[1])

    @property
    def reads(self) -> Stream:
        """Returns the stream that a window_buffer reads."""
        return Stream.of(self.input_shape, self.pixels * self.input_shape[2])

    @property
    def writes(self) -> Stream:
        """Returns the stream of what is computed of its windows."""
        return Stream.of(self.output_shape, self.together * self.output_shape[2])

    @property
    def parameters(self) -> list[tuple[str, Parameter]]:
        """Returns the parameters of the modules that contain a window_buffer."""
        several: list[tuple[str, Parameter]] = [("Pixels", self.pixels)] if self.pixels > 1 else []
        return [("Window", self.config), *several]

    @property
    def config(self) -> PackedStruct:
        """Returns the window_t of the modules that contain a window_buffer."""
        return PackedStruct(
            "window_t",
            (
                ("height", self.input_shape[0]),
                ("width", self.input_shape[1]),
                ("channels", self.input_shape[2]),
                ("kernel_height", self.kernel[0]),
                ("kernel_width", self.kernel[1]),
                ("stride_y", self.stride[0]),
                ("stride_x", self.stride[1]),
                ("pad_top", self.padding[0]),
                ("pad_left", self.padding[1]),
                ("out_height", self.output_shape[0]),
                ("out_width", self.output_shape[1]),
            ),
        )

    @property
    def timing(self) -> Windows:
        """Returns the control logic of the window_buffer."""
        return Windows(
            self.input_shape[0],
            self.input_shape[1],
            self.kernel,
            self.stride,
            self.padding[0],
            self.padding[1],
            self.output_shape[0],
            self.output_shape[1],
            self.pixels,
        )

    def words(self, lanes: int, steps: int) -> WindowWords:
        """Returns the control logic of a window_reader.

        Args:
            lanes: channels of a word.
            steps: words that it gives for a row of windows.
        """
        height, width, channels = self.input_shape
        row = width * channels // lanes
        return WindowWords(height, row, self.kernel[0], self.stride[0], self.padding[0], self.output_shape[0], steps)
