"""How layers of forks of Caffe are converted; docs/forks.md says whose they are."""
