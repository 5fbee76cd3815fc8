"""portcullis -w 2 examples.hello_wsgi, or in this folder: portcullis -w 2 hello_wsgi"""


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"Hello from {environ['PATH_INFO']}\n".encode()]
