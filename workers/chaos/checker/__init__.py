"""Reads database, CRM log, mailbox and engine after the fact, and says what is lost, double, or not undone.

Written apart from what it judges: it imports nothing of Fairlead (an import rule holds that) and knows only the tables,
the diagram's element ids, and what a lead's story must be.
"""
