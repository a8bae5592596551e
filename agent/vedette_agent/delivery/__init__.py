"""From a result to the ack of the collector: what leaves when, and what is given up."""
