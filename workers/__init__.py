"""Fairlead: sales planning as processes on Camunda 8."""

__version__ = "0.1.0"
