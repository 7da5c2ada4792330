"""Self-healing: troubles are seen, a decision table says what is done for each and within which limits, and it is done."""
