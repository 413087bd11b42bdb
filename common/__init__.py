"""The ground floor of every room: errors, files, command lines, tasks, the model card. Standard library and pydantic only."""
