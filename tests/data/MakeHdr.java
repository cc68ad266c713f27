/*
 * Records what HdrHistogram itself writes, for tests/unit/test_hdr_log.c and tests/cli/test_hdr.py:
 *
 *     apt-get install default-jdk-headless libhdrhistogram-java
 *     java -cp /usr/share/java/hdrhistogram.jar tests/data/MakeHdr.java >tests/data/hdr.tsv
 *
 * HdrHistogram 2.1.11, as Debian 12 has it; histograms of 1 to 2^42 with 3 digits. A line: a name,
 * what was recorded (COUNTxVALUE ...), the encoding before compression (hexadecimal), the compressed
 * one (base64), and total, p50, p99 and maximum as HdrHistogram reads them.
 */
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import org.HdrHistogram.Histogram;

public class MakeHdr {
	static String hex(byte[] bytes) {
		StringBuilder text = new StringBuilder();
		for (byte b : bytes)
			text.append(String.format("%02x", b));
		return text.toString();
	}

	static void line(String name, long... pairs) {
		Histogram h = new Histogram(1L, 1L << 42, 3);
		StringBuilder records = new StringBuilder();
		for (int i = 0; i < pairs.length; i += 2) {
			h.recordValueWithCount(pairs[i + 1], pairs[i]);
			records.append(i > 0 ? " " : "").append(pairs[i]).append('x').append(pairs[i + 1]);
		}
		ByteBuffer plain = ByteBuffer.allocate(h.getNeededByteBufferCapacity());
		int plainBytes = h.encodeIntoByteBuffer(plain);
		ByteBuffer packed = ByteBuffer.allocate(h.getNeededByteBufferCapacity());
		int packedBytes = h.encodeIntoCompressedByteBuffer(packed);
		System.out.println(String.join("\t", name, records,
			hex(Arrays.copyOf(plain.array(), plainBytes)),
			Base64.getEncoder().encodeToString(Arrays.copyOf(packed.array(), packedBytes)),
			Long.toString(h.getTotalCount()), Long.toString(h.getValueAtPercentile(50)),
			Long.toString(h.getValueAtPercentile(99)), Long.toString(h.getMaxValue())));
	}

	static long[] squares(int n, long step) {
		long[] pairs = new long[2 * n];
		for (int i = 0; i < n; i++) {
			pairs[2 * i] = 1 + i % 3;
			pairs[2 * i + 1] = (long) i * i * step;
		}
		return pairs;
	}

	public static void main(String[] args) {
		line("nothing");
		line("zero", 1, 0);
		line("one", 1, 1);
		line("largest", 1, (1L << 42) - 1);
		line("neighbours", 1, 5, 2, 6, 3, 7);
		line("gap of one", 1, 5, 1, 7);
		line("gap of two", 1, 5, 1, 8);
		line("edges of buckets", 1, 2047, 1, 2048, 1, 2049, 1, 4095, 1, 4096, 1, 4099);
		line("counts of all lengths", 1, 1, 63, 2, 64, 3, 8191, 4, 8192, 5, 1L << 20, 6, 1L << 27, 7,
			1L << 34, 8, 1L << 41, 9, 1L << 48, 10, 1L << 55, 11, 1L << 61, 12);
		line("squares", squares(300, 1));
		line("milliseconds", squares(200, 12345));
		line("one stall", 10000, 1000000, 3, 1000000000, 1, 60000000000L);
	}
}
