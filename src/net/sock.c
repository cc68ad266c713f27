#include "net/sock.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"

int sock_resolve(const char *host, const char *port, struct sock_address *out, size_t max,
	size_t *n, struct err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	int rc = getaddrinfo(host, port, &hints, &list);

	*n = 0;
	if (rc == EAI_SYSTEM)
		return err_errno(err, ERR_SERVICE, errno, "cannot resolve the host '%s'", host);
	if (rc)
		return err_set(err, ERR_SERVICE, "cannot resolve the host '%s': %s; check its name",
			host, gai_strerror(rc));
	for (struct addrinfo *a = list; a && *n < max; a = a->ai_next) {
		if (a->ai_addrlen > sizeof(out->storage))
			continue;
		memcpy(&out[*n].storage, a->ai_addr, a->ai_addrlen);
		out[(*n)++].len = a->ai_addrlen;
	}
	freeaddrinfo(list);
	if (!*n)
		return err_set(err, ERR_SERVICE, "the host '%s' has no address", host);
	return 0;
}

int sock_unix(const char *path, struct sock_address *out, struct err *err)
{
	struct sockaddr_un *un = (void *)&out->storage;
	bool abstract = *path == '@';
	size_t len = strlen(path), max = sizeof(un->sun_path) - !abstract;

	*out = (struct sock_address){0};
	if (len <= abstract)
		return err_set(err, ERR_USAGE,
			"the name of the Unix socket is empty; write its path, or @name");
	if (len > max)
		return err_set(err, ERR_USAGE,
			"%s: the path of a Unix socket has at most %zu bytes, this one %zu; use a "
			"shorter one (a link to its folder, or a relative path)",
			path, max, len);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len);
	if (abstract)
		un->sun_path[0] = '\0';
	/* An abstract name is all of its bytes; a path ends with its NUL. */
	out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + !abstract);
	return 0;
}

int sock_parse_source(const char *text, struct sock_address *out, struct err *err)
{
	struct sockaddr_in *four = (void *)&out->storage;
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET6}, *list = NULL;
	char host[INET6_ADDRSTRLEN + 32]; /* a zone may follow: fe80::1%eth0 */
	size_t len = strlen(text), bracket = len > 2 && text[0] == '[' && text[len - 1] == ']';

	*out = (struct sock_address){0};
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		out->len = sizeof(*four);
		return 0;
	}
	if (len < sizeof(host) && memchr(text, ':', len)) {
		len -= 2 * bracket;
		memcpy(host, text + bracket, len);
		host[len] = '\0';
		if (!getaddrinfo(host, NULL, &hints, &list)) {
			memcpy(&out->storage, list->ai_addr, list->ai_addrlen);
			out->len = list->ai_addrlen;
			freeaddrinfo(list);
			return 0;
		}
	}
	return err_set(err, ERR_USAGE,
		"'%s' is no IP address to connect from; write one of this machine's own, as "
		"127.0.0.2 or ::1, without a port",
		text);
}

int sock_check_source(const char *text, const struct sock_address *from, struct err *err)
{
	int fd = socket(from->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&from->storage, from->len))
		rc = err_errno(err, ERR_SYSTEM, errno,
			"cannot connect from %s; `ip address` lists what this machine has", text);
	if (fd >= 0)
		close(fd);
	return rc;
}

size_t sock_pick(const struct sock_address *addresses, size_t n, uint64_t timeout_ns)
{
	for (size_t i = 0; n > 1 && i < n; i++) {
		int fd = sock_connect(&addresses[i]);
		struct pollfd p = {.fd = fd, .events = POLLOUT};

		if (fd < 0)
			continue;
		int ready = poll(&p, 1, (int)(timeout_ns / NS_PER_MS)), error = sock_error(fd);

		close(fd);
		if (ready == 1 && !error)
			return i;
	}
	return 0;
}

static void set_option(int fd, int level, int name)
{
	int on = 1;

	setsockopt(fd, level, name, &on, sizeof(on));
}

static bool is_inet(int family)
{
	return family == AF_INET || family == AF_INET6;
}

/* Without a port: that one is chosen when the destination is known. */
static int bind_source(int fd, const struct sock_address *to, const struct sock_address *from)
{
	if (from->storage.ss_family != to->storage.ss_family || !is_inet(from->storage.ss_family)) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
	return bind(fd, (const struct sockaddr *)&from->storage, from->len);
}

