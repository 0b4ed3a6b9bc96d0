"""One model behind several endpoints or keys: how many calls at once, to whom, for how long, and who goes first."""
