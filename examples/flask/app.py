"""A small notice board in Flask: a form, a session, an upload, a streamed response and a page that fails.

    portcullis -w 2 app:app
"""

import contextlib
import hashlib
import os
import secrets
import tempfile
from pathlib import Path

from flask import Flask, Response, abort, redirect, render_template_string, request, session, url_for
from markupsafe import Markup


def secret_key():
    """Workers are processes: all have to sign sessions with the same key, or what one of them writes another does not read.

    The first to need it puts it into a file, whole before it has its name; $SECRET_KEY is for several machines.
    """
    if "SECRET_KEY" in os.environ:
        return os.environ["SECRET_KEY"]
    folder = Path(app.instance_path)
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "secret-key"
    with tempfile.NamedTemporaryFile("w", dir=folder) as made:
        print(secrets.token_hex(), file=made, flush=True)
        with contextlib.suppress(FileExistsError):
            os.link(made.name, file)
    return file.read_text().strip()


app = Flask(__name__)
app.config.update(SECRET_KEY=secret_key(), SESSION_COOKIE_SAMESITE="Lax")

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>{{ title }}</title>
<h1>{{ title }}</h1>
{{ content }}
"""

HOME = """
{% if name %}
<p>Signed in as <b id="name">{{ name }}</b>.</p>
<form method="post" action="{{ url_for('leave') }}"><button id="leave">Sign out</button></form>
<form method="post" action="{{ url_for('add') }}"><input name="text" required><button id="add">Add</button></form>
{% else %}
<form method="post" action="{{ url_for('enter') }}"><input name="name" required><button id="enter">Sign in</button></form>
{% endif %}
<ul>{% for note in notes %}<li><a href="{{ url_for('read', title=note) }}">{{ note }}</a>{% endfor %}</ul>
<form method="post" action="{{ url_for('upload') }}" enctype="multipart/form-data">
<input type="file" name="file" required><button id="upload">Upload</button></form>
"""


def page(title, template="{{ text }}", **values):
    return render_template_string(PAGE, title=title, content=Markup(render_template_string(template, **values)))


@app.get("/")
def home():
    # The notes are in the visitor's own session, so that both workers have them.
    return page("Notice board", HOME, name=session.get("name"), notes=session.get("notes", []))


@app.post("/enter")
def enter():
    session["name"] = request.form["name"]
    return redirect(url_for("home"), 303)


@app.post("/leave")
def leave():
    session.clear()
    return redirect(url_for("home"), 303)


@app.post("/notes")
def add():
    if "name" not in session:
        abort(403)
    session["notes"] = session.get("notes", [])[-9:] + [request.form["text"][:80]]
    return redirect(url_for("home"), 303)


@app.get("/notes/<path:title>")
def read(title):
    return page(title, text=f"There are {len(title)} characters in this title.")


@app.post("/upload")
def upload():
    file = request.files["file"]
    digest, size = hashlib.sha256(), 0
    while piece := file.stream.read(65536):
        digest.update(piece)
        size += len(piece)
    return page(file.filename, text=f"{size} bytes, SHA-256 {digest.hexdigest()}")


@app.get("/numbers")
def numbers():
    return Response((f"{number}\n" for number in range(10_000)), mimetype="text/plain")


@app.get("/fail")
def fail():
    raise RuntimeError("this is for the error log alone")


@app.errorhandler(404)
def not_found(_):
    return page("Not found", text="There is no such page."), 404
