"""Bidders: how values become bids, and how they keep to a budget or a target."""
