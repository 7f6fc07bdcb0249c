"""Where the LLM writer sends a key, and where it does not: real requests to servers on this machine."""

import pytest

from nast_core.benchmark.llm import LLMWriter
from nast_core.benchmark.llm_access import access_to
from nast_core.benchmark.llm_endpoint import Endpoint
from nast_core.benchmark.writer import Draft, Task
from nast_core.errors import BenchmarkError
from nast_core.work.build_items import BuildItemsRecipe, writer_of
from tests.llm_server import Log, running_llm

TASK = Task("item-0-0", ("Edema", "Fracture", "Cardiomegaly"), ((1, 0, 0), (0, 1, 0), (1, 1, 1), (0, 0, 0)), seed=0)
SECRETS = {
    "NAST_LLM_KEY": "nast-secret",
    "OPENAI_API_KEY": "openai-secret",
    "OPENAI_ADMIN_KEY": "admin-secret",
    "OPENAI_ORG_ID": "org-secret",
    "OPENAI_PROJECT_ID": "project-secret",
    "OPENAI_CUSTOM_HEADERS": "X-Own: header-secret",
}
ALWAYS = {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("NAST_LLM_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def headers(log: Log) -> dict[str, str]:
    """Of the one request that arrived."""
    [request] = log.requests
    lines = request.splitlines()[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[: lines.index("")])}


def ask(url: str | None, folder) -> None:
    [(_, answer)] = LLMWriter(Endpoint(url, "tiny", retries=0), folder).write([TASK])
    assert isinstance(answer, Draft)


def test_an_address_that_the_environment_does_not_name_gets_no_key_and_nothing_else_of_ours(tmp_path):
    with running_llm() as log:
        ask(log.url, tmp_path)
    assert set(headers(log)) == ALWAYS
    assert "secret" not in log.requests[0]


def test_a_recipe_that_names_an_endpoint_gets_no_key(tmp_path):
    with running_llm() as log:
        recipe = BuildItemsRecipe(writer="llm", base_url=log.url, llm_model="tiny", out=tmp_path / "items.jsonl")
        list(writer_of(recipe).write([TASK]))
    assert "secret" not in log.requests[0]


@pytest.mark.parametrize("address", [None, ..., "/v1/deployments/tiny"], ids=["none", "as named", "below"])
def test_the_endpoint_that_the_environment_names_gets_its_own_key_only(address, monkeypatch, tmp_path):
    with running_llm() as log:
        monkeypatch.setenv("NAST_LLM_URL", log.url)
        ask({None: None, ...: log.url}.get(address, log.url.removesuffix("/v1") + str(address)), tmp_path)
    assert headers(log)["authorization"] == "Bearer nast-secret"
    assert log.requests[0].count("secret") == 1


def test_openais_key_and_organisation_go_where_its_own_variable_says(monkeypatch, tmp_path):
    monkeypatch.delenv("NAST_LLM_KEY")
    with running_llm() as log:
        monkeypatch.setenv("OPENAI_BASE_URL", log.url + "/")
        ask(None, tmp_path)
    sent = headers(log)
    assert sent["authorization"] == "Bearer openai-secret"
    assert (sent["openai-organization"], sent["openai-project"]) == ("org-secret", "project-secret")
    assert log.requests[0].count("secret") == 3


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("https://llm.org/team/v1", "NAST_LLM_KEY"),
        ("HTTPS://LLM.org:443/team/v1/", "NAST_LLM_KEY"),
        ("https://llm.org/team/v1/more", "NAST_LLM_KEY"),
        ("https://llm.org/team/v1?version=2", "NAST_LLM_KEY"),
        ("http://llm.org/team/v1", None),
        ("https://llm.org:8443/team/v1", None),
        ("https://llm.org/team/v12", None),
        ("https://llm.org/team", None),
        ("https://llm.org/team/v1/../../other", None),
        ("https://llm.org/team/v1/%2e%2e/%2e%2e/other", None),
        ("https://llm.org.evil.com/team/v1", None),
        ("https://evil.com/team/v1", None),
        ("https://llm.org@evil.com/team/v1", None),
        ("https://llm.org\\@evil.com/team/v1", None),
        ("https://llm.org./team/v1", None),
        ("https://llm．org/team/v1", "NAST_LLM_KEY"),  # a full stop of full width is one, to whoever resolves names
        ("https://llm.оrg/team/v1", None),  # a Cyrillic letter
        ("https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("https://api.openai.com", None),
        ("http://api.openai.com/v1", None),
    ],
)
def test_endpoints_are_told_apart_by_scheme_host_port_and_path(address, key, monkeypatch):
    monkeypatch.setenv("NAST_LLM_URL", "https://llm.org/team/v1")
    assert access_to(address).key == key


