"""The verb `blob`: what is in a Myriad X blob. Each of its own verbs is a module."""
