"""Threads that sleep, each below another shape of Python. Says what sys._current_frames() has of each: "thread IDENT",
then its frames, innermost first: "name line", then "end"; at last "ready"."""
import asyncio
import contextlib
import functools
import sys
import threading
import time

wake = threading.Event()
started = threading.Semaphore(0)


def sleep(*_):
    started.release()
    wake.wait()
    return 0


def plain():
    return sleep()


def recursion(n=40):
    return recursion(n - 1) if n else sleep()


def generator():
    def inner():
        yield 1
        yield sleep()
    return list(inner())


def delegating():
    def inner():
        yield from (sleep() for _ in range(1))

    def outer():
        yield from inner()
    for _ in outer():
        pass


def comprehension():
    return [[sleep() for _ in range(1)] for _ in range(1)]


def set_and_dict():
    return {k: v for k, v in zip("a", (sleep() for _ in "b"))}


def decorated():
    def twice(f):
        @functools.wraps(f)
        def wrapper(*args, **more):
            return f(*args, **more)
        return wrapper

    @twice
    @twice
    def work(a, b=2):
        return sleep()
    return work(1, b=3)


def sort_key():
    return sorted([1, 2], key=lambda x: sleep())


def mapped():
    return list(map(lambda x: sleep(), [1]))


def partial():
    return functools.partial(functools.partial(sleep, 1), 2)()


def class_body():
    class Inner:
        x = sleep()
    return Inner


def executed():
    exec("def f():\n\n    return sleep()\nf()", {"sleep": sleep})


def evaluated():
    return eval("[sleep()\nfor _ in 'a']", {"sleep": sleep})


def attribute():
    class Lazy:
        def __getattr__(self, name):
            return sleep()
    return Lazy().there_is_none


def constructor():
    class Base:
        def __init__(self):
            sleep()

    class Derived(Base):
        def __init__(self):
            super().__init__()
    return Derived()


def operators():
    class Number:
        def __add__(self, other):
            return sleep()

        def __lt__(self, other):
            return self + other
    return max(Number(), Number())


def context():
    @contextlib.contextmanager
    def manager():
        sleep()
        yield
    with manager():
        pass


def coroutines():
    async def inner():
        return sleep()

    async def middle():
        return await inner()

    async def outer():
        return await asyncio.gather(middle())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(outer())


def async_generator():
    async def numbers():
        yield 1
        yield sleep()

    async def outer():
        return [n async for n in numbers()]
    loop = asyncio.new_event_loop()
    loop.run_until_complete(outer())


def raising():
    try:
        raise ValueError
    except ValueError:
        try:
            1 / 0
        except ZeroDivisionError:
            sleep()
        finally:
            pass


def many_arguments():
    def f(*args, **more):
        return sleep()
    return f(*range(200), **{"a%d" % i: i for i in range(200)})


def destructor():
    class Dying:
        def __del__(self):
            sleep()
    d = Dying()
    del d


def specialised(last=sleep):
    """Each way to call without C between, after it was done so often that the interpreter has specialised it."""
    class Base:
        def __init__(self, then):
            self.then = then

        def method(self, *, way):
            return self.then()

    class Thing(Base):
        def __init__(self, then):
            Base.__init__(self, then)

        @property
        def value(self):
            return self.method(way=1)

        def __getitem__(self, i):
            return self.value

    class Odd(Thing):
        def __getattribute__(self, name):
            return object.__getattribute__(self, "then")() if name == "odd" else object.__getattribute__(self, name)

    def numbers(then):
        yield Thing(then)[1]

    def loop(then):
        for n in numbers(then):
            return n

    def stars(then):
        return loop(*(then,))

    def odd(then):
        return Odd(lambda: stars(then)).odd

    def made(then):
        class Within:
            def __init__(self):
                odd(then)
        return Within()

    def delegating(then):
        yield from (made(then) for _ in range(1))

    async def inner(then):
        return next(delegating(then))

    async def outer(then):
        return await inner(then)

    def sent(then):
        try:
            outer(then).send(None)
        except StopIteration:
            pass
    for _ in range(200):
        sent(lambda: 0)
    sent(last)


def traced():
    def tracer(*_):
        return tracer
    sys.settrace(tracer)
    specialised(lambda: (sys.settrace(None), sleep()))


shapes = [plain, recursion, generator, delegating, comprehension, set_and_dict, decorated, sort_key, mapped, partial,
          class_body, executed, evaluated, attribute, constructor, operators, context, coroutines, async_generator,
          raising, many_arguments, destructor, specialised, traced]
threads = [threading.Thread(target=shape, daemon=True) for shape in shapes]
for thread in threads:
    thread.start()
for thread in threads:
    started.acquire()
time.sleep(.05)
for ident, frame in sys._current_frames().items():
    if ident == threading.get_ident():
        continue
    print("thread", ident)
    while frame:
        code = frame.f_code
        print(getattr(code, "co_qualname", code.co_name), frame.f_lineno or 0)
        frame = frame.f_back
    print("end")
print("ready", len(shapes), flush=True)
sys.stdin.readline()
