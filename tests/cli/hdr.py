"""A reader of HdrHistogram's interval logs (version 1.3, V2 encoding), written from the format's
documentation and independently of src/stats/hdr_log.c. Standard library only."""
import base64
import math
import re
import struct
import zlib

COOKIE, COOKIE_COMPRESSED = 0x1c849303, 0x1c849304


class Histogram:
    """`counts`: {index of the bucket: count}."""

    def __init__(self, encoded):
        packed = base64.b64decode(encoded, validate=True)
        cookie, length = struct.unpack_from(">ii", packed)
        if cookie & ~0xf0 != COOKIE_COMPRESSED or length != len(packed) - 8:
            raise ValueError("not a compressed V2 encoding")
        plain = zlib.decompress(packed[8:])
        (cookie, length, self.offset, self.digits, self.lowest, self.highest,
         self.ratio) = struct.unpack_from(">iiiiqqd", plain)
        if cookie & ~0xf0 != COOKIE or length != len(plain) - 40:
            raise ValueError("not a V2 encoding")
        self.sub_bits = math.ceil(math.log2(2 * 10 ** self.digits))
        self.unit_bits = int(math.log2(self.lowest))
        self.counts = {}
        index = 0
        for number in self._numbers(plain[40:]):
            if number < 0:
                index -= number
                continue
            if number:
                self.counts[index] = number
            index += 1
        self.total = sum(self.counts.values())

    @staticmethod
    def _numbers(data):
        at = 0
        while at < len(data):
            value = shift = 0
            for nth in range(9):
                byte = data[at]
                at += 1
                value |= (byte if nth == 8 else byte & 0x7f) << shift
                shift += 7
                if nth == 8 or not byte & 0x80:
                    break
            yield value >> 1 ^ -(value & 1)

    def highest_equivalent(self, index):
        """The largest value that falls into the bucket."""
        half = 1 << self.sub_bits - 1
        bucket = max(index // half - 1, 0)
        low = index - bucket * half << bucket + self.unit_bits
        return low + (1 << bucket + self.unit_bits) - 1

    def percentile(self, percent):
        wanted = max(math.ceil(percent / 100 * self.total * (1 - 1e-12)), 1)
        seen = 0
        for index, count in sorted(self.counts.items()):
            seen += count
            if seen >= wanted:
                return self.highest_equivalent(index)
        return 0

    def add(self, other):
        for index, count in other.counts.items():
            self.counts[index] = self.counts.get(index, 0) + count
        self.total += other.total


class Interval:
    def __init__(self, line):
        found = re.fullmatch(r"(?:Tag=([^, ]+),)?(\d+\.\d+),(\d+\.\d+),(\d+\.\d+),(\S+)", line)
        if not found:
            raise ValueError(f"not an interval: {line[:80]}")
        self.tag = found[1]
        self.start_s, self.seconds, self.max_ms = map(float, found.group(2, 3, 4))
        self.histogram = Histogram(found[5])


def read_log(text):
    """(wall-clock start in seconds, [Interval ...])"""
    lines = text.splitlines()
    comments = [line for line in lines if line.startswith("#")]
    if "#[Histogram log format version 1.3]" not in comments:
        raise ValueError("no format version 1.3")
    start, = [float(m[1]) for c in comments if (m := re.match(r"#\[StartTime: ([\d.]+) ", c))]
    rest = [line for line in lines if not line.startswith("#")]
    legend = rest.pop(0)
    if legend.replace('"', "") != \
            "StartTimestamp,Interval_Length,Interval_Max,Interval_Compressed_Histogram":
        raise ValueError(f"not the legend: {legend}")
    return start, [Interval(line) for line in rest]
