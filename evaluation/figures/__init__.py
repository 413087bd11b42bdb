"""The figures of a task: their definitions, their intervals, and how they are shown."""
