"""How h11, an HTTP/1 parser in Python that shares nothing with llhttp, reads the bytes of connections.

Standard input: for each input its length (u32, little endian) and its bytes. Standard output: one line of JSON for each,
`{"messages": [[method, target, minor version, [[name, value], ...], content], ...], "end": ...}`, texts as latin1.
"""

import json
import sys

import h11

# More than any head that the server lets through: h11 has one bound for all of a head.
MOST = 1 << 20


def reading(data):
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST)
    messages = []
    request = None
    content = b""
    connection.receive_data(data)
    while True:
        try:
            event = connection.next_event()
        except (h11.RemoteProtocolError, ValueError):
            # ValueError: a length of thousands of digits, which Python does not convert.
            return messages, "refused"
        if event is h11.NEED_DATA:
            between = request is None and not connection.trailing_data[0]
            return messages, "between" if between else "within"
        if event is h11.PAUSED:
            return messages, "closed"
        if isinstance(event, h11.Request):
            request, content = event, b""
        elif isinstance(event, h11.Data):
            content += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            fields = [[name.decode("latin1"), value.decode("latin1")] for name, value in request.headers]
            version = int(request.http_version.decode("ascii").split(".")[1])
            method, target = request.method.decode("latin1"), request.target.decode("latin1")
            messages.append([method, target, version, fields, content.decode("latin1")])
            request = None
            connection.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return messages, "closed"
            connection.start_next_cycle()
        else:
            return messages, "closed"


def main():
    data = sys.stdin.buffer.read()
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        messages, end = reading(data[at + 4 : at + 4 + size])
        at += 4 + size
        sys.stdout.write(json.dumps({"messages": messages, "end": end}) + "\n")


main()
