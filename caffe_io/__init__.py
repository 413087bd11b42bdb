"""Ground floor: Caffe's file formats (prototxt, caffemodel, Datum and LMDB, mean image) and nothing else."""
