"""Tells when the first connection to a peer opens, and when the last one closes."""

from collections import defaultdict

from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from multiaddr import Multiaddr

from output import tell


class Connections(INotifee):
    def __init__(self) -> None:
        # Whole connections, since the library may tell of the end of one more than once.
        self.open: dict[str, set[INetConn]] = defaultdict(set)

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        peer = str(conn.muxed_conn.peer_id)
        if not self.open[peer]:
            tell("connected", peer=peer)
        self.open[peer].add(conn)

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        peer = str(conn.muxed_conn.peer_id)
        if conn in self.open[peer]:
            self.open[peer].remove(conn)
            if not self.open[peer]:
                tell("disconnected", peer=peer)

    # The library calls these too.

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None:
        pass

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None:
        pass

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None:
        pass

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None:
        pass
