"""The service manager's end: prints each datagram of NOTIFY_SOCKET as one JSON line, and closes the descriptors in it."""
import array
import json
import os
import socket
import sys

path = sys.argv[1]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(path)
os.chmod(path, 0o777)
print(json.dumps("listening"), flush=True)
while True:
    data, ancillary, _, _ = manager.recvmsg(65536, 4096)
    for _, _, payload in ancillary:
        descriptors = array.array("i")
        descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
        for descriptor in descriptors:
            os.close(descriptor)
    print(json.dumps(data.decode()), flush=True)
