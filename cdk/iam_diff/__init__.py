"""What a change of the templates lets somebody do that nobody could do before."""
