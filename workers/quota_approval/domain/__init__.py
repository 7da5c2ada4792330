"""Pure values and decisions of quota approval."""
