"""The demo: nets that learn within minutes, from drawn faces or from your own, and a report of what came out."""
