# Everything a person or a machine does here is a target. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Node 24 and the tools come from node_modules; the machine's own Node only runs npm.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# jest loads ES modules through vm; flags rather than NODE_OPTIONS, which the driver under test would inherit.
JEST := node --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js
PROTOS := $(wildcard proto/*.proto)
GENERATED := src/csi/gen/csi.ts
BUNDLES := dist/.built
SOURCES := $(shell find src -name '*.ts' -not -path 'src/csi/gen/*' 2>/dev/null)

.PHONY: help demo build test test-fast lint format sanity image cluster cluster-shell cluster-down e2e e2e-kubernetes vm vm-all vm-powercut vm-shell bench bench-cluster \
  clean lock setup-npm setup-build setup-test setup-cluster setup-vm

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name what; do printf '  make %-14s %s\n' "$$name" "$$what"; done

demo: build ## watch a volume live its whole life on loop disks (root)
	@node test/demo/demo.ts

build: setup-build $(BUNDLES) ## install what is missing and bundle the driver into dist/

test: setup-test $(BUNDLES) ## run every suite this machine can run (root for most); SUITES="unit host" picks some
	@node test/run.ts $(if $(END_WITHIN),--end-within $(END_WITHIN)) $(SUITES)

test-fast: setup-test $(BUNDLES) ## the same without what starts the shipped driver: shipped, csi-sanity, kill harness
	@node test/run.ts --fast $(SUITES)

lint: setup-npm $(GENERATED) ## the one gate: format, rules, types, dead code, import direction, house rules
	@biome check --error-on-warnings .
	@tsc --noEmit
	@knip
	@$(JEST) --silent --selectProjects unit -- test/unit/house

format: setup-npm ## let Biome rewrite what it can
	@biome check --write .

sanity: setup-test $(BUNDLES) ## csi-sanity against the shipped bundle (root)
	@node test/sanity/run.ts

image: ## build the driver's image, without any image registry (root)
	@scripts/build-image

cluster: setup-cluster $(BUNDLES) ## a Kubernetes with the driver on this machine, its nodes namespaces, its disks loop devices (root)
	@node test/cluster/main.ts up

cluster-shell: ## a shell in it, with kubectl
	@node test/cluster/main.ts shell

cluster-down: ## end it, and leave nothing
	@node test/cluster/main.ts down

e2e: setup-test setup-cluster $(BUNDLES) ## the driver on such a cluster: the one that is up, else one that goes with the tests (root)
	@node test/run.ts manifests image e2e

e2e-kubernetes: setup-cluster $(BUNDLES) ## Kubernetes' own storage tests on such a cluster; FOCUS=… picks some (root)
	@node test/cluster/upstream/run.ts $(FOCUS)

vm: setup-vm $(BUNDLES) ## what this kernel cannot show, on Debian's own in QEMU; ACCEL=kvm where there is KVM (root)
	@node test/run.ts vm vm-lvm vm-arrays vm-powercut

vm-all: setup-vm $(BUNDLES) ## the same with every combination and every kill point: hours without KVM (root)
	@VM_ALL=1 KILL_POINTS=all npm test --silent -- --selectProjects vm vm-lvm vm-arrays vm-powercut --runInBand --verbose

vm-powercut: setup-vm $(BUNDLES) ## cut the power of such a machine CUTS=20 times at random moments; SEED=… repeats a run (root)
	@VM_ALL=1 CUTS=$(or $(CUTS),20) SEED=$(SEED) npm test --silent -- --selectProjects vm-powercut --runInBand

vm-shell: setup-vm $(BUNDLES) ## a shell in such a machine, with disks like EC2's and the built driver (root)
	@node test/vm/main.ts shell

bench: build ## measure speed and memory, side by side with the bare tools (root)
	@node test/bench/bench.ts

bench-cluster: setup-cluster $(BUNDLES) ## measure latency, requests to the API server and memory on such a cluster (root)
	@node test/cluster/bench/run.ts

clean: ## remove what was built or generated; caches and node_modules stay
	@rm -rf dist coverage src/csi/gen

lock: ## after a change of package.json: lock the packages anew, under Node 24
	@npm install --ignore-scripts --no-audit --no-fund
	@node scripts/complete-lockfile.mjs
	@sha256sum <package-lock.json | cut -d' ' -f1 >node_modules/.lock-installed

setup-npm:
	@scripts/setup npm

setup-build:
	@scripts/setup build

setup-test:
	@scripts/setup test

setup-cluster:
	@scripts/setup cluster

setup-vm:
	@scripts/setup vm

$(GENERATED): $(PROTOS) package-lock.json scripts/generate-types | setup-npm
	@scripts/generate-types src/csi/gen

$(BUNDLES): build.mjs $(PROTOS) package-lock.json $(GENERATED) $(SOURCES) | setup-npm
	@node build.mjs
	@touch $@
