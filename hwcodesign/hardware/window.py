"""This module describes windows that slide over a stream of pixels: the parameter and the timing of window_buffer."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.errors import FormatError
from hwcodesign.hardware.timing import Windows, WindowWords
from hwcodesign.kernels.kernel import Kernel, Shape
from hwcodesign.systemverilog import PackedStruct

Padding = tuple[int, int, int, int]


@dataclass(frozen=True)
class Window:
    """A window describes the windows of one kernel.

    Attributes:
        input_shape, output_shape: (H, W, C).
        kernel, stride: rows, columns.
        padding: zero rows above and zero columns left; those below and right follow from the output's size.
    """

    input_shape: Shape
    output_shape: Shape
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if self.padding[1] >= self.kernel[1]:
            raise FormatError(
                f"{self.padding[1]} columns of padding left of windows {self.kernel[1]} wide make windows of zeros "
                "alone, for which there is no hardware: pad less than the kernel's width"
            )

    @classmethod
    def of(cls, kernel: Kernel, sides: tuple[int, int], stride: tuple[int, int], padding: Padding) -> Window:
        """Returns the windows of a convolution or pooling.

        Args:
            kernel: the convolution or pooling.
            sides: rows and columns of a window.
            stride: rows down, columns across.
            padding: zeros at top, bottom, left, right.
        """
        return cls(kernel.input_shapes[0], kernel.output_shape, sides, stride, (padding[0], padding[2]))

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
