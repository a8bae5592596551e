"""One file a check kind: what is asked of the engine, in which order, and what of the answers is kept."""
