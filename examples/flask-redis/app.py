"""A small application whose every page asks Redis a few times, as a session, a cart and a counter would."""
import os

import redis
from flask import Flask, request

app = Flask(__name__)
pool = redis.ConnectionPool(host="127.0.0.1", port=int(os.environ.get("REDIS_PORT", "6390")),
                            max_connections=200)


@app.route("/health")
def health():
    return "ok\n"


@app.route("/cart")
def cart():
    store = redis.Redis(connection_pool=pool)
    user = request.args.get("user", "1")
    store.incr("visits")
    items = store.get("cart:" + user)
    if items is None:
        store.set("cart:" + user, "tea, bread")
    total = sum(i * i for i in range(int(request.args.get("work", "200"))))
    return f"{user}: {items or b'new'} {total}\n"
