"""What gives quota approval what it needs from outside."""
