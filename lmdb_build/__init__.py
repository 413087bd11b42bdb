"""From labelled pictures to Caffe's databases: samples, split, balance, lists, LMDB, mean image."""
