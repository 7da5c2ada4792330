"""Workday's report-as-a-service, as far as Fairlead uses it; `python -m tests.simulators.workday` serves it.

There is no public reference of it: after what Workday's report pages give as addresses (Actions > Web Service > View URLs), and
what others who read it have written down: reports are whole, what is empty is left out, logical values are "0" and "1",
several values in no group stand in one text, days may have an offset.
"""
