"""One recipe for each published result: its data set, nets, solver settings and expected figures."""
