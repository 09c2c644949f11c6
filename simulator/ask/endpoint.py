"""A language model behind the OpenAI chat form may re-word a checked answer and propose further questions; nothing else.

It is told the checked answer alone. What it says is checked as the answer was; on any doubt, and whenever it fails, its words
are dropped.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from typing import Any
from urllib.parse import SplitResult, urlsplit

from simulator.ask.asked import Answer
from simulator.ask.checker import numbers, same_numbers
from simulator.ask.question import parse
from simulator.errors import UsageError

TIMEOUT = 20.0
"""Seconds that the server may be silent."""
MOST = 200_000
"""Bytes of a reply that are read."""
LONGEST_QUESTION = 160
_TASK = (
    "You re-word answers of a simulator in plain English. Keep every number exactly as it is written, with its unit and "
    "its method. Add no number, no name and no claim. Reply with the re-worded answer alone."
)
_FURTHER = (
    "Propose three short follow-up questions that the same results could answer. One a line, without numbers."
)


class EndpointError(Exception):
    """The server gave nothing that can be used."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server of chat completions, such as llama.cpp's, Ollama's or vLLM's.

    Parameters
    ----------
    address : its base, such as ``http://127.0.0.1:8080/v1``.
    model : the model's name there.
    timeout : seconds that it may be silent.
    """

    address: SplitResult
    model: str = "default"
    timeout: float = TIMEOUT

    @classmethod
    def at(
        cls, text: str, *, model: str = "default", remote: bool = False, timeout: float = TIMEOUT
    ) -> Endpoint:
        """Take an address.

        Raises
        ------
        UsageError : it is no http address, or is not of this machine and ``remote`` does not allow that.
        """
        try:
            address = urlsplit(text)
            port = address.port
        except ValueError as error:
            raise UsageError(
                f"--endpoint {text}: is no address ({error}); such as http://127.0.0.1:8080/v1"
            ) from error
        if address.scheme not in ("http", "https") or not address.hostname or address.username or port == 0:
            raise UsageError(
                f"--endpoint {text}: must be http://HOST:PORT/v1, such as http://127.0.0.1:8080/v1"
            )
        if not remote and not _is_loopback(address.hostname):
            raise UsageError(
                f"--endpoint {text}: is not this machine, and results would leave it. --allow-remote allows that."
            )
        return cls(address, model, timeout)

    def said(self, *messages: str) -> str:
        """Return the reply to messages: the first is the system's, the others are the user's.

        Raises
        ------
        EndpointError : there is none, or it is no chat completion.
        """
        roles = ["system", *["user"] * (len(messages) - 1)]
        body = {
            "model": self.model,
            "temperature": 0,
            "stream": False,
            "messages": [{"role": role, "content": text} for role, text in zip(roles, messages, strict=True)],
        }
        try:
            reply = json.loads(self._posted(json.dumps(body).encode()))
            text = reply["choices"][0]["message"]["content"]
        except (OSError, HTTPException, ValueError, LookupError, TypeError, RecursionError) as error:
            raise EndpointError(f"{type(error).__name__}: {error}") from error
        if not isinstance(text, str) or not text.strip():
            raise EndpointError("an empty reply")
        return text.strip()

    def _posted(self, body: bytes) -> bytes:
        made: Any = HTTPSConnection if self.address.scheme == "https" else HTTPConnection
        connection = made(self.address.hostname, self.address.port, timeout=self.timeout)
        connection.connect()
        # A server that sends a little now and then is never silent, and must end all the same.
        over = Timer(3 * self.timeout, _cut_off, [connection.sock])
        over.daemon = True
        over.start()
        try:
            path = self.address.path.rstrip("/") + "/chat/completions"
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != 200:  # a redirect, too: nothing is followed
                raise HTTPException(f"status {response.status}")
            said: bytes = response.read(MOST)
            if response.read(1):
                raise HTTPException("a reply that does not end")
        finally:
            over.cancel()
            connection.close()
        return said


def reworded(answer: Answer, endpoint: Endpoint) -> str | None:
    """Return the model's words for a checked answer, with marks; None where they do not say the same.

    Raises
    ------
    EndpointError : it did not reply.
    """
    words = _printable(endpoint.said(_TASK, f"Question: {answer.question.text}\nAnswer: {answer.text}"))
    if not same_numbers(answer.text, words, answer.names):
        return None
    return _marked(words, answer)


def further(answer: Answer, endpoint: Endpoint, methods: Sequence[str]) -> list[str]:
    """Return questions that the model proposes, at most three: short ones, understood by the vocabulary, without numbers.

    Raises
    ------
    EndpointError : it did not reply.
    """
    said = endpoint.said(_TASK, f"Question: {answer.question.text}\nAnswer: {answer.text}", _FURTHER)
    found: list[str] = []
    for line in said.splitlines():
        question = re.sub(r"^\s*(?:[-*]|\d+[.)])\s*", "", _printable(line)).strip()
        understood = parse(question, methods)
        if (
            len(question) <= LONGEST_QUESTION
            and understood.of_results
            and not numbers(question, answer.names)
        ):
            found.append(question)
    return found[:3]


def _cut_off(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _is_loopback(host: str) -> bool:
    """Tell whether every address of a host is this machine's own."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
        return bool(found) and all(
            ipaddress.ip_address(str(address).split("%")[0]).is_loopback for address in found
        )
    except (OSError, ValueError, UnicodeError):
        return False


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def _marked(words: str, answer: Answer) -> str:
    """Put the mark of its fact after each number."""
    marks: dict[str, list[str]] = {}
    by_fact = {shown.fact: mark for mark, shown in answer.sources()}
    for shown in answer.facts:
        marks.setdefault(shown.text, []).append(by_fact[shown.fact])
    if not marks:
        return words
    listed = "|".join(re.escape(text) for text in sorted(marks, key=len, reverse=True))

    def mark(match: re.Match[str]) -> str:
        left = marks[match[0]]
        return f"{match[0]} [{left.pop(0) if len(left) > 1 else left[0]}]"

    return re.sub(rf"(?<![\w.-])(?:{listed})(?![\w])", mark, words)
