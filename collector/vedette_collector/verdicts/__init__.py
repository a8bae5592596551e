"""From red and green results to the component that broke. No clock, socket or logger: times are handed in."""
