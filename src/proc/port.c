#include "proc/port.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "proc/tree.h"

bool port_is_local(const struct sock_address *address)
{
	struct sock_address any_port = *address;
	int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool local;

	if (fd < 0)
		return false;
	if (address->storage.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&any_port.storage)->sin6_port = 0;
	else
		((struct sockaddr_in *)&any_port.storage)->sin_port = 0;
	/* only an address of this machine can be bound to */
	local = !bind(fd, (struct sockaddr *)&any_port.storage, any_port.len);
	close(fd);
	return local;
}

/* An IP address as IPv6 has it (IPv4 mapped), and a port. */
struct place {
	struct in6_addr ip;
	unsigned port;
};

static void map_v4(struct in6_addr *out, uint32_t v4)
{
	*out = (struct in6_addr){0};
	out->s6_addr32[2] = htonl(0xffff);
	out->s6_addr32[3] = v4;
}

static struct place place_of(const struct sock_address *a)
{
	struct place p = {0};

	if (a->storage.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->storage;

		p.ip = in6->sin6_addr;
		p.port = ntohs(in6->sin6_port);
	} else {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&a->storage;

		map_v4(&p.ip, in->sin_addr.s_addr);
		p.port = ntohs(in->sin_port);
	}
	return p;
}

/* Eight hexadecimal digits a word, each word in the machine's byte order; then ":" and the port. */
static bool read_place(const char *text, bool v6, struct place *out)
{
	char word[9] = "";

	for (int i = 0; i < (v6 ? 4 : 1); i++, text += 8) {
		memcpy(word, text, 8);
		if (strspn(word, "0123456789ABCDEFabcdef") != 8)
			return false;
		if (v6)
			out->ip.s6_addr32[i] = (uint32_t)strtoul(word, NULL, 16);
		else
			map_v4(&out->ip, (uint32_t)strtoul(word, NULL, 16));
	}
	out->port = *text == ':' ? (unsigned)strtoul(text + 1, NULL, 16) : 0;
	return out->port != 0;
}

static bool leads_to(const struct place *wanted, const struct place *listener)
{
	struct in6_addr any4;

	map_v4(&any4, 0);
	return wanted->port == listener->port &&
	       (!memcmp(&wanted->ip, &listener->ip, sizeof(wanted->ip)) ||
		       IN6_IS_ADDR_UNSPECIFIED(&listener->ip) ||
		       (IN6_IS_ADDR_V4MAPPED(&wanted->ip) &&
			       !memcmp(&any4, &listener->ip, sizeof(any4))));
}

/* One line of /proc/net/tcp: sl local remote state tx:rx tr:when retrnsmt uid timeout inode …
 * False where it does not listen. */
static bool read_line(char *line, bool v6, struct place *listener, uint64_t *inode)
{
	enum { LOCAL = 1, STATE = 3, INODE = 9, FIELDS };
	char *field[FIELDS] = {0}, *rest = NULL;
	int n = 0;

	for (char *p = strtok_r(line, " \n", &rest); p && n < FIELDS; n++) {
		field[n] = p;
		p = strtok_r(NULL, " \n", &rest);
	}
	if (n < FIELDS || strcmp(field[STATE], "0A") != 0 ||
		strlen(field[LOCAL]) < (v6 ? 34u : 10u) || !read_place(field[LOCAL], v6, listener))
		return false;
	*inode = strtoull(field[INODE], NULL, 10);
	return true;
}

/* All that listens and is wanted, as far as there is room. */
static void read_listeners(struct port_sockets *out,
	bool (*wanted)(void *arg, const struct place *listener, uint64_t inode), void *arg)
{
	static const char *const FILES[] = {"/proc/net/tcp", "/proc/net/tcp6"};

	out->n = 0;
	for (int v6 = 0; v6 < 2; v6++) {
		FILE *file = fopen(FILES[v6], "re");
		struct place listener;
		uint64_t inode;
		char *line = NULL;
		size_t cap = 0;

		while (file && getline(&line, &cap, file) > 0)
			if (read_line(line, v6, &listener, &inode) &&
				wanted(arg, &listener, inode) &&
				out->n < sizeof(out->inodes) / sizeof(out->inodes[0]))
				out->inodes[out->n++] = inode;
		free(line);
		if (file)
			fclose(file);
	}
}

static bool is_led_to(void *arg, const struct place *listener, uint64_t inode)
{
	(void)inode;
	return leads_to(arg, listener);
}

void port_listeners(const struct sock_address *address, struct port_sockets *out)
{
	struct place wanted = place_of(address);

	read_listeners(out, is_led_to, &wanted);
}

bool port_has(const struct port_sockets *sockets, uint64_t inode)
{
	bool found = false;

	for (size_t i = 0; i < sockets->n; i++)
		found |= sockets->inodes[i] == inode;
	return found;
}

uint64_t port_inode(const char *link)
{
	return strncmp(link, "socket:[", 8) ? 0 : strtoull(link + 8, NULL, 10);
}

/* Calls `each` with the inode of every socket of a process until it says true; whether it did. */
static bool any_socket(pid_t pid, bool (*each)(void *arg, uint64_t inode), void *arg, bool *hidden)
{
	char path[320], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	if (!folder) {
		*hidden |= errno == EACCES || errno == EPERM;
		return false;
	}
	while (!found && (entry = readdir(folder))) {
		uint64_t inode;
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		inode = port_inode(target);
		found = inode && each(arg, inode);
	}
	closedir(folder);
	return found;
}

struct own_sockets {
	unsigned port;
	uint64_t *inodes;
	size_t n, cap;
};

static bool add_socket(void *arg, uint64_t inode)
{
	struct own_sockets *own = arg;

	own->inodes = mem_grow(own->inodes, &own->cap, own->n + 1, sizeof(*own->inodes));
	own->inodes[own->n++] = inode;
	return false;
}

static bool is_own(void *arg, const struct place *listener, uint64_t inode)
{
	const struct own_sockets *own = arg;
	bool found = false;

	for (size_t i = 0; i < own->n; i++)
		found |= own->inodes[i] == inode;
	return found && (!own->port || own->port == listener->port);
}

void port_listeners_of(pid_t pid, unsigned port, struct port_sockets *out)
{
	struct own_sockets own = {.port = port};
	bool hidden = false;

	any_socket(pid, add_socket, &own, &hidden);
	read_listeners(out, is_own, &own);
	free(own.inodes);
}

static bool is_one_of(void *arg, uint64_t inode)
{
	return port_has(arg, inode);
}

static bool holds(pid_t pid, const struct port_sockets *sockets, bool *hidden)
{
	return any_socket(pid, is_one_of, (void *)sockets, hidden);
}

static pid_t holder_anywhere(const struct port_sockets *sockets, bool *hidden)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (folder && !found && (entry = readdir(folder))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && holds(pid, sockets, hidden))
			found = pid;
	}
	if (folder)
		closedir(folder);
	return found;
}

pid_t port_holder(const struct port_sockets *sockets, pid_t root, bool *hidden)
{
	struct process_tree tree = {0};
	pid_t found = 0;

	*hidden = false;
	if (!root)
		return holder_anywhere(sockets, hidden);
	process_tree_read(&tree, root);
	for (size_t i = 0; i < tree.n && !found; i++)
		if (holds(tree.items[i].pid, sockets, hidden))
			found = tree.items[i].pid;
	process_tree_release(&tree);
	return found;
}
