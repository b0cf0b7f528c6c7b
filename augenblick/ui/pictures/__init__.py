"""Choosing and showing pictures."""
