"""The only place that opens outgoing connections: guarded, with deadlines, and with the keys."""
