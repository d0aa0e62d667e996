"""The only modules that talk to the outside, one per outside thing."""
