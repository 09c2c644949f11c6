"""Questions about runs, answered with numbers that say where they are from."""
