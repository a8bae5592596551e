"""Figures that anyone can run: `make bench`. Each module yields `Figure`s; the peers run in the same run."""
