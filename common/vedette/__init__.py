"""What agent and collector must agree on; imports neither of them."""

__version__ = "0.1.0"
