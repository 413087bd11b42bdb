"""Programs about the page of the runner: load.py puts it under load, shots.py takes the pictures of docs/page.md,
serving.py starts it for both."""
