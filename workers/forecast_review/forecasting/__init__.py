"""Forecasts of monthly series: read, checked, fitted by several models, chosen on history, reconciled, explained.

A layer of numbers: no process, no engine, no HTTP; the interface is in docs/adr/0010-forecasting.md. It needs the extra
``forecasting``, takes seconds to import, and is imported only by what forecasts.
"""
