"""What agents may call: read-only here, confined to the folders that the spec allows."""
