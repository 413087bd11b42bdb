"""The folds of a cross-validation: their plan, how their steps are run, and their figures together."""
