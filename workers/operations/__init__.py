"""What operators do: find what is stuck, mend it, and keep a record of who did what and why."""
