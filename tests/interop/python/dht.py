"""What the DHT is asked again and again."""

from collections.abc import Awaitable, Callable
import hashlib
from typing import Any

from libp2p.kad_dht.kad_dht import KadDHT
import trio

from output import note, tell

PAUSE = 1.0
POLL = 0.5
QUERY_LIMIT = 10.0


async def follow_dht(dht: KadDHT, provide: list[str], find: list[str]) -> None:
    """Goes on until it is cancelled."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tell_size, dht)
        for key in provide:
            nursery.start_soon(provide_key, dht, key)
        for key in find:
            nursery.start_soon(find_key, dht, key)


async def tell_size(dht: KadDHT) -> None:
    last = None
    while True:
        peers = dht.get_routing_table_size()
        if peers != last:
            tell("kad", peers=peers)
            last = peers
        await trio.sleep(POLL)


async def provide_key(dht: KadDHT, key: str) -> None:
    # It says whether the record was sent to a peer: nobody acknowledges one.
    while not await attempt(f"provide {key}", lambda: dht.provide(content_key(key))):
        await trio.sleep(PAUSE)
    tell("provided", key=key)


async def find_key(dht: KadDHT, key: str) -> None:
    known: set[str] = set()
    while True:
        found = await attempt(f"find {key}", lambda: dht.find_providers(content_key(key)))
        providers = known | {str(provider.peer_id) for provider in found or []}
        if providers != known:
            known = providers
            tell("found", key=key, providers=sorted(known))
        await trio.sleep(PAUSE)


async def attempt(what: str, query: Callable[[], Awaitable[Any]]) -> Any:
    """A query that fails is told on stderr, and asked again: nobody may be there yet."""
    try:
        with trio.fail_after(QUERY_LIMIT):
            return await query()
    except Exception as error:
        note(f"{what}: {error!r}")
        return None


def content_key(key: str) -> str:
    """The multihash in hexadecimal digits, as the library takes it."""
    sha2_256_of_32_bytes = b"\x12\x20"
    return (sha2_256_of_32_bytes + hashlib.sha256(key.encode()).digest()).hex()
