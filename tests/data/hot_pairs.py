"""A deep recursion under two hot pairs of leaves: a calls b, c calls d. Any stack with d under a, b under c, a gap in
the recursion or another depth than asked for never was.

    hot_pairs.py plain|generators|coroutines DEPTH

Says when it has reached the bottom, and the lines of the calls: "ready A C DEEPER"."""
import sys


def numbers(function, *words):
    """The lines of this file that hold these words."""
    first = function.__code__.co_firstlineno
    with open(__file__) as file:
        lines = file.read().split("\n")
    return [next(i for i in range(first, len(lines)) if word in lines[i]) + 1 for word in words]


def ready(rec):
    print("ready", *numbers(rec, "# to a", "# to c", "# deeper"), flush=True)


def plain():
    def b():
        x = 1
        y = x + 1
        return y

    def d():
        x = 1
        y = x + 1
        return y

    def a():
        return b()

    def c():
        return d()

    def rec(n):
        if n:
            rec(n - 1)  # deeper
        ready(rec)
        while True:
            a()  # to a
            c()  # to c
    return rec


def generators():
    def b():
        x = 1
        yield x
        yield x + 1

    def d():
        x = 1
        yield x
        yield x + 1

    def a():
        yield from b()

    def c():
        yield from d()

    def rec(n):
        if n:
            rec(n - 1)  # deeper
        ready(rec)
        while True:
            for _ in a():  # to a
                pass
            for _ in c():  # to c
                pass
    return rec


def coroutines():
    async def b():
        x = 1
        y = x + 1
        return y

    async def d():
        x = 1
        y = x + 1
        return y

    async def a():
        return await b()

    async def c():
        return await d()

    async def rec(n):
        if n:
            await rec(n - 1)  # deeper
        ready(rec)
        while True:
            await a()  # to a
            await c()  # to c
    return lambda n: rec(n).send(None)


depth = int(sys.argv[2])
sys.setrecursionlimit(depth + 1000)
{"plain": plain, "generators": generators, "coroutines": coroutines}[sys.argv[1]]()(depth)
