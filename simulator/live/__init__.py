"""A policy at work on a stream of records that does not end."""
