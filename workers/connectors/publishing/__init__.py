"""Writing what was planned into many records of another system as one change, which can be taken back."""
