"""pycaffe's `caffe.proto`: the messages of caffe.proto."""

from caffe_io import caffe_pb2 as caffe_pb2