def test_without_an_address_of_its_own_the_key_is_openais(monkeypatch):
    assert access_to("https://api.openai.com/v1").key == "NAST_LLM_KEY"
    monkeypatch.setenv("OPENAI_BASE_URL", "https://gateway.org/v1")
    assert access_to(None).told == "gateway.org, with NAST_LLM_KEY"
    assert access_to("https://api.openai.com/v1").told == "api.openai.com, without a key"


def test_a_wanted_key_is_asked_for_with_the_variables_that_name_it(tmp_path):
    with running_llm(lambda question, before: 401) as log, pytest.raises(BenchmarkError) as raised:
        ask(log.url, tmp_path)
    assert str(raised.value) == (
        f"{log.url} wants a key, and was sent none (HTTP 401): a key goes only to the endpoint that the environment "
        f"names; set NAST_LLM_URL to {log.url} and NAST_LLM_KEY to its key"
    )


def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(monkeypatch):
    monkeypatch.setenv("NAST_LLM_KEY", "hush\nX-More: 1")
    with pytest.raises(BenchmarkError, match="holds characters that no key has") as raised:
        Endpoint(None, "tiny")
    assert "hush" not in str(raised.value)
    monkeypatch.setenv("NAST_LLM_KEY", "hush\n")
    access = access_to(None)
    assert access.headers["Authorization"] == "Bearer hush"
    assert "hush" not in repr(access)


def test_a_proxy_of_the_environment_sees_no_plain_request(monkeypatch, tmp_path):
    with running_llm() as proxy, running_llm() as log:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        ask(log.url, tmp_path)
    assert len(log.requests) == 1
    assert not proxy.requests


@pytest.mark.parametrize(
    ("name", "value"),
    [("HTTPS_PROXY", "nonsense://x"), ("HTTPS_PROXY", "http://[::1"), ("SSL_CERT_FILE", "/no/such/file")],
)
def test_a_proxy_or_certificate_of_the_environment_that_cannot_be_used_is_one_sentence(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(BenchmarkError, match=r"certificates or proxy cannot be used \(.+\); see SSL_CERT_FILE"):
        Endpoint(None, "tiny")


@pytest.mark.parametrize(
    "address",
    [
        "", "localhost:8000", "ftp://host/v1", "file:///etc/passwd", "http://", "http:///v1", "http://a b/v1",
        "http://h:0/v1",
        "http://h:99999/v1", "http://h:x/v1", "http://a..b/v1", f"http://{'a' * 64}.org/v1",
        f"http://{'a.' * 200}org/v1",
        "http://h/\0", "http://\ud800/v1", "http://[::1/v1", "http://$x$/v1", "http://**h**/v1", "x" * 100_000,
        "http://" + "a" * 70_000,
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_one_short_sentence(address):
    with pytest.raises(BenchmarkError, match="is no address of an endpoint; give one such as") as raised:
        access_to(address)
    assert len(str(raised.value)) < 500
    str(raised.value).encode()


@pytest.mark.parametrize(
    "address", ["http://[::1]:8000/v1", "http://127.0.0.1:8000/v1", "http://my_llm:8000", "http://localhost"]
)
def test_addresses_of_servers_on_ones_own_machines_are_good(address):
    assert access_to(address).told == f"{address.removeprefix('http://').removesuffix('/v1')}, without a key"
