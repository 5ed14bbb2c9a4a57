"""Versions of datasets: pushed to a bucket or a directory, pulled from it, listed, pruned."""
