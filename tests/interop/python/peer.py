"""A peer on py-libp2p: it listens, takes part in a DHT if told to, and prints what happens."""

from argparse import Namespace
from collections.abc import Iterator
import os
import signal
import threading

from libp2p import TLS_PROTOCOL_ID, create_yamux_muxer_option, new_host
from libp2p.abc import IHost
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
from libp2p.network.config import ConnectionConfig
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE_PROTOCOL_ID
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.security.tls.transport import TLSTransport
from libp2p.tools.anyio_service import background_trio_service
from libp2p.transport.quic.exceptions import QUICListenError
from multiaddr import Multiaddr
import trio

from arguments import read_arguments
from connections import Connections
from dht import follow_dht
from output import fail, tell

# Less than the 2 seconds in which the program is to end.
STOP_LIMIT = 1.5


class CannotListen(Exception):
    pass


def main() -> None:
    wanted = read_arguments()
    reasons: list[str] = []
    try:
        trio.run(run_until_signal, wanted)
    except* (CannotListen, QUICListenError) as group:
        reasons = [str(error) for error in single(group)]
    if reasons:
        fail(f"cannot listen on {' and '.join(map(str, wanted.listen))}: {'; '.join(reasons)}")


async def run_until_signal(wanted: Namespace) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, wanted)
            async for _ in signals:
                end_in_time()
                nursery.cancel_scope.cancel()


async def run(wanted: Namespace) -> None:
    host = make_host(wanted.listen)
    host.get_network().register_notifee(Connections())
    async with host.run(listen_addrs=wanted.listen):
        tell_listening(host, wanted.listen)
        if wanted.kad_protocol is None:
            await trio.sleep_forever()
        dht = KadDHT(host, DHTMode.SERVER)
        async with background_trio_service(dht):
            await follow_dht(dht, wanted.provide, wanted.find)


def make_host(listen: list[Multiaddr]) -> IHost:
    key = create_new_key_pair()
    noise = NoiseTransport(key, noise_privkey=create_noise_key_pair().private_key)
    return new_host(
        key_pair=key,
        # By default it would take connections in plain text too.
        sec_opt={NOISE_PROTOCOL_ID: noise, TLS_PROTOCOL_ID: TLSTransport(key)},
        muxer_opt=create_yamux_muxer_option(),
        listen_addrs=listen,
        # By default it would dial whomever it knows until it had 100 connections.
        connection_config=ConnectionConfig(min_connections=0, low_watermark=0),
    )


def tell_listening(host: IHost, listen: list[Multiaddr]) -> None:
    # The library only logs that it could not listen over TCP, and goes on.
    for address in listen:
        if str(address) not in host.get_network().listeners:
            raise CannotListen(f"{address} must be of a known transport, and this machine's, and free")
    for address in host.get_transport_addrs():
        tell("listening", peer=str(host.get_id()), address=str(address))


def end_in_time() -> None:
    """Ends the program with 0 even if the library does not let go of its connections."""
    timer = threading.Timer(STOP_LIMIT, os._exit, [0])
    timer.daemon = True
    timer.start()


def single(group: BaseExceptionGroup) -> Iterator[BaseException]:
    """The errors within groups of groups."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from single(error)
        else:
            yield error


main()
