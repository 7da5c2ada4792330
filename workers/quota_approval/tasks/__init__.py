"""One module for each job type."""
