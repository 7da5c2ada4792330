"""Scoring of leads: how likely a lead is to convert, and which features say so.

Scoring one lead needs `schema`, `features`, `booster` and `model` only: pydantic and LightGBM's shared library, but
neither numpy, pandas nor scikit-learn. Training, evaluation and drift (`table`, `training`, `evaluation`, `drift`,
`card`) load numpy, LightGBM's Python package and scikit-learn, and are run by ``fairlead scorer …``.
"""
