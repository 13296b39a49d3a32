"""The search for the best options in a given time, judged on held-out documents."""
