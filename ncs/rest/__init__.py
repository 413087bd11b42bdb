"""--cut: which layers this machine computes after a device, and the steps of the card that they become."""
