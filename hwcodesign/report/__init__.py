"""What a run found, for people: figures, a terminal summary and an HTML page, all from one plain report."""
