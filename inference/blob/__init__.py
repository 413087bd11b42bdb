"""Verb `blob run`. It lives here, and not beside the blob's other verbs in ncs/blob/, because it needs pictures and answers."""
