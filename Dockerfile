# The driver's image: Node, the bundles, and the programs of the host that they run, each with its libraries and
# nothing else. No shell, no package manager. `scripts/build-image` builds it without any image registry;
# with one: docker buildx build --platform linux/amd64,linux/arm64 .
# `--target debug` is the same driver in a whole Debian, with a shell.
# Debian 12 and not 13, which has no delpart.
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

# The bundles are the same for every processor, and are made by the one that is here.
FROM --platform=${BUILDPLATFORM} ${NODE_IMAGE} AS build
WORKDIR /src
COPY .npmrc package.json package-lock.json ./
RUN npm ci --ignore-scripts
# The Node that the lock file names and the tests ran on, whatever the base image has; for the processor it is to run on.
ARG TARGETARCH
WORKDIR /node
COPY .npmrc package.json package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --os=linux --cpu="$(echo "$TARGETARCH" | sed s/amd64/x64/)"
WORKDIR /src
COPY build.mjs ./
COPY proto proto
COPY src src
# The first line makes `instance-store-csi status` a command in the pod.
RUN node build.mjs && sed -i '1i #!/usr/bin/node' dist/instance-store-csi.mjs && chmod 755 dist/instance-store-csi.mjs

FROM ${BASE_IMAGE} AS tools
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      binutils btrfs-progs coreutils e2fsprogs fdisk libstdc++6 lvm2 mdadm mount util-linux xfsprogs \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /node/node_modules/.bin/node /usr/bin/node
RUN strip --strip-unneeded /usr/bin/node
COPY scripts/pick-programs /usr/local/sbin/
RUN pick-programs /picked \
      node \
      blkdiscard blkid delpart flock mount partx resizepart setpriv sfdisk umount wipefs \
      dd stat \
      dmsetup lvm mdadm \
      btrfs e2fsck mkfs.btrfs mkfs.ext4 mkfs.xfs resize2fs xfs_growfs \
 && ln -s /app/instance-store-csi.mjs /picked/usr/bin/instance-store-csi

FROM tools AS debug
COPY --from=build /src/dist/ /app/
RUN ln -s /app/instance-store-csi.mjs /usr/bin/instance-store-csi
ENV PATH=/usr/sbin:/usr/bin MALLOC_ARENA_MAX=1
ENTRYPOINT ["node", "--max-semi-space-size=1", "--max-old-space-size=64", "--optimize-for-size", "--no-opt", "--no-sparkplug", "--no-maglev", "/app/instance-store-csi.mjs"]

FROM scratch AS driver
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="instance-store-csi" \
      org.opencontainers.image.description="A Kubernetes CSI driver for local disks" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=tools /picked/ /
COPY --from=build /src/dist/ /app/
ENV PATH=/usr/sbin:/usr/bin MALLOC_ARENA_MAX=1
# The node pod has hostPID, so the node's first process reaps orphans; the controller starts no children. No init here.
ENTRYPOINT ["node", "--max-semi-space-size=1", "--max-old-space-size=64", "--optimize-for-size", "--no-opt", "--no-sparkplug", "--no-maglev", "/app/instance-store-csi.mjs"]
