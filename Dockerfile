# The components' images. `docker build --target tke-eni-agent .`, `--target tke-eni-ipamd .` and `--target tke-eni-ip-scheduler .`
# (`npm run images` builds the same ones without Docker or a registry.)
FROM golang:1.26-bookworm AS cni-plugins
WORKDIR /tools
COPY tools/cni/go.mod tools/cni/go.sum ./
ENV CGO_ENABLED=0 GOFLAGS=-mod=mod
RUN for plugin in main/loopback meta/portmap meta/bandwidth; do \
      go build -trimpath -ldflags="-s -w" -o "/out/${plugin##*/}" "github.com/containernetworking/plugins/plugins/$plugin" || exit 1; \
    done

FROM node:22-bookworm AS executables
WORKDIR /src
COPY package.json bun.lock bunfig.toml tsconfig.json ./
COPY tools tools
COPY test test
COPY src src
RUN node tools/run.mjs tools/executables/main.ts /out

# Debian 12's C library is what the executables are linked with.
FROM debian:12-slim AS tke-eni-ipamd
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
COPY --from=executables /out/tke-eni-ipamd /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/tke-eni-ipamd"]

FROM debian:12-slim AS tke-eni-ip-scheduler
COPY --from=executables /out/tke-eni-ip-scheduler /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/tke-eni-ip-scheduler"]

FROM debian:12-slim AS tke-eni-agent
RUN apt-get update && apt-get install -y --no-install-recommends nftables && rm -rf /var/lib/apt/lists/*
COPY --from=executables /out/tke-eni-agent /usr/local/bin/
COPY --from=executables /out/tke-eni-plugins /opt/tke-eni/bin/tke-route-eni
COPY --from=cni-plugins /out/ /opt/tke-eni/bin/
ENTRYPOINT ["/usr/local/bin/tke-eni-agent"]
