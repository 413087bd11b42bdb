"""Nets and logs as tables and pictures."""
