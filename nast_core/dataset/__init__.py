"""A dataset: studies, questions, statements and pairs, chosen once; pages, recipes and commands obey it. Source: ours.

It lies on the floor above claims and below recipes: it puts together what the rooms below make.
"""
