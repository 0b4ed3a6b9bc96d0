"""The command line: a rim that reads arguments, shows what happens, and ends with the right code."""
