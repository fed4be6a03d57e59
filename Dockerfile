# syntax=docker/dockerfile:1
FROM node:24-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

# Everything, to build with. Install scripts are not needed: the image has its own Node, and swc and argon2 come built.
FROM base AS build
RUN npm ci --include=dev --ignore-scripts
COPY tsconfig.json tsconfig.build.json nest-cli.json ./
COPY apps apps
COPY libs libs
RUN node node_modules/@nestjs/cli/bin/nest.js build api

FROM base AS dependencies
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM node:24-bookworm-slim AS runtime
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    EINFRA_DATA_DIR=/data
WORKDIR /app
# A volume takes the owner of the directory it is first mounted on.
RUN install -d -o 10001 -g 10001 -m 700 /data
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
# package.json says that this is ESM, and where #core and the others are.
COPY package.json ./
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The exec form: node is process 1 and gets SIGTERM itself.
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["dist/apps/api/src/main.js"]
