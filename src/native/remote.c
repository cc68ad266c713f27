#include "native/remote.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

/* Pages that another process can take away end a text, not the one it began in. */
enum { PAGE_BYTES = 4096 };

bool remote_read(pid_t pid, uint64_t address, void *into, size_t size)
{
	struct iovec local = {into, size};
	struct iovec there = {(void *)(uintptr_t)address, size};
	ssize_t n;

	if (!size)
		return true;
	if (address + size < address) {
		errno = EFAULT;
		return false;
	}
	n = process_vm_readv(pid, &local, 1, &there, 1, 0);
	if (n >= 0 && (size_t)n < size)
		errno = EFAULT;
	return n >= 0 && (size_t)n == size;
}

bool remote_read_text(pid_t pid, uint64_t address, char *into, size_t size)
{
	size_t had = 0;

	if (!size)
		return false;
	while (had < size - 1) {
		size_t to_page = PAGE_BYTES - (size_t)((address + had) % PAGE_BYTES);
		size_t n = size - 1 - had < to_page ? size - 1 - had : to_page;

		if (!remote_read(pid, address + had, into + had, n)) {
			into[had] = '\0';
			return false;
		}
		if (memchr(into + had, '\0', n))
			return true;
		had += n;
	}
	into[had] = '\0';
	return true;
}
