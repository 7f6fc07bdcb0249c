"""The LLM writer against a server on this machine that answers well, badly, late, or with what is not true."""

import json
import os
import random
import socket
import subprocess
import sys
import textwrap
import time
import tracemalloc
from pathlib import Path

import pytest

from nast_core.benchmark.builder import Built, build_items
from nast_core.benchmark.llm import LLMWriter, Prices, instructions
from nast_core.benchmark.llm_endpoint import Endpoint
from nast_core.benchmark.writer import Draft, Task, Unwritten
from nast_core.data.studies import Study
from nast_core.errors import BenchmarkError, DataError
from nast_core.vocabulary.cues import find_cues
from nast_core.vocabulary.shipped import chest
from tests.llm_server import CONTENTS, ENDLESS, SLOW, TOKENS, USAGES, Behave, Log, good, running_llm, task_of
from tests.words import CHEXPERT_CONDITIONS

pytestmark = pytest.mark.slow  # an endpoint that dawdles

OPTIONS = ((1, 0, 0), (0, 1, 0), (1, 1, 1), (0, 0, 0))
KEY = "sk-secret-90210"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """One that names a key and no endpoint, so that the key is OpenAI's."""
    for name in ("NAST_LLM_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NAST_LLM_KEY", KEY)


def tasks(count: int) -> list[Task]:
    """Tasks that differ in their conditions."""
    return [
        Task(f"item-0-{i}", (CHEXPERT_CONDITIONS[i], CHEXPERT_CONDITIONS[i + 1], "Fracture"), OPTIONS, seed=i)
        for i in range(count)
    ]


def writer(log: Log, folder: Path, *, retries: int = 2, timeout: float = 30, **options) -> LLMWriter:
    return LLMWriter(Endpoint(log.url, "tiny", timeout=timeout, retries=retries), folder, **options)


def answer_to(behave: Behave, folder: Path, **options) -> Draft | Unwritten:
    with running_llm(behave) as log:
        return answer_to_one(log, folder, **options)


def answer_to_one(log: Log, folder: Path, **options) -> Draft | Unwritten:
    [(_, answer)] = writer(log, folder, **options).write(tasks(1))
    return answer


def asked_of(request: str) -> dict:
    """The question in a request."""
    return json.loads(json.loads(request.rpartition("\n")[2])["messages"][-1]["content"])


def studies(count: int = 60) -> list[Study]:
    draw = random.Random(0)
    return [
        Study(
            f"study-{4000 + i}",
            f"patient-{7000 + i}",
            f"hidden/{i}.png",
            {name: draw.randint(0, 1) for name in CHEXPERT_CONDITIONS[:8]},
            "test",
        )
        for i in range(count)
    ]


def build(log: Log, folder: Path, count: int = 6, **options) -> tuple[Built, LLMWriter]:
    asked = writer(log, folder, **options)
    return build_items(studies(), count, asked), asked


def test_a_good_answer_becomes_the_draft_it_says(tmp_path):
    answer = answer_to(lambda question, before: "good", tmp_path)
    said = json.loads(good({"conditions": tasks(1)[0].conditions, "options": OPTIONS}))["options"]
    assert answer == Draft(tuple(o["negated"] for o in said), tuple(o["affirmative"] for o in said))


@pytest.mark.parametrize("wrapping", ["fenced", "capitals", "thoughtful", "polite", "twice", "in parts", *USAGES])
def test_a_good_answer_is_taken_whatever_is_around_it(wrapping, tmp_path):
    plain = answer_to(lambda question, before: "good", tmp_path / "plain")
    assert answer_to(lambda question, before: wrapping, tmp_path) == plain


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("half", "answer: not JSON"),
        ("html", "answer: not JSON"),
        ("empty", "answer: empty"),
        ("cut", "answer: cut off"),
        ("three", "answer: not the form asked for"),
        ("two minds", "answer: more than one"),
        ("deep", "answer: not JSON"),
        ("braces", "answer: not JSON"),
        ("digits", "answer: not JSON"),
        ("half a character", "answer: not JSON"),
        ("page", "endpoint: not a chat completion"),
        ("dropped", "endpoint: connection lost"),
        (503, "endpoint: HTTP 503"),
        (429, "endpoint: HTTP 429"),
    ],
)
def test_what_is_no_draft_is_unwritten_for_a_countable_reason(behaviour, reason, tmp_path):
    assert answer_to(lambda question, before: behaviour, tmp_path, retries=0) == Unwritten(reason)


