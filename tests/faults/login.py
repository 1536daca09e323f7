"""The part of a login that the proxy does itself: TLS with the client, plain text with TiDB."""

import asyncio
import socket
import ssl
from asyncio import StreamReader, StreamWriter

from tests.faults.packets import HEADER, read_packet

# The flag of the handshake's capabilities, in their second byte.
CLIENT_SSL = 0x08
# A client's request for TLS has nothing but the first fields of its login.
SSL_REQUEST = HEADER + 32
OK, ERROR = 0x00, 0xFF


async def streams(
    accepted: socket.socket, tls: ssl.SSLContext | None = None
) -> tuple[StreamReader, StreamWriter]:
    """An accepted socket as streams; with `tls`, after the handshake."""
    loop = asyncio.get_running_loop()
    reader = StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted, ssl=tls)
    return reader, StreamWriter(transport, protocol, reader, loop)


async def accept_tls(
    accepted: socket.socket, tls: ssl.SSLContext, answers: StreamReader, server: StreamWriter
) -> tuple[StreamReader, StreamWriter]:
    """The client's streams after its login by TLS. Raises OSError or IncompleteReadError."""
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(accepted, _offering_tls(await read_packet(answers)))
        # Not a byte more: what follows is TLS.
        left = SSL_REQUEST
        while left:
            received = await loop.sock_recv(accepted, left)
            if not received:
                raise ConnectionError("the client has gone")
            left -= len(received)
    except BaseException:
        accepted.close()
        raise
    reader, client = await streams(accepted, tls)
    # TiDB knows nothing of the request for TLS, so its packets are numbered one lower.
    response = bytearray(await read_packet(reader))
    response[HEADER + 1] &= ~CLIENT_SSL
    while True:
        response[HEADER - 1] -= 1
        server.write(response)
        answer = bytearray(await read_packet(answers))
        answer[HEADER - 1] += 1
        client.write(answer)
        if answer[HEADER] in {OK, ERROR}:
            return reader, client
        response = bytearray(await read_packet(reader))


def _offering_tls(greeting: bytes) -> bytes:
    """The server's greeting with the flag set: behind the version, a connection id, a salt and a zero."""
    changed = bytearray(greeting)
    changed[greeting.index(0, HEADER + 1) + 1 + 4 + 8 + 1 + 1] |= CLIENT_SSL
    return bytes(changed)
