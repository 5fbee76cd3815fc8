"""Settings for a site that is on the net by itself: nothing stands in front of Portcullis.

What a front proxy would be told is told to the policy instead: names of the site in /request/hosts, limits in /request.
"""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
# For what is made while it runs; `$DATA_DIR` lets the code stay read-only.
DATA_DIR = Path(os.environ.get("DATA_DIR", BASE_DIR))


def secret_key():
    """From a file that `manage.py migrate` makes: all workers, and all starts, need the same."""
    file = DATA_DIR / "secret-key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(get_random_secret_key())
    return file.read_text()


SECRET_KEY = os.environ.get("SECRET_KEY") or secret_key()
DEBUG = False

# The edge refuses a Host that is none (400), and with /request/hosts in the policy every other name (421). This is the second
# lock: it keeps a forged Host out of links in mails where that key was forgotten.
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

# With HTTPS, served by Portcullis or in front of it, set HTTPS=1: cookies then travel over TLS alone. There is nobody whose
# X-Forwarded-Proto could be believed, and none arrives: the edge removes it and says the scheme in wsgi.url_scheme. So
# SECURE_PROXY_SSL_HEADER and USE_X_FORWARDED_HOST stay unset, with a trusted proxy (/clients/trustedProxies) too.
HTTPS = os.environ.get("HTTPS") == "1"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "notes",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"

# Standard error of a worker is the error log. Without this, Django with DEBUG off mails errors to ADMINS and logs nothing.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