@pytest.mark.parametrize("behaviour", ["html", "half", "three", "empty", "page"])
def test_a_rejected_answer_is_shown_by_its_first_80_characters(behaviour, tmp_path):
    with running_llm(lambda question, before: "good" if before else behaviour) as log:
        built, _ = build(log, tmp_path, 1)
    content = "<html>Please log in</html>" if behaviour == "page" else CONTENTS[behaviour](asked_of(log.requests[0]))
    [draft] = built.turned_down
    assert repr(content[:80]) in " ".join(draft.said)


@pytest.mark.parametrize("behaviour", [*ENDLESS, "bomb"])
def test_an_answer_without_an_end_costs_neither_memory_nor_patience(behaviour, tmp_path):
    begun = time.monotonic()
    tracemalloc.start()
    with running_llm(lambda question, before: behaviour) as log:
        answer = answer_to_one(log, tmp_path, timeout=0.5, retries=0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(answer, Unwritten)
    assert answer.reason in (
        "endpoint: timed out", "endpoint: endless answer", "endpoint: compressed "
            "answer", "endpoint: connection lost", "endpoint: HTTP 500",
    )  # fmt: skip
    assert time.monotonic() - begun < 3
    assert most < 20_000_000
    assert log.sent < 20_000_000


def test_an_endpoint_that_takes_its_time_to_fail_is_not_asked_again_and_again(tmp_path):
    def late(question: dict, before: int) -> int:
        time.sleep(0.3)
        return 503

    with running_llm(late) as log:
        answer_to_one(log, tmp_path, timeout=0.5, retries=50)
    assert len(log.requests) == 2


def test_a_redirect_is_not_followed_and_says_where_it_leads(monkeypatch, tmp_path):
    with running_llm() as other, running_llm(lambda question, before: f"elsewhere {other.url}/chat/completions") as log:
        monkeypatch.setenv("NAST_LLM_URL", log.url)
        with pytest.raises(
            BenchmarkError, match=rf"sends everyone on to '{other.url}.*\(HTTP 302\), which is not followed"
        ):
            list(writer(log, tmp_path).write(tasks(1)))
    assert len(log.requests) == 1
    assert not other.requests


@pytest.mark.parametrize("behaviour", [429, 500, 503, "dropped"])
def test_a_busy_or_failing_endpoint_is_asked_again(behaviour, tmp_path):
    with running_llm(lambda question, before: behaviour if before < 2 else "good") as log:
        [(_, answer)] = writer(log, tmp_path, retries=2).write(tasks(1))
    assert isinstance(answer, Draft)
    assert len(log.requests) == 3


def test_a_slow_endpoint_is_given_up_after_the_timeout(tmp_path):
    begun = time.monotonic()
    with running_llm(lambda question, before: "slow") as log:
        [(_, answer)] = writer(log, tmp_path, timeout=0.3, retries=0).write(tasks(1))
        assert time.monotonic() - begun < SLOW
    assert answer == Unwritten("endpoint: timed out")


def test_a_port_where_nothing_listens_is_refused_at_once(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    asked = LLMWriter(Endpoint(nowhere, "tiny", retries=0), tmp_path)
    with pytest.raises(BenchmarkError, match=f"nothing answers at {nowhere} .*start the server there"):
        list(asked.write(tasks(3)))


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(401, r"refuses the key \(HTTP 401\); set NAST_LLM_KEY"), (404, "does not know the model 'tiny'.*ends in /v1")],
)
def test_a_refused_key_and_an_unknown_model_stop_the_build_with_a_sentence(status, sentence, monkeypatch, tmp_path):
    with running_llm(lambda question, before: status) as log:
        monkeypatch.setenv("NAST_LLM_URL", log.url)
        asked = writer(log, tmp_path).write(tasks(2))
        with pytest.raises(BenchmarkError, match=sentence) as raised:
            list(asked)
    assert KEY not in str(raised.value)


def test_an_endpoint_that_stays_silent_stops_the_build_after_ten_questions(tmp_path):
    with running_llm(lambda question, before: 503) as log, pytest.raises(BenchmarkError, match="10 questions in a row"):
        list(writer(log, tmp_path, retries=0, jobs=1).write(tasks(12)))


def test_an_address_that_is_none_and_a_missing_key_are_refused(monkeypatch):
    with pytest.raises(BenchmarkError, match="'localhost:8000' is no address"):
        Endpoint("localhost:8000", "tiny")
    monkeypatch.delenv("NAST_LLM_KEY")
    with pytest.raises(BenchmarkError, match="needs a key; set NAST_LLM_KEY or OPENAI_API_KEY"):
        Endpoint(None, "tiny")


