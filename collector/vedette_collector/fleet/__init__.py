"""What verdicts will be able to tell apart with the agents and checks of a configuration, and what not."""
