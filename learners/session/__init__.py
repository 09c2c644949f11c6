"""What loads, plans, runs and judges a session; it stands above all that learns, and nothing of that imports it."""
