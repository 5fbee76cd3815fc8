# The answer of hello.js from Flask.
from flask import Flask, Response, request

application = Flask(__name__)


@application.route("/", defaults={"path": ""})
@application.route("/<path:path>")
def hello(path):
    return Response(f"Hello from {request.path}\n", content_type="text/plain; charset=utf-8")
