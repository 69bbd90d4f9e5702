"""The front doors: scikit-learn's contract over the engine. They validate and compose, no more."""
