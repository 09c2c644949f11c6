"""Features that are made of what a log says of the past, in a log of their own beside it."""
