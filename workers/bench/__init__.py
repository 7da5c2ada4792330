"""Benchmarks that anybody can run again: each prints its machine, its targets, and the alternative in the same run."""
