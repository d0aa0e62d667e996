"""The desk on one machine, with invented reports: `make demo`."""
