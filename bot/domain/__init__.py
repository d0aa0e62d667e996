"""Pure decisions of the desk: no I/O, no clock, no environment."""
