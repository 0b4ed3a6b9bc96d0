"""Where facts and bodies are kept: SQLite journals, content-addressed blobs, the project's index."""
