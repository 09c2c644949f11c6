"""Many runs of scenarios: which, where, and what they say together. What a run is, `learners.session.sweep` knows."""
