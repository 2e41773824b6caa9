"""The command line."""

import argparse

from libp2p.kad_dht.common import PROTOCOL_ID
from multiaddr import Multiaddr


def read_arguments() -> argparse.Namespace:
    """Ends the program with 2 on bad use."""
    parser = argparse.ArgumentParser(prog="peer.py", allow_abbrev=False)
    parser.add_argument("--listen", metavar="MULTIADDR", type=address, action="append", required=True)
    parser.add_argument("--kad-protocol", metavar="PROTOCOL", type=kad_protocol)
    parser.add_argument("--provide", metavar="KEY", action="append", default=[])
    parser.add_argument("--find", metavar="KEY", action="append", default=[])
    arguments = parser.parse_args()
    if arguments.kad_protocol is None and arguments.provide + arguments.find:
        parser.error(f"--provide and --find take a DHT: --kad-protocol {PROTOCOL_ID}")
    return arguments


def address(text: str) -> Multiaddr:
    try:
        return Multiaddr(text)
    except ValueError as error:
        right = "/ip4/127.0.0.1/tcp/4001 or /ip4/127.0.0.1/udp/4001/quic-v1"
        raise argparse.ArgumentTypeError(f"{error}; right would be {right}") from error


def kad_protocol(text: str) -> str:
    if text != PROTOCOL_ID:
        raise argparse.ArgumentTypeError(
            f"py-libp2p speaks {PROTOCOL_ID} and nothing else: its protocol id is a constant, "
            f"not a setting. Instead of {text}, let all others of this DHT speak {PROTOCOL_ID}"
        )
    return text
