"""Leads kept equal on both sides: changes that come back from a CRM, the first import, the nightly comparison."""
