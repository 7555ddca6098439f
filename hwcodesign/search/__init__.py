"""The search for designs of a trained network on a board: its criterion, thresholds and units together.

`space` says what is searched, `evaluation` predicts a point's figures, `study` searches and keeps what was found, and
`front` compares what was found.
"""
