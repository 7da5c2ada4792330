"""The control room: a read model of what the engine did, the figures made of it, and the pages that show them.

The engine's own records are the only source of the read model. It is a copy laid out for questions: nothing is decided
by it, and it can be dropped and read again at any time.
"""
