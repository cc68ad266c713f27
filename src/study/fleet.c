#include "study/fleet.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/sock.h"
#include "net/url.h"

/* Copies, as the setting says; 0 where there is no such lever. */
static size_t copies(const struct study *s, const struct setting *t)
{
	for (size_t i = 0; i < s->n_factors; i++)
		if (s->factors[i].lever == LEVER_REPLICAS)
			return (size_t)strtoul(t->values[i], NULL, 10);
	return 0;
}

void fleet_port(struct str *out, const char *text, const char *port)
{
	setting_replace(out, text, "port", port);
}

/* A port that was free a moment ago. */
static int free_port(char out[16], struct err *err)
{
	char text[SOCK_TEXT];
	int fd = sock_listen("127.0.0.1:0", 1, err);

	if (fd < 0)
		return fd;
	sock_local_text(fd, text);
	snprintf(out, 16, "%s", strrchr(text, ':') + 1);
	close(fd);
	return 0;
}

/* Starts one process tree; `port` is NULL where it is the only one. */
static int start_one(
	struct fleet *f, const struct fleet_spec *spec, const char *port, struct err *err)
{
	const struct study *s = spec->study;
	struct str command = STR_INIT, filled = STR_INIT, ready = STR_INIT, log = STR_INIT;
	struct str url = STR_INIT;
	char **env = setting_env(spec->setting, s, spec->culprit_env);
	struct service_spec service = {
		.env = (const char *const *)env,
		.folder = s->folder,
		.ready_timeout_ns = s->ready_timeout_ns,
		.stop_timeout_ns = s->stop_timeout_ns,
		.cgroup_procs = spec->cgroup_procs,
	};
	int rc;

	setting_command(spec->setting, s, &command);
	fleet_port(&filled, command.p, port ? port : "{port}");
	service.command = filled.p;
	str_add(&log, spec->log_path);
	if (f->n)
		str_addf(&log, ".%zu", f->n + 1);
	service.log_path = log.p;
	service.url = spec->url;
	service.ready = s->ready;
	if (port) {
		str_addf(&url, "http://127.0.0.1:%s/", port);
		service.url = url.p;
		if (s->ready) {
			fleet_port(&ready, s->ready, port);
			service.ready = ready.p;
		}
	}
	f->items = mem_resize(f->items, f->n + 1, sizeof(*f->items));
	rc = service_start(&f->items[f->n], &service, spec->stop, err);
	f->n += !rc;
	for (size_t i = 0; env[i]; i++)
		free(env[i]);
	free(env);
	str_release(&command);
	str_release(&filled);
	str_release(&ready);
	str_release(&log);
	str_release(&url);
	return rc;
}

/* The balancer takes the address of the load's URL. */
static int start_balancer(
	struct fleet *f, const struct fleet_spec *spec, char (*ports)[16], struct err *err)
{
	const char *upstreams[FLEET_MAX + 1] = {0};
	char addresses[FLEET_MAX][SOCK_TEXT];
	struct relay_spec relay = {.upstreams = upstreams, .seed = spec->study->seed};
	struct str listen = STR_INIT;
	struct url url;
	int rc = url_parse(&url, spec->url, err);

	if (rc)
		return rc;
	str_addf(&listen, strchr(url.host, ':') ? "[%s]:%s" : "%s:%s", url.host, url.port);
	relay.listen = listen.p;
	for (size_t i = 0; i < f->n; i++) {
		snprintf(addresses[i], sizeof(addresses[i]), "127.0.0.1:%.15s", ports[i]);
		upstreams[i] = addresses[i];
	}
	rc = relay_start(&f->balancer, &relay, err);
	if (rc)
		err_prefix(err, "the balancer before the replicas");
	str_release(&listen);
	url_release(&url);
	return rc;
}

int fleet_start(struct fleet *f, const struct fleet_spec *spec, struct err *err)
{
	size_t n = copies(spec->study, spec->setting);
	char ports[FLEET_MAX][16];
	struct str key = STR_INIT;
	int rc = 0;

	*f = (struct fleet){0};
	setting_service_key(spec->setting, spec->study, &key);
	f->key = str_take(&key);
	if (!n)
		return start_one(f, spec, NULL, err);
	for (size_t i = 0; i < n && !rc; i++) {
		rc = free_port(ports[i], err);
		if (!rc)
			rc = start_one(f, spec, ports[i], err);
		if (rc)
			err_prefix(err, "replica %zu of %zu", i + 1, n);
	}
	if (!rc)
		rc = start_balancer(f, spec, ports, err);
	if (rc)
		fleet_stop(f);
	return rc;
}

void fleet_stop(struct fleet *f)
{
	relay_stop(f->balancer);
	while (f->n)
		service_stop(f->items[--f->n]);
	free(f->items);
	free(f->key);
	*f = (struct fleet){0};
}

int fleet_check(struct fleet *f, struct err *err)
{
	for (size_t i = 0; i < f->n; i++) {
		int rc = service_check(f->items[i], err);

		if (rc)
			return f->balancer ? err_prefix(err, "replica %zu of %zu", i + 1, f->n)
					   : rc;
	}
	return f->balancer ? relay_check(f->balancer, err) : 0;
}

json_t *fleet_shares(const struct fleet *f)
{
	json_t *list;

	if (!f->balancer)
		return NULL;
	list = json_array();
	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(list, json_integer((json_int_t)relay_given(f->balancer, i)));
	return list;
}
