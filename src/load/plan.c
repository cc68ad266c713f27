/* From what was asked to what the workers need: the address and the bytes of the request. */
#include "load/load_internal.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/http_field.h"

/* A request with more than this is no load test but an upload. */
enum { REQUEST_MAX = 1 << 30, ADDRESSES_MAX = 16 };

static unsigned count_cores(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static bool is_one_of(struct http_slice name, const char *const *names)
{
	for (; *names; names++)
		if (http_is(name, *names))
			return true;
	return false;
}

/* Checks the headers that were given, and which of ours they take the place of. */
static int check_headers(
	const struct opt_list *headers, bool *has_host, bool *has_agent, struct err *err)
{
	static const char *const OURS[] = {"content-length", "transfer-encoding", NULL};

	for (size_t i = 0; i < headers->n; i++) {
		const char *text = headers->items[i];
		struct http_field f;

		if (strchr(text, '\n') || strchr(text, '\r') ||
			!http_field_parse(text, strlen(text), &f))
			return err_set(err, ERR_USAGE,
				"header '%s': it must read 'Name: value', in one line", text);
		if (is_one_of(f.name, OURS))
			return err_set(err, ERR_USAGE,
				"header '%s': the length is computed from the body; leave it out",
				text);
		*has_host |= http_is(f.name, "host");
		*has_agent |= http_is(f.name, "user-agent");
	}
	return 0;
}

static void add_host(struct str *out, const struct url *url)
{
	const char *usual = url->tls ? "443" : "80";

	str_addf(out, strchr(url->host, ':') ? "Host: [%s]" : "Host: %s", url->host);
	if (strcmp(url->port, usual) != 0)
		str_addf(out, ":%s", url->port);
	str_add(out, "\r\n");
}

static int build_request(
	struct str *out, const struct load_spec *spec, const struct url *url, struct err *err)
{
	bool has_host = false, has_agent = false;
	size_t body = spec->body ? strlen(spec->body) : 0;
	int rc = check_headers(&spec->headers, &has_host, &has_agent, err);

	if (rc)
		return rc;
	if (body > REQUEST_MAX)
		return err_set(err, ERR_USAGE, "the body is larger than 1 GiB");
	str_addf(out, "%s ", spec->method);
	str_add(out, url->path);
	str_add(out, " HTTP/1.1\r\n");
	if (!has_host)
		add_host(out, url);
	if (!has_agent)
		str_add(out, "User-Agent: culprit/" CULPRIT_VERSION "\r\n");
	if (!spec->keepalive)
		str_add(out, "Connection: close\r\n");
	if (spec->body || !strcmp(spec->method, "POST") || !strcmp(spec->method, "PUT") ||
		!strcmp(spec->method, "PATCH"))
		str_addf(out, "Content-Length: %zu\r\n", body);
	for (size_t i = 0; i < spec->headers.n; i++)
		str_addf(out, "%s\r\n", spec->headers.items[i]);
	str_add(out, "\r\n");
	str_add_bytes(out, spec->body ? spec->body : "", body);
	return 0;
}

static int check_spec(const struct load_spec *spec, struct err *err)
{
	const char *method = spec->method;

	if (!spec->url || !*spec->url)
		return err_set(
			err, ERR_USAGE, "a URL is missing; give one as http://host:port/path");
	if (!method || !http_is_token((struct http_slice){method, strlen(method)}))
		return err_set(err, ERR_USAGE, "'%s' is no request method; use GET, POST, …",
			method ? method : "");
	if (!strcmp(method, "CONNECT"))
		return err_set(
			err, ERR_USAGE, "the method CONNECT opens a tunnel; use another one");
	if (spec->connections < 1 || spec->requests < 0 || spec->threads < 0)
		return err_set(err, ERR_USAGE,
			"connections must be at least 1; requests and threads not negative");
	if (!spec->timeout_ns || (!spec->requests && !spec->duration_ns))
		return err_set(err, ERR_USAGE, "duration and timeout must be more than 0");
	return 0;
}

static int find_address(struct load_plan *plan, const struct url *url, struct err *err)
{
	struct sock_address addresses[ADDRESSES_MAX];
	size_t n;
	int rc = sock_resolve(url->host, url->port, addresses, ADDRESSES_MAX, &n, err);

	if (!rc)
		plan->address = addresses[sock_pick(
			addresses, n, plan->timeout_ns < NS_PER_S ? plan->timeout_ns : NS_PER_S)];
	return rc;
}

int load_plan_init(struct load_plan *plan, const struct load_spec *spec, struct err *err)
{
	struct url url = {0};
	uint64_t threads;
	int rc;

	*plan = (struct load_plan){.keepalive = spec->keepalive,
		.requests = (uint64_t)spec->requests,
		.connections = (uint64_t)spec->connections,
		.timeout_ns = spec->timeout_ns,
		.drain_ns = spec->drain_ns};
	rc = check_spec(spec, err);
	if (!rc)
		rc = url_parse(&url, spec->url, err);
	if (!rc && url.tls)
		rc = err_set(err, ERR_USAGE,
			"%s: https is not supported yet; measure the service behind its TLS proxy "
			"with an http:// URL",
			spec->url);
	if (!rc)
		rc = build_request(&plan->request, spec, &url, err);
	if (rc)
		goto out;
	plan->to_head = !strcmp(spec->method, "HEAD");
	if (plan->requests && plan->connections > plan->requests)
		plan->connections = plan->requests;
	threads = spec->threads ? (uint64_t)spec->threads : count_cores();
	plan->threads = (unsigned)(threads < plan->connections ? threads : plan->connections);
	rc = find_address(plan, &url, err);
out:
	url_release(&url);
	return rc;
}

void load_plan_release(struct load_plan *plan)
{
	str_release(&plan->request);
}
