"""Workday by report-as-a-service: custom reports say who is there, who leads whom, and who is away."""
