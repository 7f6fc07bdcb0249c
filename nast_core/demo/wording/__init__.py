"""The study of wording: does a tower that is taught some ways to say "no" read the others? (``nast demo wording``)"""
