"""Quotas from a target above and expectations below: split fairly over the tree, to the cent, explained, simulated.

A layer of numbers: no process, no engine, no HTTP; the interface is in docs/adr/0013-quotas.md. It needs the extra
``planning`` and is imported only by what plans quotas.
"""
