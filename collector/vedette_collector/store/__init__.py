"""What the collector keeps over a restart: a journal of what it took in, and what that added up to."""
