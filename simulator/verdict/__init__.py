"""Which policy to serve, and why: from what finished runs measured. Nothing here runs, learns or loads torch."""
