"""Published results and demos: settings and thin scripts."""
