/* The machine that a run was measured on, and whose CPU time was spent where during it. */
#ifndef CULPRIT_PROC_MACHINE_H
#define CULPRIT_PROC_MACHINE_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

/* CPU model, cores, memory, kernel, governor, distribution; git commit and dirty flag of the
 * current folder where there is one; culprit's version. A new reference. */
json_t *machine_describe(void);

/* CPU seconds since boot. */
struct cpu_times {
	double busy, idle, steal; /* whole machine; idle includes iowait */
	double service;           /* the process tree below a pid, its dead children included */
	double self;              /* this process */
	unsigned processes;       /* alive in the tree */
};

/* Reads the clocks; root 0: no service. A process that has gone counts through its parent. */
void cpu_times_read(struct cpu_times *out, pid_t root);

#endif
