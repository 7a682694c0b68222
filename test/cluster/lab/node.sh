#!/usr/bin/env bash
# The first process of a node, in mount, UTS and PID namespaces of its own over the host's root, in the cluster's
# network. To kill it is a crash of the node: no process and no mount outlives it. To start it again is a boot.
#
#   node.sh FOLDER NODE-FOLDER NAME HOSTNAME-LABEL ADDRESS
set -euo pipefail
source "${BASH_SOURCE[0]%/*}/machine.sh"

folder=$1 own=$2 name=$3 label=$4 address=$5
PATH=$folder/bin:$PATH
tell_pid "$own"

# A pod's Bidirectional mounts reach the node only below a shared mount.
mount --make-rshared /
# What others have mounted came along as a copy, which would hold their disks for as long as the node lives.
while read -r point; do
  umount --lazy "$point"
done < <(awk -v others="${folder%/*}/" 'index($5, others) == 1 { print $5 }' /proc/self/mountinfo | tac)
mount -t proc proc /proc
hostname "$name"

# Shows a file of the node's own in place of the kernel's or the host's.
cover() {
  if [[ -e $2 ]]; then mount --bind "$1" "$2"; fi
}
mkdir -p "$own"/covers
cat /proc/sys/kernel/random/uuid >"$own/covers/boot_id"
cover "$own/covers/boot_id" /proc/sys/kernel/random/boot_id
[[ -e $own/machine-id ]] || tr -d - </proc/sys/kernel/random/uuid >"$own/machine-id"
cover "$own/machine-id" /etc/machine-id
# The kubelet would set these for the whole machine; it finds them as it wants them.
while read -r setting value; do
  echo "$value" >"$own/covers/${setting//\//.}"
  cover "$own/covers/${setting//\//.}" "/proc/sys/$setting"
done <<'SETTINGS'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SETTINGS

# /run is empty after a boot; what is written below /var/lib and /var/log stays, in the node's folder.
mount -t tmpfs -o mode=755 tmpfs /run
for place in lib log; do
  mkdir -p "$own/var/$place" "$own/var/$place.work"
  mount -t overlay -o "lowerdir=/var/$place,upperdir=$own/var/$place,workdir=$own/var/$place.work" overlay "/var/$place"
done
# Folders that cannot lie on an overlay, each in a peer group of its own: in the root's, every mount below
# would be seen a second time below the node's folder, as another user of the device.
for place in kubelet containerd; do
  mkdir -p "$own/$place" "/var/lib/$place"
  mount --bind "$own/$place" "/var/lib/$place"
  mount --make-private "/var/lib/$place"
  mount --make-shared "/var/lib/$place"
done

# /dev is the kernel's and the same for all; by its links here a node's disks are told from the others'.
mount -t tmpfs -o mode=755 tmpfs /dev/disk
cp -r "$own/disk/." /dev/disk

service "$own" containerd containerd --config "$own/containerd.toml"
until ctr version >/dev/null 2>&1; do sleep 0.1; done
for archive in "$folder"/images/*.tar; do
  ctr --namespace k8s.io images import "$archive" >>"$own/images.log" 2>&1
done
service "$own" kubelet kubelet --config "$own/kubelet.json" --kubeconfig "$folder/pki/$name.kubeconfig" \
  --hostname-override "$name" --node-ip "$address" --node-labels "kubernetes.io/hostname=$label"
rest
