"""Models behind one seam: adapters for wire formats, the embedded model, a script, chaos."""
