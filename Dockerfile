# One image per app: docker build --target tcp-proxy . (or http-proxy, or wake-service). docs/deploy/compose.md tells how to run them.
# tools/images does these steps without Docker, as a test.

FROM node:24-bookworm-slim AS node

# The manifests alone: copied from here they are the same as long as no dependency changes, so npm is not run again.
FROM node AS manifests
WORKDIR /app
COPY package.json package-lock.json ./
COPY apps apps
COPY libs libs
COPY tools tools
RUN find apps libs tools \( -type f ! -name package.json -o -type d -empty \) -delete

FROM node AS build
WORKDIR /app
COPY --from=manifests /app ./
# Compiling needs nothing that an install script makes.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.base.json tsconfig.node.json tsconfig.pure.json pure-ambient.d.ts ./
COPY apps apps
COPY libs libs
# Without npx: node_modules/.bin comes first there, and holds a Node that only its install script would make work.
RUN node node_modules/typescript/bin/tsc -b apps/tcp-proxy apps/http-proxy apps/wake-service
RUN rm -rf apps/*/src apps/*/node_modules libs/*/src libs/*/node_modules

# npm installs the development dependencies of linked libraries with --omit=dev too.
FROM manifests AS production-manifests
RUN npm pkg delete devDependencies --workspaces

FROM node AS tcp-proxy-files
WORKDIR /app
COPY --from=production-manifests /app ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
    --workspace apps/tcp-proxy --include-workspace-root=false
COPY --from=build /app/apps apps
COPY --from=build /app/libs libs
# What npm did not link is no part of this app.
RUN for project in apps/* libs/* tools/*; do test -e "node_modules/@pgwake/${project#*/}" || rm -r "$project"; done

FROM node AS http-proxy-files
WORKDIR /app
COPY --from=production-manifests /app ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
    --workspace apps/http-proxy --include-workspace-root=false
COPY --from=build /app/apps apps
COPY --from=build /app/libs libs
RUN for project in apps/* libs/* tools/*; do test -e "node_modules/@pgwake/${project#*/}" || rm -r "$project"; done

FROM node AS wake-service-files
WORKDIR /app
COPY --from=production-manifests /app ./
# Without the optional packages, which hold Postgres: see below.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
    --workspace apps/wake-service --include-workspace-root=false
COPY --from=build /app/apps apps
COPY --from=build /app/libs libs
RUN for project in apps/* libs/* tools/*; do test -e "node_modules/@pgwake/${project#*/}" || rm -r "$project"; done

# ---------------------------------------------------------------------------------------------------------------------

FROM node AS tcp-proxy
# The account is the same in all images: only its processes may enter the directories with the sockets of computes.
RUN groupadd --gid 10001 pgwake \
    && useradd --uid 10001 --gid pgwake --home-dir /pgwake --no-create-home pgwake \
    && install --directory --owner pgwake --group pgwake /pgwake
WORKDIR /app
COPY --from=tcp-proxy-files /app ./
# A relay makes little garbage. Logins make enough for Node to let the space for new objects grow to many times this, for good:
# `npm run bench -- tcp --only idle` shows what a session takes.
ENV NODE_OPTIONS=--max-semi-space-size=4
# From outside, a container's loopback interface cannot be reached.
ENV NODE_ENV=production
ENV PGWAKE_TCP_HOST=0.0.0.0
ENV PGWAKE_TCP_OPS_HOST=0.0.0.0
USER 10001:10001
EXPOSE 4432 7432
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --start-interval=1s \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PGWAKE_TCP_OPS_PORT || 7432}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Not through npm, which would get the signals in its place.
CMD ["node", "apps/tcp-proxy/dist/main.js"]

FROM node AS http-proxy
RUN groupadd --gid 10001 pgwake \
    && useradd --uid 10001 --gid pgwake --home-dir /pgwake --no-create-home pgwake \
    && install --directory --owner pgwake --group pgwake /pgwake
WORKDIR /app
COPY --from=http-proxy-files /app ./
ENV NODE_ENV=production
ENV PGWAKE_HTTP_HOST=0.0.0.0
ENV PGWAKE_HTTP_OPS_HOST=0.0.0.0
USER 10001:10001
EXPOSE 4444 7444
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --start-interval=1s \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PGWAKE_HTTP_OPS_PORT || 7444}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "apps/http-proxy/dist/main.js"]

# Computes run on the Postgres of the official image, with the security updates of its makers. Node is a single file.
FROM postgres:18-bookworm AS wake-service
RUN groupadd --gid 10001 pgwake \
    && useradd --uid 10001 --gid pgwake --home-dir /pgwake --no-create-home pgwake \
    && install --directory --owner pgwake --group pgwake /pgwake
COPY --from=node /usr/local/bin/node /usr/local/bin/node
WORKDIR /app
COPY --from=wake-service-files /app ./
ENV NODE_ENV=production
# The admin port asks for no password, so it stays on the loopback interface until somebody decides otherwise.
ENV PGWAKE_WAKE_GRPC_HOST=0.0.0.0
ENV PGWAKE_WAKE_OPS_HOST=0.0.0.0
ENV PGWAKE_POSTGRES_BIN_DIR=/usr/lib/postgresql/18/bin
# Short, so that the path of a socket fits into the 107 bytes there are, whatever the name of its endpoint.
ENV PGWAKE_DATA_DIR=/pgwake
# With the first process of a container all others are killed: what is left running would have to recover.
ENV PGWAKE_ON_SHUTDOWN=suspend
USER 10001:10001
EXPOSE 4450 4451 7450
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --start-interval=1s \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PGWAKE_WAKE_OPS_PORT || 7450}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The base image would start a database of its own.
ENTRYPOINT []
CMD ["node", "apps/wake-service/dist/main.js"]
