# The answer of hello.js as a WSGI application, and /exchange: reads what is sent and answers with EXCHANGE_BYTES, more than
# the kernel takes for a client that reads slowly.
EXCHANGE_BYTES = 2 * 1024 * 1024
EXCHANGE = b"x" * EXCHANGE_BYTES


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/exchange":
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        content = EXCHANGE
    else:
        content = b"Hello from %s\n" % path.encode("latin-1")
    start_response(
        "200 OK",
        [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(content)))],
    )
    return [content]
