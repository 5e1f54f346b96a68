"""Which of several backends a run takes: written rules over what the preflight has found."""
