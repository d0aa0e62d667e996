"""Measures, each as a ratio to a floor in the same run; no test asserts a time, the limits live here."""
