"""Resolves every host of the lab to loopback, inside one Python process.

The official clients are told the lab's own host names (login.lab.test and so on), which no
resolver knows. Imported by the drivers here, and by azure-cli through sitecustomize.py.
"""
import socket

_ask = socket.getaddrinfo


def _answer(host, *rest, **named):
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and (name == "lab.test" or name.endswith(".lab.test")):
        host = "127.0.0.1"
    elif name not in (None, "localhost", "127.0.0.1", "::1"):
        raise socket.gaierror(f"{name} is outside the lab")
    return _ask(host, *rest, **named)


socket.getaddrinfo = _answer
