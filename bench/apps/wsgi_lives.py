# What it answers tells which process ran a request, and its journal which requests a process had begun when it died. The
# lines are in the kernel's memory once written: kill -9 loses none. As lives.js, line by line.
import os
import time

JOURNAL = os.open(os.environ["LIVES_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
LEAK_BYTES = int(os.environ.get("LIVES_LEAK_BYTES", "0"))
LEAKED = []


def application(environ, start_response):
    request_id = environ.get("HTTP_X_ID")
    note("begun", request_id)
    received = environ["wsgi.input"].read()
    path = environ["PATH_INFO"]
    while path == "/spin":
        pass
    if path.startswith("/wait/"):
        time.sleep(int(path.split("/")[2]) / 1000)
    if LEAK_BYTES > 0:
        LEAKED.append(b"\1" * LEAK_BYTES)
    own = received if environ["REQUEST_METHOD"] == "POST" else b"Hello from %s\n" % path.encode()
    content = b"worker %d\n" % os.getpid() + own
    start_response(
        "200 OK",
        [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(content)))],
    )
    note("ended", request_id)
    return [content]


def note(what, request_id):
    if request_id is not None:
        os.write(JOURNAL, b"%s %s %d\n" % (what.encode(), request_id.encode(), os.getpid()))
