# Outlives the process that made the sandbox $1, by a moment: when that process is gone, however it
# went, our standard input ends. Then we kill all that runs in the sandbox and remove it.
root=$1
while read -r _; do :; done

# From here on nothing can join: a new process notes itself in this folder before it starts.
mv "$root/pids" "$root/pids.last" 2>/dev/null || exit 0

# Whoever wants an orderly end gets a moment for it, and so must those that it waits for.
orderly=
for note in "$root"/pids.last/*; do
  [ -f "$note" ] || continue
  read -r signal <"$note"
  [ "$signal" = KILL ] || { kill -s "$signal" "${note##*/}" 2>/dev/null && orderly=yes; }
  kill -s CONT "${note##*/}" 2>/dev/null
done
[ -z "$orderly" ] || sleep 0.5

for note in "$root"/pids.last/*; do
  [ -f "$note" ] || continue
  kill -s KILL -- "-${note##*/}" 2>/dev/null
  kill -s KILL "${note##*/}" 2>/dev/null
done

# Disks that were mounted in it, as cargo drill does.
while read -r _ at _; do
  case $at in "$root"/*) umount -l "$at" 2>/dev/null ;; esac
done </proc/self/mounts

[ ! -e "$root/.keep" ] || exit 0
# A process on its way out may still write a file: try until the folder stays away.
tries=0
until rm -rf "$root" 2>/dev/null || [ "$tries" -ge 100 ]; do
  tries=$((tries + 1))
  sleep 0.1
done
