"""Caffe's file formats (prototxt, caffemodel, Datum and LMDB, mean), the graph of a net, and the table of layer types."""
