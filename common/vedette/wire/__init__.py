"""The contract between agents and collectors that are deployed at different times."""
