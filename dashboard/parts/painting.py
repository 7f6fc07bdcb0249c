"""What is drawn reaches the browser only while Python has a moment for the server's own thread."""

import sys
import time

MOMENT = 0.2  # seconds: the server sends, and the browser paints, in less


def let_out() -> None:
    """Gives what is drawn so far that moment, where torch is yet to be imported: it holds Python's lock for most of a
    second or more, and the headline that was ready before it came up to five seconds late. Once a server."""
    if "torch" not in sys.modules:
        time.sleep(MOMENT)
