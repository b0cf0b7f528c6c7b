"""Conversations found again, shared, deleted."""
