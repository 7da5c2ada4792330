"""A regular package, because a distribution that brings a package `tests` of its own would hide a folder."""
