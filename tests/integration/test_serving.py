"""Who the app answers, wherever and however it is started: real servers, asked by this machine's own addresses."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from dashboard import serving
from tests.browser_tools import ROOT, running_app, wait_for_answer


def another_address() -> str:
    """An address of this machine that others could use; none in a sandbox without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: a route is looked up
        except OSError:
            pytest.skip("this machine has no address but its own")
        return probe.getsockname()[0]


def listening(port: int) -> set[str]:
    """Local addresses of the sockets that listen on a port, as the kernel says."""
    import psutil

    return {
        c.laddr.ip for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port
    }


def ask(address: str, **headers: str) -> tuple[int, dict[str, str], str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as answer:
            return answer.status, dict(answer.headers.items()), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers.items()), error.read().decode()


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


@contextmanager
def by_uvicorn(host: str, folder, **environment: str):
    """Another server than Streamlit's, which knows nothing of its settings."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--app-dir",
        str(ROOT / "dashboard"),
        "app:app",
        "--host",
        host,
        "--port",
        str(port),
    ]
    with subprocess.Popen(command, cwd=folder, env=os.environ | environment, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for_answer(f"http://127.0.0.1:{port}", server)
            yield port
        finally:
            server.send_signal(signal.SIGTERM)


def test_started_from_another_folder_it_listens_on_this_machine_alone_with_its_own_settings(tmp_path):
    with running_app(folder=tmp_path) as address:
        assert listening(port_of(address)) <= {"127.0.0.1", "::1"}
        status, headers, _ = ask(address)
        assert status == 200
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "img-src 'self' data: blob:" in policy
        assert headers["x-frame-options"] == "DENY"
        strange = {"Host": f"evil.example:{port_of(address)}"}, {"Origin": "http://evil.example"}, {"Origin": "null"}
        assert [ask(address, **header)[0] for header in strange] == [403, 403, 403]
        assert ask(address, Origin=address)[0] == 200


def test_a_config_file_in_the_folder_it_is_started_from_opens_nothing(tmp_path):
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(
        '[server]\naddress = "0.0.0.0"\n[browser]\ngatherUsageStats = true\n'
    )
    with running_app(folder=tmp_path) as address:
        assert listening(port_of(address)) <= {"127.0.0.1", "::1"}


def test_streamlit_itself_reads_the_settings_beside_the_script_from_any_folder(tmp_path):
    code = (
        "import sys; from streamlit import config; config._main_script_path = sys.argv[1]; "
        "print(*[config.get_option(n) for n in ('server.address', 'browser.gatherUsageStats', 'server.maxUploadSize', "
        "'client.toolbarMode', 'server.fileWatcherType', 'theme.base')])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "dashboard" / "app.py")], cwd=tmp_path, capture_output=True, text=True,
        check=True
    )  # fmt: skip
    assert said.stdout.split() == ["localhost", "False", "256", "minimal", "none", "dark"]


def test_settings_are_made_where_streamlit_finds_no_file_but_for_the_address(tmp_path):
    code = (
        "from streamlit import config; from dashboard import serving; serving.settle_options(); "
        "print(*[config.get_option(n) for n in ('server.address', 'browser.gatherUsageStats', 'server.maxUploadSize', "
        "'client.toolbarMode', 'theme.dark.backgroundColor')])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, check=True
    )  # fmt: skip
    assert said.stdout.split() == ["None", "False", "256", "minimal", "#0E1116"]


def test_a_link_to_the_script_in_another_folder_gives_the_settings_too_and_answers_no_stranger(tmp_path):
    link = tmp_path / "app.py"
    link.symlink_to(ROOT / "dashboard" / "app.py")
    other = another_address()
    with running_app(folder=tmp_path, script=link) as address:
        assert ask(address)[0] == 200
        status, _, said = ask(f"http://{other}:{port_of(address)}")
        assert (status, said) == (403, serving.REFUSED)


def test_another_server_on_every_interface_answers_strangers_with_one_sentence_until_it_is_told_to(tmp_path):
    other = another_address()
    with by_uvicorn("0.0.0.0", tmp_path) as port:
        assert ask(f"http://127.0.0.1:{port}")[0] == 200
        status, _, said = ask(f"http://{other}:{port}")
        assert (status, said) == (403, serving.REFUSED)
        assert ask(f"http://{other}:{port}/_stcore/health")[0] == 403
    with by_uvicorn("0.0.0.0", tmp_path, **{serving.ALLOW: "1"}) as port:
        assert ask(f"http://{other}:{port}")[0] == 200


def test_an_address_on_the_command_line_is_the_users_own_wish(tmp_path):
    with running_app("--server.address", "0.0.0.0", folder=tmp_path) as address:
        assert ask(f"http://{another_address()}:{port_of(address)}")[0] == 200


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True),
    ("/run/x.sock", True),
     ("192.0.2.2", False), ("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("fd00::2", False), ("0.0.0.0", False),
     ("example", False)],
)  # fmt: skip
def test_only_loopback_addresses_are_local(host, local):
    assert serving.local(host) is local


@pytest.mark.parametrize(
    ("script", "headless", "opened"), [("app.py", False, 1), ("app.py", True, 0), ("uvicorn", False, 0)]
)
def test_the_users_browser_is_opened_as_streamlit_does_for_a_plain_script(monkeypatch, script, headless, opened):
    import asyncio

    asked = []
    monkeypatch.setattr(serving.webbrowser, "open", asked.append)
    monkeypatch.setattr(sys, "argv", [f"/somewhere/{script}"])
    monkeypatch.setattr(serving.config, "get_option", {"server.headless": headless, "server.address": "localhost"}.get)
    monkeypatch.setattr(serving.server_util, "get_url", lambda host: f"http://{host}:8501")

    async def start():
        async with serving.opening(None):
            await asyncio.sleep(0.05)

    asyncio.run(start())
    assert asked == ["http://localhost:8501"] * opened


def test_a_stranger_opens_no_websocket_either():
    import asyncio

    sent = []

    async def send(message):
        sent.append(message)

    async def app(scope, receive, send):
        raise AssertionError("the app was reached")

    scope = {"type": "websocket", "server": ("192.0.2.2", 8501), "headers": []}
    asyncio.run(serving.Guard(app)(scope, None, send))
    assert [message["type"] for message in sent] == ["websocket.close"]
