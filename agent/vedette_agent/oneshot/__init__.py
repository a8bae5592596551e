"""One probe for a person, once, by the same engine and the same probers as the agent's."""