def test_only_condition_names_zeros_ones_and_words_of_ours_are_sent(tmp_path):
    with running_llm() as log:
        built, _ = build(log, tmp_path)
    assert len(built.items) == 6
    for request in log.requests:
        path, _, body = request.partition("\n")
        assert path == "/v1/chat/completions"
        assert not any(word in request for word in ("patient-", "study-", "hidden", ".png", "item-", "phantom"))
        sent = json.loads(body.rpartition("\n")[2])
        assert set(sent) == {"messages", "model"}
        system, user = sent["messages"]
        assert system == {"role": "system", "content": instructions(chest())}
        question = json.loads(user["content"])
        assert set(question) == {"conditions", "options", "deny_with", "normal"}
        assert set(question["conditions"]) == set(question["normal"]) <= set(CHEXPERT_CONDITIONS)
        assert {state for option in question["options"] for state in option} <= {0, 1}
        assert not any(find_cues(text) for texts in question["normal"].values() for text in texts)


def test_lies_are_asked_again_and_kept_only_when_they_became_true(tmp_path):
    with running_llm(lambda question, before: "lying" if before == 0 else "good") as log:
        built, _ = build(log, tmp_path, 4)
    assert len(built.items) == 4
    assert built.rejected.total() == 0
    assert built.rewritten.total() == 4
    again = [asked_of(request) for request in log.requests[4:]]
    assert all("should be" in " ".join(question["turned_down"]) for question in again)


@pytest.mark.parametrize(
    ("behaviour", "reason"), [("lying", "option A"), ("spanish", "option A"), ("half", "not JSON")]
)
def test_a_writer_that_never_puts_it_right_is_stopped_after_four_answers_to_a_task(behaviour, reason, tmp_path):
    sentence = rf"does not say what it is asked to: 3 of 3 tasks were rejected.*{reason}"
    with running_llm(lambda question, before: behaviour) as log, pytest.raises(BenchmarkError, match=sentence):
        build(log, tmp_path, 3)
    assert set(log.asked.values()) == {4}


def test_no_more_requests_are_on_their_way_than_allowed_and_order_of_arrival_changes_nothing(tmp_path):
    def late(question: dict, before: int) -> str:
        time.sleep(random.random() * 0.1)
        return "good"

    with running_llm(late) as log:
        together = list(writer(log, tmp_path / "a", jobs=4).write(tasks(12)))
        assert 2 <= log.most_at_once <= 4
        assert together == list(writer(log, tmp_path / "b", jobs=1).write(tasks(12)))
    assert [task for task, _ in together] == tasks(12)


def test_a_second_build_asks_nothing_and_gives_the_same_items(tmp_path):
    def mixed(question: dict, before: int) -> str | int:
        kind = len(question["conditions"][0]) % 3
        return ["good", "half" if before < 2 else "good", 503 if before < 3 else "good"][kind]

    with running_llm(mixed) as log:
        first, _ = build(log, tmp_path, retries=1)
        asked = len(log.requests)
        second, replayed = build(log, tmp_path)
        assert len(log.requests) == asked
    assert second.items == first.items
    assert replayed.spent.new == 0


@pytest.mark.slow
def test_a_killed_build_goes_on_without_asking_again(tmp_path):
    code = """
        import sys
        from pathlib import Path
        from nast_core.benchmark.llm import LLMWriter
        from nast_core.benchmark.llm_endpoint import Endpoint
        from nast_core.benchmark.writer import Task
        from tests.words import CHEXPERT_CONDITIONS as names
        options = ((1, 0, 0), (0, 1, 0), (1, 1, 1), (0, 0, 0))
        tasks = [Task(f"item-0-{i}", (names[i], names[i + 1], "Fracture"), options, seed=i) for i in range(12)]
        asked = LLMWriter(Endpoint(sys.argv[1], "tiny"), Path(sys.argv[2]), jobs=1)
        for n, _ in enumerate(asked.write(tasks)):
            print(n, flush=True)
    """

    def pausing(question: dict, before: int) -> str:
        time.sleep(0.2)
        return "good"

    with running_llm(pausing) as log:
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), log.url, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        while child.stdout.readline().strip() != "3":
            assert child.poll() is None
        child.kill()
        child.wait()
        child.stdout.close()
        kept = len((tmp_path / "answers.jsonl").read_text("utf-8").splitlines())
        assert 4 <= kept < 12
        time.sleep(0.3)
        asked_before = len(log.requests)
        assert all(isinstance(answer, Draft) for _, answer in writer(log, tmp_path).write(tasks(12)))
        assert len(log.requests) - asked_before == 12 - kept


