"""For users' tests and ours: the test server, the simulator, fakes of the seams."""
