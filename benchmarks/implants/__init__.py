"""Finished implants of the fixed cases: solid, gap, step, way in, seconds and memory."""
