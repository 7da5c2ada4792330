"""Territories: accounts given to reps by a solver that proves how good its answer is, or says which rules clash.

A layer of numbers: no process, no engine, no HTTP; the interface is in docs/adr/0012-territories.md. It needs the extra
``territories`` and is imported only by what aligns territories.
"""
