"""Micro benches: what the hot functions cost alone, in nanoseconds and in instructions; what a changed route costs."""
