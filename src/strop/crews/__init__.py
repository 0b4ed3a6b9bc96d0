"""Where workers run: in this process, or on hosts elsewhere that keep nothing the driver does not know."""
