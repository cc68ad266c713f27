/* Reading another process's memory, by process_vm_readv: nothing is stopped, nothing written. */
#ifndef CULPRIT_NATIVE_REMOTE_H
#define CULPRIT_NATIVE_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All `size` bytes, or false with errno (EFAULT: not mapped; ESRCH: gone; EPERM: no right). */
bool remote_read(pid_t pid, uint64_t address, void *into, size_t size);
/* A NUL-terminated text of at most size - 1 bytes; cut there. */
bool remote_read_text(pid_t pid, uint64_t address, char *into, size_t size);

#endif
