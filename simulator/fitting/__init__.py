"""From a log to a world that looks like it: estimators of the constants of ``[world]``."""
