"""Measurements against named peers: each prints one ratio, taken in one run on one machine."""
