"""`make crosscheck`: the comparison's figures against tools that are not ours."""
