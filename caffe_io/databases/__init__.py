"""The databases in which Caffe keeps records."""
