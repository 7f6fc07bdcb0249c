"""A session of the app without a browser: Streamlit's own messages over its own WebSocket."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

_DONE = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@dataclass
class Answer:
    """What came back between a click and the end of the script that it started."""

    seconds: float
    bytes: int = 0
    drawn: bytes = b""  # everything that is to be seen, as it came
    exceptions: list[str] = field(default_factory=list)  # tracebacks
    errors: list[str] = field(default_factory=list)  # sentences in red


class Session:
    """One visitor. ``open`` a page, then ``click``; each returns when the page has been drawn."""

    def __init__(self, address: str):
        self._address = address.replace("http://", "ws://") + "/_stcore/stream"
        self._page = ""
        self._query: dict[str, str] = {}
        self._states: dict[str, WidgetState] = {}  # by widget id, as a browser keeps and sends them all
        self._widgets: dict[str, str] = {}  # the app's key -> id
        self._bound: dict[str, str] = {}  # id -> name in the address
        self._socket: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        self._socket = await connect(self._address, subprotocols=["streamlit"], max_size=None, compression=None)  # type: ignore[list-item]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._socket is not None
        await self._socket.close()

    async def open(self, page: str, **query: str) -> Answer:
        self._page, self._query = page, dict(query)
        self._states.clear()
        self._widgets.clear()
        return await self._run()

    async def click(self, values: Mapping[str, bool | str | int]) -> Answer:
        """Sets widgets by the app's keys: True presses a button, a text fills a field or chooses an option."""
        presses = []
        for key, value in values.items():
            widget = self._widgets[key]
            state = WidgetState(id=widget)
            if value is True:
                state.trigger_value = True
                presses.append(widget)
            elif isinstance(value, str):
                state.string_value = value
            else:
                state.double_value = value
            self._states[widget] = state
            if widget in self._bound:
                self._query[self._bound[widget]] = str(value)
        answer = await self._run()
        for widget in presses:
            del self._states[widget]
        return answer

    async def _run(self) -> Answer:
        assert self._socket is not None
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string = urlencode(self._query)
        asked.page_name = self._page
        asked.widget_states.widgets.extend(self._states.values())
        begun = time.perf_counter()
        await self._socket.send(message.SerializeToString())
        answer = Answer(0.0)
        while True:
            raw = await self._socket.recv()
            assert isinstance(raw, bytes)
            answer.bytes += len(raw)
            came = ForwardMsg.FromString(raw)
            kind = came.WhichOneof("type")
            if kind == "delta":
                self._see(came.delta, answer)
            elif kind == "script_finished":
                if came.script_finished in _DONE:
                    answer.seconds = time.perf_counter() - begun
                    return answer
                answer = Answer(0.0, answer.bytes)  # the script began again, and draws everything again

    def _see(self, delta: Any, answer: Answer) -> None:
        answer.drawn += delta.SerializeToString()
        if delta.WhichOneof("type") != "new_element":
            return
        element = getattr(delta.new_element, delta.new_element.WhichOneof("type") or "empty")
        if element.DESCRIPTOR.name == "Exception":
            answer.exceptions.append(f"{element.type}: {element.message}")
        elif element.DESCRIPTOR.name == "Alert" and element.format == Alert.ERROR:
            answer.errors.append(element.body)
        if name := getattr(element, "id", ""):
            # $$ID-hash-key; a widget without a key of its own ends in None
            self._widgets[name.split("-", 2)[-1]] = name
            if bound := getattr(element, "query_param_key", ""):
                self._bound[name] = bound
