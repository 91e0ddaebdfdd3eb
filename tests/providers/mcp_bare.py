"""A tool server of the older protocol, written by hand to be as wrong as its argument says."""

import json
import os
import sys
import time
from typing import Any

KIND = sys.argv[1]
OBJECT = {"type": "object", "properties": {}}


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": OBJECT, **more}


def offered(cursor: str | None) -> dict[str, Any]:
    match KIND:
        case "odd":
            return {
                "tools": [
                    tool("files/read.now", title="Read a file"),
                    tool("files/read_now"),
                    tool("x" * 100, description="y" * 5000),
                    tool("big", inputSchema={"type": "object", "description": "z" * 20000}),
                ]
            }
        case "many":
            number = int(cursor or "0")
            names = [f"tool{number}_{index}" for index in range(50)]
            return {"tools": [tool(name) for name in names], "nextCursor": str(number + 1)}
        case "changing":
            return {"tools": [tool("change"), *([tool("new")] if changed else [])]}
        case _:
            return {"tools": [tool("talk"), tool("die"), tool("pid")]}


def called(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    match name:
        case "talk":
            blocks = [
                {"type": "text", "text": f"got {sorted(arguments)}"},
                {"type": "image", "data": "aGk=", "mimeType": "image/png"},
                {"type": "resource", "resource": {"uri": "a:b", "text": "some text"}},
                {"type": "resource", "resource": {"uri": "a:b", "blob": "aGk="}},
                {"type": "resource_link", "uri": "file:///a", "name": "a"},
            ]
            return {"content": blocks}
        case "die":
            os._exit(3)
        case "pid":
            return {"content": [{"type": "text", "text": str(os.getpid())}]}
        case _:
            return {"content": []}


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


changed = False
sys.stderr.write("ready\n")
if KIND == "mute":
    sys.stdin.read()
if KIND == "deaf":
    sys.exit(1)
if KIND == "deaf_to_the_end":
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    request = json.loads(line)
    number = request.get("id")
    match request["method"]:
        case "initialize":
            result: dict[str, Any] = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "bare", "version": "1"},
            }
            send({"id": number, "result": result})
        case "tools/list":
            if KIND == "garbage":
                sys.stdout.write("this is no JSON\n")
            send({"id": number, "result": offered(request.get("params", {}).get("cursor"))})
        case "tools/call":
            if KIND == "refusing":
                error = {"code": -32603, "message": "the secret is 4711"}
                send({"id": number, "error": error})
                continue
            parameters = request["params"]
            send({"id": number, "result": called(parameters["name"], parameters["arguments"])})
            if parameters["name"] == "change":
                changed = True
                send({"method": "notifications/tools/list_changed"})
        case _ if number is not None:
            send({"id": number, "error": {"code": -32601, "message": "no such method"}})
if KIND == "deaf_to_the_end":
    while True:
        time.sleep(1)
os._exit(0)
