"""The nouns: frozen data that the steps of the loop hand to each other. No I/O, no clock, no chance."""
