"""A small Hugging Face hub on this machine: enough of its protocol for the real client to list and fetch a repository.

It can fail as the real one does: gated, private, absent, slow, or cut off in the middle of a file.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_API = re.compile(r"/api/models/(?P<repo>[^/?]+/[^/?]+)(?:/(?P<what>revision|tree)/[^?]+)?(?:\?.*)?$")
_FILE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)$")


@dataclass
class Repository:
    files: Mapping[str, bytes]
    gated: bool = False
    drops: int = 0  # so many answers for the largest file are cut off half-way
    seconds: float = 0.0  # to wait in the middle of the largest file
    asked: list[str] = field(default_factory=list)  # files asked for, with the first byte asked for

    @property
    def largest(self) -> str:
        return max(self.files, key=lambda name: len(self.files[name]))


def commit_of(name: str) -> str:
    """The one commit of a repository."""
    return hashlib.sha1(name.encode()).hexdigest()


@contextmanager
def running_hub(repositories: Mapping[str, Repository]) -> Iterator[str]:
    """Yields the hub's address, for HF_ENDPOINT."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            found = _API.match(self.path) or _FILE.match(self.path)
            repository = repositories.get(found["repo"]) if found else None
            if repository is None:
                self.refuse(401, "RepoNotFound", body)  # the real hub does not say whether it is private or absent
            elif found.re is _API:
                self.listing(found["repo"], found["what"], repository)
            elif repository.gated:
                self.refuse(403, "GatedRepo", body)
            elif found["file"] not in repository.files:
                self.refuse(404, "EntryNotFound", body)
            else:
                self.file(found["repo"], repository, found["file"], body)

        def refuse(self, status: int, code: str, body: bool) -> None:
            self.send(status, b"{}" if body else b"", {"X-Error-Code": code})

        def listing(self, name: str, what: str | None, repository: Repository) -> None:
            rows = [(path, len(content), _etag(content)) for path, content in repository.files.items()]
            record: object
            if what == "tree":
                record = [{"type": "file", "path": path, "size": size, "oid": oid} for path, size, oid in rows]
            else:
                siblings = [{"rfilename": path, "size": size, "blobId": oid} for path, size, oid in rows]
                record = {"id": name, "sha": commit_of(name), "siblings": siblings, "gated": repository.gated}
            self.send(200, json.dumps(record).encode(), {"Content-Type": "application/json"})

        def file(self, repo: str, repository: Repository, name: str, body: bool) -> None:
            content = repository.files[name]
            whole = {"ETag": f'"{_etag(content)}"', "X-Repo-Commit": commit_of(repo), "Accept-Ranges": "bytes"}
            start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
            if not body:
                self.send(200, b"", whole | {"Content-Length": str(len(content))})
                return
            repository.asked.append(f"{name} {start}")
            rest = content[start:]
            part = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
            if name != repository.largest or not (repository.drops or repository.seconds):
                self.send(206 if start else 200, rest, whole | part)
                return
            self.send_response(206 if start else 200)
            for key, value in (whole | part | {"Content-Length": str(len(rest))}).items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            time.sleep(repository.seconds)
            if repository.drops:
                repository.drops -= 1
                self.close_connection = True
                return
            self.wfile.write(rest[len(rest) // 2 :])

        def send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for key, value in ({"Content-Length": str(len(content))} | dict(headers)).items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _etag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:40]
