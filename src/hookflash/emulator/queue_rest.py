"""The REST interface of queues and their members.

Source: https://www.twilio.com/docs/voice/api/queue-resource,
https://www.twilio.com/docs/voice/api/member-resource
"""

from starlette.requests import Request

from hookflash.emulator.call import Document
from hookflash.emulator.exchange import Exchange
from hookflash.emulator.queueing import MAX_QUEUE_SIZE, CallQueue, Waiting
from hookflash.emulator.resources import member_json, queue_json
from hookflash.emulator.rest_fields import Fields, Reply, Work, bad, missing, page

__all__ = ["QueueRest"]

_MAX_NAME = 64


class QueueRest:
    """The work behind each address."""

    def __init__(self, exchange: Exchange) -> None:
        """Serve the queues of an exchange."""
        self._account = exchange.account
        self._queues = exchange.queues

    def table(self, account: str) -> list[tuple[str, dict[str, Work]]]:
        """Return what is done at which address.

        Args:
            account: the account's part of the path.
        """
        queue = account + "/Queues/{queue}"
        return [
            (account + "/Queues.json", {"GET": self.list_queues, "POST": self.create_queue}),
            (queue + "/Members.json", {"GET": self.list_members}),
            (
                queue + "/Members/{member}.json",
                {"GET": self.show_member, "POST": self.update_member},
            ),
            (
                queue + ".json",
                {"GET": self.show_queue, "POST": self.update_queue, "DELETE": self.delete_queue},
            ),
        ]

    def _queue(self, request: Request) -> CallQueue:
        queue = self._queues.by_sid.get(request.path_params["queue"])
        if queue is None:
            raise missing(request)
        return queue

    def _member(self, request: Request) -> tuple[CallQueue, Waiting]:
        queue = self._queue(request)
        one = queue.member(request.path_params["member"])
        if one is None:
            raise missing(request)
        return queue, one

    def _name(self, fields: Fields) -> str:
        name = fields.get("FriendlyName") or ""
        if not 0 < len(name) <= _MAX_NAME:
            raise bad(20001, f"FriendlyName has 1 to {_MAX_NAME} characters")
        return name

    async def list_queues(self, request: Request, fields: Fields) -> Reply:
        """List, the newest first."""
        queues = reversed(self._queues.by_sid.values())
        shown = [queue_json(self._account, queue) for queue in queues]
        return 200, page(request, fields, "queues", shown)

    async def create_queue(self, _request: Request, fields: Fields) -> Reply:
        """Make one."""
        name = self._name(fields)
        size = fields.number("MaxSize", 1000, 1, MAX_QUEUE_SIZE)
        if self._queues.named(name) is not None:
            raise bad(22003, "There is a queue of this name already")
        return 201, queue_json(self._account, self._queues.make(name, size))

    async def show_queue(self, request: Request, _fields: Fields) -> Reply:
        """Show one."""
        return 200, queue_json(self._account, self._queue(request))

    async def update_queue(self, request: Request, fields: Fields) -> Reply:
        """Change name or size."""
        queue = self._queue(request)
        name = queue.friendly_name if fields.get("FriendlyName") is None else self._name(fields)
        queue.max_size = fields.number("MaxSize", queue.max_size, 1, MAX_QUEUE_SIZE)
        queue.friendly_name = name
        return 200, queue_json(self._account, queue)

    async def delete_queue(self, request: Request, _fields: Fields) -> Reply:
        """Remove an empty one."""
        queue = self._queue(request)
        if queue.members:
            raise bad(20001, "The queue is not empty")
        del self._queues.by_sid[queue.sid]
        return 204, None

    async def list_members(self, request: Request, fields: Fields) -> Reply:
        """List, the longest waiting first."""
        queue = self._queue(request)
        shown = [member_json(self._account, queue, one) for one in queue.members]
        return 200, page(request, fields, "queue_members", shown)

    async def show_member(self, request: Request, _fields: Fields) -> Reply:
        """Show one, by call SID or as `Front`."""
        queue, one = self._member(request)
        return 200, member_json(self._account, queue, one)

    async def update_member(self, request: Request, fields: Fields) -> Reply:
        """Take one out and let it go on with another document."""
        queue, one = self._member(request)
        url = fields.address("Url")
        if url is None:
            raise bad(21205, "Url is required")
        shown = member_json(self._account, queue, one)
        queue.leave(one)
        one.call.redirect(Document(url=url, method=fields.method("Method"), purpose="redirect"))
        return 200, shown
