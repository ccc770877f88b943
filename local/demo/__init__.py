"""`python -m local.demo`: real requests through every pattern, one table of answers."""
