"""Recovery: whether the second region could take over, told from the templates before anybody needs it."""
