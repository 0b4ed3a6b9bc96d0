"""The library: what runs leave behind, its states, and how items enter. Knows seams, never a variant."""
