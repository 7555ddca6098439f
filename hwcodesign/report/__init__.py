"""This package shows the results of a run: tables in the terminal, figures, and a page."""
