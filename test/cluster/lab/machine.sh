# Sourced by the first process of a machine: control-plane.sh and node.sh.
# A machine is a PID namespace, so all that runs in it ends with its first process.

# Tells the folder by which process the machine is known outside: the /proc that is still mounted here is the
# host's, and so is the number in it.
tell_pid() {
  local pid
  read -r pid _ </proc/self/stat
  echo "$pid" >"$1/pid"
}

# service FOLDER NAME COMMAND...: keeps a command running and starts it again when it ends, as systemd would. Its
# number within the machine is in FOLDER/NAME.pid, what it says in FOLDER/NAME.log.
service() {
  local -r folder=$1 name=$2
  shift 2
  while :; do
    "$@" >>"$folder/$name.log" 2>&1 &
    echo $! >"$folder/$name.pid"
    wait $! || true
    sleep 0.3
  done &
}

# The first process of a PID namespace adopts orphans; bash reaps them while it waits.
rest() {
  while :; do
    sleep infinity &
    wait $! || true
  done
}
