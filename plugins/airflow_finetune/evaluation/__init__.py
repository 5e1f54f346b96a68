"""Judges a candidate against a baseline on one golden set: scores, paired evidence, a verdict."""
