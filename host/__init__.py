"""What is done on this machine with the numbers that a device gives: with numpy alone, so that a Raspberry Pi can."""
