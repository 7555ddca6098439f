"""What a run shows: tables in the terminal, figures, and a page."""
