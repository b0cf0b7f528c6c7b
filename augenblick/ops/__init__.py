"""Running it: start, check an endpoint, keep processes alive."""