def test_half_a_line_is_passed_over_and_does_not_spoil_the_next(tmp_path):
    with running_llm() as log:
        list(writer(log, tmp_path).write(tasks(3)))
        file = tmp_path / "answers.jsonl"
        file.write_bytes(file.read_bytes()[:-40])
        list(writer(log, tmp_path).write(tasks(3)))
        assert len(log.requests) == 4
        list(writer(log, tmp_path).write(tasks(3)))
        assert len(log.requests) == 4


def test_a_page_of_a_proxy_is_kept_to_read_but_asked_again(tmp_path):
    with running_llm(lambda question, before: "good" if before else "page") as log:
        assert [answer for _, answer in writer(log, tmp_path).write(tasks(1))] == [
            Unwritten("endpoint: not a chat completion")
        ]
        assert "Please log in" in (tmp_path / "answers.jsonl").read_text("utf-8")
        [(_, answer)] = writer(log, tmp_path).write(tasks(1))
    assert isinstance(answer, Draft)


def test_prompts_and_raw_answers_are_kept_and_the_key_is_not(monkeypatch, tmp_path):
    with running_llm() as log:
        monkeypatch.setenv("NAST_LLM_URL", log.url)
        list(writer(log, tmp_path).write(tasks(2)))
    assert all(KEY in request for request in log.requests)
    text = (tmp_path / "answers.jsonl").read_text("utf-8")
    assert KEY not in text
    for row in map(json.loads, text.splitlines()):
        question = json.loads(row["prompt"][1]["content"])
        assert json.loads(row["answer"])["choices"][0]["message"]["content"] == good(question)
        assert task_of(question).conditions in {task.conditions for task in tasks(2)}


def test_tokens_and_cost_are_summed_over_new_and_kept_answers(tmp_path):
    assert (TOKENS["prompt_tokens"], TOKENS["completion_tokens"]) == (300, 100)
    with running_llm() as log:
        list(writer(log, tmp_path).write(tasks(2)))
        asked = writer(log, tmp_path, prices=Prices(10, 30))
        list(asked.write(tasks(5)))
    assert asked.spent.cost(Prices(10, 30)) == pytest.approx(5 * (300 * 10 + 100 * 30) / 1e6)  # 0.03
    notes = asked.notes()
    assert notes["model"] == f"tiny at {log.url}"
    assert notes["answers"].startswith("5, 3 of them asked for in this run")
    assert notes["tokens"] == "1,500 of prompts, 500 of answers"
    assert notes["cost"].startswith("about 0.03 at 10 and 30 per million tokens")


@pytest.mark.parametrize("counted", USAGES)
def test_answers_without_a_token_count_are_said_to_be_so(counted, tmp_path):
    with running_llm(lambda question, before: counted) as log:
        asked = writer(log, tmp_path)
        list(asked.write(tasks(2)))
    assert asked.notes()["tokens"] == "0 of prompts, 0 of answers; 2 answers came without a count"


def test_a_name_and_password_in_the_address_are_not_told():
    assert Endpoint("http://me:hush@127.0.0.1:9/v1", "tiny").address == "http://127.0.0.1:9/v1"


def test_a_folder_that_cannot_hold_answers_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with running_llm() as log, pytest.raises(DataError, match=r"cannot be used .*; choose another folder"):
        writer(log, tmp_path / "file")


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"id": 7, "answer": "x"}',
        b'{"id": ["x"], "answer": {"choices": 1}}',
        b"7",
        b"null",
        b"\xff\xfe",
        b'{"id": "a", "answer": "{}"}',
        b'{"id": "a", "answer": ' + b"9" * 10_000 + b"}",
        b'{"id": "a", "answer": "\\ud83d"}',
    ],
)
def test_a_line_of_kept_answers_that_is_none_is_passed_over(line, tmp_path):
    (tmp_path / "answers.jsonl").write_bytes(line + b"\n")
    with running_llm() as log:
        assert isinstance(answer_to_one(log, tmp_path), Draft)
        assert isinstance(answer_to_one(log, tmp_path), Draft)
    assert len(log.requests) == 1


def test_kept_answers_that_are_a_pipe_are_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "answers.jsonl")
    with running_llm() as log, pytest.raises(DataError, match="is a pipe, and a file is needed"):
        writer(log, tmp_path)


@pytest.mark.parametrize("folder", ["a\0b", "x" * 5000])
def test_a_folder_of_answers_with_an_impossible_name_is_refused(folder, tmp_path):
    with running_llm() as log, pytest.raises(DataError, match="cannot be the path of a file"):
        writer(log, tmp_path / folder)
