"""The demo: settings for drawn or own faces, and its report."""
