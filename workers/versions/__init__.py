"""Versions of a process beside each other: which new instances have which, and running instances that are moved."""
