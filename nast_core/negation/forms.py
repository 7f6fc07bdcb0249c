"""The two forms of a statement: the same meaning, said affirmatively or with a negation. Colours are the screen's."""

from typing import Literal, get_args

Form = Literal["affirmative", "negated"]
FORMS: tuple[Form, ...] = get_args(Form)
