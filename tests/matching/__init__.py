"""Fit the dials of a preset to what is published: ``python -m tests.matching PRESET``.

Each step is a least-squares problem on moments of simulated worlds. All its worlds have the same seed, so that they
draw the same random numbers (inverse sampling from named streams) and differ by the dials alone.
"""
