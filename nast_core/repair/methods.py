"""Every method of repair there is. Whatever lists methods, shows them or repairs with them goes by this table.

To add one, write its file beside the others (docs/extending/repair.md) and name it here.
"""

from nast_core.repair.adapter import ADAPTER
from nast_core.repair.discount import DISCOUNT
from nast_core.repair.method import Method
from nast_core.repair.project import PROJECT
from nast_core.repair.region import REGION
from nast_core.repair.rewrite import REWRITE
from nast_core.repair.sink import SINK
from nast_core.repair.steer import STEER
from nast_core.repair.subtract import SUBTRACT

METHODS: dict[str, Method] = {
    method.name: method for method in (REWRITE, PROJECT, REGION, SUBTRACT, DISCOUNT, STEER, SINK, ADAPTER)
}

TRIED = (*METHODS, "project(anchor=0)")
"""What pages and studies try one beside the other: every method, and ``project`` without what it adds for every denial,
which is arithmetic and not reading."""
