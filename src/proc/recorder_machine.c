/* What the machine did meanwhile, and the network that the recorded processes share. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "proc/recorder_internal.h"

enum { NET_TEXT = 65536 };

void recorder_machine_init(struct recorder_machine *m, pid_t pid)
{
	*m = (struct recorder_machine){.stat = {-1}, .pressure = {-1}, .net = {-1}, .fds_left = 3};
	if (pid)
		snprintf(m->net_path, sizeof(m->net_path), "/proc/%d/net/dev", (int)pid);
}

/* Busy and stolen time of all cores, from the first line; in ticks. */
static void read_stat(struct recorder_machine *m, double own_s, double *v)
{
	enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };
	double tick_s = 1 / (double)sysconf(_SC_CLK_TCK), field[FIELDS], busy;
	char text[RECORDER_TEXT];
	const char *p = text;

	if (kept_read(&m->stat, "/proc/stat", &m->fds_left, text, sizeof(text)) <= 0)
		return;
	for (int i = 0; i < FIELDS; i++)
		field[i] = (double)scan_count(&p) * tick_s;
	busy = field[USER] + field[NICE] + field[SYSTEM] + field[IRQ] + field[SOFTIRQ];
	v[RECORD_OTHERS] = busy - own_s - (double)clock_process_cpu_ns() / 1e9;
	v[RECORD_STEAL] = field[STEAL];
}

/* "some avg10=0.70 avg60=1.26 avg300=4.00 total=865324886", in microseconds */
static void read_pressure(struct recorder_machine *m, double *v)
{
	char text[RECORDER_TEXT];
	const char *p;

	if (kept_read(&m->pressure, "/proc/pressure/cpu", &m->fds_left, text, sizeof(text)) <= 0)
		return;
	p = strstr(text, "total=");
	if (p)
		v[RECORD_PRESSURE] = (double)scan_count(&p) / 1e6;
}

/* Behind each "name:" the first number is bytes received, the ninth bytes sent. */
static void read_net(struct recorder_machine *m, double *v)
{
	char text[NET_TEXT];
	double in = 0, out = 0;
	const char *p = text;

	if (!m->net_path[0] ||
		kept_read(&m->net, m->net_path, &m->fds_left, text, sizeof(text)) <= 0)
		return;
	while ((p = strchr(p, ':'))) {
		const char *line = strchr(p, '\n');

		in += (double)scan_count(&p);
		for (int i = 0; i < 7; i++)
			scan_count(&p);
		out += (double)scan_count(&p);
		p = line ? line : p;
	}
	v[RECORD_RX] = in;
	v[RECORD_TX] = out;
}

void recorder_machine_read(struct recorder_machine *m, double own_s, double *v)
{
	read_stat(m, own_s, v);
	read_pressure(m, v);
	read_net(m, v);
}

void recorder_machine_release(struct recorder_machine *m)
{
	kept_close(&m->stat, &m->fds_left);
	kept_close(&m->pressure, &m->fds_left);
	kept_close(&m->net, &m->fds_left);
}
