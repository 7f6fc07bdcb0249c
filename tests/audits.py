"""Audits with made-up figures, for tests of what is said of them."""

from nast_core.audit.document import Audit, Code, Figure, Grid, Lines, Of, Part, Rates, Row
from nast_core.audit.names import TITLES
from nast_core.audit.verdict import Found, verdict


def figure(value, low=None, high=None, n=200):
    return Figure(value=value, low=low, high=high, n=n)


def part(name, *charts, facts=None, reason="", **figures):
    state = "left out" if reason else "done"
    own = {key.replace("__", "."): figure(*values) for key, values in figures.items()}
    return Part(title=TITLES[name], state=state, reason=reason, seed=0, figures=own, facts=facts or {}, charts=charts)


def parts(**changed):
    """Parts of a model like the demo: it loses 49 points, takes one cue for presence, and one repair closes most."""
    every = {
        "benchmark": part(
            "benchmark",
            Rates(
                title="Right", unit="share", rows=(Row(name="negated", figure=figure(0.46, 0.42, 0.5)),), reads="more"
            ),
            facts={"patients": "200"},
            acc_affirmative=(0.95, 0.93, 0.97),
            acc_negated=(0.46, 0.42, 0.51),
            gap_points=(49.0, 44.0, 54.0),
        ),
        "denials": part(
            "denials",
            denials=(0.48, 0.46, 0.5),
            cue__no=(0.4, 0.35, 0.45),
            cue__without=(0.5, 0.46, 0.54),
            cue__free_of=(0.8, 0.75, 0.85),
            cue__absent=(0.52, 0.4, 0.64),
        ),
        "trace": part(
            "trace",
            Lines(
                title="CTE",
                unit="CTE",
                layers=(0, 1),
                series={"negator": (figure(1, 1, 1), figure(None))},
                reads="falls",
            ),
            Grid(title="By token", unit="CTE", across=("layer 0",), down=("negator",), values=((1.0,),), reads="1"),
            cte__1=(0.6, 0.55, 0.65),
            cte__2=(0.45, 0.42, 0.48),
        ),
        "attention": part("attention", facts={"head": "head 3 of layer 4"}, nsa=(0.39, 0.35, 0.43)),
        "probe": part("probe", probe_findings=(0.9, 0.87, 0.93), probe_control=(0.5, 0.48, 0.52)),
        "repairs": part(
            "repairs",
            repair__as_it_is__zero_shot=(0.98, 0.97, 0.99),
            **repaired("region", gained=(40.0, 35.0, 45.0), gap=(9.0, 6.0, 12.0), denials=(0.9, 0.88, 0.92)),
        ),
    }
    return every | changed


def repaired(
    method, *, gained, gap, denials, blind=(0.26, 0.22, 0.3), zero=(0.98, 0.97, 0.99), negated=(0.86, 0.8, 0.9)
):
    value, low, high = gained
    return {
        f"repair__{method}__gained_negated": gained,
        f"repair__{method}__gained_gap": (-value, -high, -low),
        f"repair__{method}__gap_points": gap,
        f"repair__{method}__acc_negated": negated,
        f"repair__{method}__denials_unseen": denials,
        f"repair__{method}__blind_negated": blind,
        f"repair__{method}__zero_shot": zero,
    }


def audit(found=None, *, lacks=("no side",), **changed) -> Audit:
    found = parts() if found is None else found
    about = {
        "created": "2026-11-30T12:00:00+00:00",
        "model": Of(name="Demo <CLIP>", spec="demo", fingerprint="a" * 64),
        "dataset": Of(name="Phantoms | drawn", spec="phantoms", fingerprint="d" * 64),
        "code": Code(version="1.0", revision="abc"),
        "quick": True,
        "split": "test",
        "n": 200,
        "seed": 0,
        "verdict": verdict(Found(found, 200, lacks)),
        "parts": found,
    }
    return Audit(**(about | changed)).sealed()
