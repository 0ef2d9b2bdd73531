# Sourced by run and stop: where the engine of `make run` lives.
DATA_ROOT=${DATA_ROOT:-/var/lib/wherry}
EXEC_ROOT=${EXEC_ROOT:-/run/wherry}
SOCKET=$EXEC_ROOT/wherry.sock
PIDFILE=$EXEC_ROOT/wherryd.pid
HOST=unix://$SOCKET
LOG=$DATA_ROOT/wherryd.log

answers() { .venv/bin/wherry ping --host "$HOST" >/dev/null 2>&1; }

# The pid of the engine, if the process that wrote the file still is one.
engine_pid() {
  local pid
  pid=$(cat "$PIDFILE" 2>/dev/null) && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q wherryd && echo "$pid"
}
