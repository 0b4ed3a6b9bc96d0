"""Variants of the seam Renderer: each writes one part as the bytes of one file."""
