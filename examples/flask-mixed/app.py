"""The application of "How to use machine learning to optimise an application", in Python 3: one path
bound by waiting, one bound by CPU, and a mix of both. Every cost is a query parameter."""
import json
import math
import random
import time

from flask import Flask, request

app = Flask(__name__)


@app.route("/io")
def io_bound_request():
    io_bound_time = random.lognormvariate(
        math.log(float(request.args["mean_response_time"])),
        float(request.args["std_response_time"]))
    time.sleep(float(request.args["min_response_time"]) + io_bound_time)
    return "ok"


@app.route("/cpu")
def cpu_bound_request():
    json_object_length = int(float(request.args["json_object_length"]))
    json.dumps({str(x): x for x in range(json_object_length)})
    return "ok"


@app.route("/")
def make_requests():
    if random.random() > float(request.args["fraction_io_bound"]):
        return cpu_bound_request()
    return io_bound_request()


@app.route("/health")
def health():
    return "ok"
