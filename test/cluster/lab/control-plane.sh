#!/usr/bin/env bash
# The first process of the control plane's machine, in PID and network namespaces of its own. All nodes share that
# network, in which every address is the machine's own: nothing is heard from outside and nothing gets out.
#
#   control-plane.sh FOLDER SERVICE-RANGE API-ADDRESS NODE-ADDRESS...
set -euo pipefail
source "${BASH_SOURCE[0]%/*}/machine.sh"

folder=$1 service_range=$2 api_address=$3
shift 3
cd -- "$folder"
PATH=$folder/bin:$PATH
tell_pid control-plane

ip link set lo up
for address in "$api_address" "$@"; do ip address add "$address/32" dev lo; done

# What is written is gone with the cluster, so nothing needs to reach the disk.
service control-plane etcd etcd --data-dir etcd --unsafe-no-fsync --log-level warn

service control-plane kube-apiserver kube-apiserver \
  --etcd-servers http://127.0.0.1:2379 \
  --bind-address "$api_address" --secure-port 443 --advertise-address "$api_address" --endpoint-reconciler-type none \
  --service-cluster-ip-range "$service_range" \
  --tls-cert-file pki/apiserver.crt --tls-private-key-file pki/key --client-ca-file pki/ca.crt \
  --kubelet-client-certificate pki/apiserver-to-kubelet.crt --kubelet-client-key pki/key \
  --kubelet-certificate-authority pki/ca.crt --kubelet-preferred-address-types InternalIP \
  --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged \
  --service-account-issuer https://kubernetes.default.svc \
  --service-account-key-file pki/service-accounts.pub --service-account-signing-key-file pki/key \
  --audit-policy-file audit-policy.json --audit-log-path audit.log --profiling=false

client() { echo "--kubeconfig=pki/$1.kubeconfig --authentication-kubeconfig=pki/$1.kubeconfig --authorization-kubeconfig=pki/$1.kubeconfig"; }

# shellcheck disable=SC2046 # several options on purpose
service control-plane kube-controller-manager kube-controller-manager $(client controller-manager) \
  --bind-address 127.0.0.1 --authentication-skip-lookup --leader-elect=false --use-service-account-credentials \
  --service-account-private-key-file pki/key --root-ca-file pki/ca.crt --service-cluster-ip-range "$service_range" \
  --cluster-signing-cert-file pki/ca.crt --cluster-signing-key-file pki/key

# shellcheck disable=SC2046
service control-plane kube-scheduler kube-scheduler $(client scheduler) \
  --bind-address 127.0.0.1 --authentication-skip-lookup --leader-elect=false

rest
