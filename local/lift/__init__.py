"""Lift a pattern out of this repository: a service of your own around your model, with the optional parts you choose.

`python -m local.lift` writes a folder that needs nothing of this repository. See `order.py` for what can be ordered.
"""
