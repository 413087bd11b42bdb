"""For all tests."""

import signal

# A shell that starts the tests in the background makes them ignore Ctrl-C, and every process that they start as well.
# Some of those are sent Ctrl-C by a test, so it must mean there what it means on a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)
