"""What if: a changed decision table, tried on the leads that really came."""
