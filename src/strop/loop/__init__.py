"""The loop: specify, plan, run, deliver, verify, distill, constrain, replay. `cycle.py` reads it aloud."""
