"""Readers: one format each, from bytes to passages with their places."""
