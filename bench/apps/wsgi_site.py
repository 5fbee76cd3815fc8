# A small page, /big (2 MiB: more than the kernel takes for a client that does not read) and uploads, whose bytes it
# counts. As site.js, line by line; "site" is a module of Python's own.
BIG_BYTES = 2 * 1024 * 1024
PIECE_BYTES = 65536
BIG = b"x" * BIG_BYTES


def application(environ, start_response):
    path = environ["PATH_INFO"]
    received = 0
    while True:
        piece = environ["wsgi.input"].read(PIECE_BYTES)
        if not piece:
            break
        received += len(piece)
    content = answer(path, received)
    start_response(
        "200 OK",
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(content)))],
    )
    return [content]


def answer(path, received):
    if path == "/big":
        return BIG
    if path == "/upload":
        return b"%d bytes\n" % received
    return b"Hello from %s\n" % path.encode()
