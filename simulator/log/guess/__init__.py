"""`sim.py init`: what a user's files hold, what their columns probably mean, and a scenario that says so."""
