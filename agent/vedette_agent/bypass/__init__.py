"""Other ways to the targets of the checks: when they are tried, and how."""
