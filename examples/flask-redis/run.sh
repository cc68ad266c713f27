#!/bin/sh
# Redis on a port of its own, nothing kept on disk, and the application behind gunicorn. Both end with
# this script's process group, which culprit ends.
redis-server --port "${REDIS_OWN_PORT:-6390}" --bind 127.0.0.1 --save '' --appendonly no --loglevel warning &
exec gunicorn -b "127.0.0.1:${PORT:-5001}" -w 2 --threads 8 -k gthread --keep-alive 60 --log-level critical app:app
