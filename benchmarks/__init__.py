"""Figures of this machine, beside their targets and the same work elsewhere. ``scripts/bench --help``."""
