"""This package brings a design onto a board: block design, Vivado project, hardware hand-off file and bundle."""
