"""What colours mean, everywhere in the app: one meaning each, of Okabe and Ito's eight, safe for colour-blind readers.

Magnitudes are drawn on cividis, signed values on a red-blue scale centred at 0.
"""

AFFIRMATIVE, NEGATED, BASE, TUNED = "#0072B2", "#D55E00", "#999999", "#009E73"
OTHERS = ("#CC79A7", "#56B4E9", "#E69F00", "#F0E442")  # those that mean nothing of themselves
SIGNED, MAGNITUDE = "RdBu_r", "Cividis"
RAISES, LOWERS = "#D6604D", "#4393C3"  # bars and lines of a sign: of the same scale, to be seen on light and on dark
FAINT = "#8A8F98"  # intervals, chance lines, remarks: to be seen on light and on dark
FRAME = "#E69F00"  # round what is chosen

FORMS = {"affirmative": (AFFIRMATIVE, ""), "negated": (NEGATED, "/")}  # form -> colour, pattern
ARMS = {  # arm -> colour, dash of its curves
    "uniform": ("#56B4E9", "solid"),
    "nast": (TUNED, "solid"),
    "inverse": ("#CC79A7", "dash"),
    "random": ("#E69F00", "dot"),
    "frozen": (BASE, "dashdot"),
    "paper": ("#F0E442", "longdash"),
}
