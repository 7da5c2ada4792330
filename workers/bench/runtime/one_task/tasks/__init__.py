"""The same task once with its effect recorded, and once as one that only reads."""
