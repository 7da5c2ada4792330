"""People whom a personnel system knows, taken into the office's tables: reps, absences, managers. Knows no system."""