int sock_connect_from(const struct sock_address *to, const struct sock_address *from)
{
	int fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	if (is_inet(to->storage.ss_family))
		set_option(fd, IPPROTO_TCP, TCP_NODELAY);
	if ((!from || !bind_source(fd, to, from)) &&
		(!connect(fd, (const struct sockaddr *)&to->storage, to->len) ||
			errno == EINPROGRESS))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

int sock_connect(const struct sock_address *to)
{
	return sock_connect_from(to, NULL);
}

int sock_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) ? errno : error;
}

/* Splits "host:port" into host (without brackets) and a pointer to the port. */
static const char *split_bind(const char *text, char host[256])
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!colon || len >= 256)
		return NULL;
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return NULL;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	return colon + 1;
}

int sock_listen(const char *bind_to, int backlog, struct err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
	char host[256];
	const char *port = split_bind(bind_to, host);
	int64_t number;
	int fd = -1, rc, error;

	if (!port || num_parse_int(port, 0, 65535, "port", &number, NULL))
		return err_set(err, ERR_USAGE,
			"'%s' is no address to listen on; write host:port, as 127.0.0.1:5001",
			bind_to);
	rc = getaddrinfo(*host ? host : NULL, port, &hints, &list);
	if (rc)
		return err_set(
			err, ERR_USAGE, "cannot listen on '%s': %s", bind_to, gai_strerror(rc));
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		set_option(fd, SOL_SOCKET, SO_REUSEADDR);
		set_option(fd, IPPROTO_TCP, TCP_NODELAY); /* accepted sockets inherit it */
	}
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) || listen(fd, backlog)) {
		error = errno;
		rc = err_errno(err, error == EADDRINUSE ? ERR_BUSY : ERR_SYSTEM, error,
			"cannot listen on %s%s", bind_to,
			error == EADDRINUSE      ? " (another program has the port; choose another)"
			: error == EADDRNOTAVAIL ? " (`ip address` lists what this machine has)"
						 : "");
		if (fd >= 0)
			close(fd);
		fd = rc;
	}
	freeaddrinfo(list);
	return fd;
}

char *sock_text(const struct sock_address *address, char out[SOCK_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (address->storage.ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const void *)&address->storage;

		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		snprintf(out, SOCK_TEXT, "[%s]:%u", host, ntohs(six->sin6_port));
	} else if (address->storage.ss_family == AF_UNIX) {
		const struct sockaddr_un *un = (const void *)&address->storage;
		size_t head = offsetof(struct sockaddr_un, sun_path);
		bool abstract = address->len > head && !un->sun_path[0];
		size_t len = address->len > head + abstract ? address->len - head - abstract : 0;

		snprintf(out, SOCK_TEXT, "unix:%s%.*s", abstract ? "@" : "",
			(int)strnlen(un->sun_path + abstract, len), un->sun_path + abstract);
	} else {
		const struct sockaddr_in *four = (const void *)&address->storage;

		inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
		snprintf(out, SOCK_TEXT, "%s:%u", host, ntohs(four->sin_port));
	}
	return out;
}

char *sock_local_text(int fd, char out[SOCK_TEXT])
{
	struct sock_address address = {.len = sizeof(address.storage)};

	getsockname(fd, (struct sockaddr *)&address.storage, &address.len);
	return sock_text(&address, out);
}

static size_t count_open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	if (!dir)
		return 32; /* no /proc: a guess on the safe side */
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

int sock_make_room(size_t need, const char *what, struct err *err)
{
	struct rlimit limit;
	rlim_t total = need + count_open_files();

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return err_errno(err, ERR_SYSTEM, errno, "cannot read the limit of open files");
	if (limit.rlim_cur >= total)
		return 0;
	struct rlimit wanted = {
		.rlim_cur = total, .rlim_max = limit.rlim_max > total ? limit.rlim_max : total};

	if (!setrlimit(RLIMIT_NOFILE, &wanted))
		return 0;
	return err_set(err, ERR_SYSTEM,
		"%s need %llu open files, and this process may have %llu; raise the limit "
		"(ulimit -n %llu) or ask for fewer",
		what, (unsigned long long)total, (unsigned long long)limit.rlim_max,
		(unsigned long long)total);
}
