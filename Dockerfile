# Two images. The command line with nothing else: the program, certificate authorities, and a folder
# for temporary files.
#
#   docker build --tag kapture .
#   docker run --rm kapture pull --sandbox --from 2024-05-01 --to 2024-05-07
#
# And the connector for Airbyte, which docs/airbyte.md describes:
#
#   docker build --target airbyte --tag source-kapture .
#   docker run --rm source-kapture spec

FROM rust:1.95-bookworm AS build
WORKDIR /kapture
COPY . .
ENV RUSTFLAGS="-Ctarget-feature=+crt-static"
RUN cargo build --locked --release --package kapture-cli --bins --target x86_64-unknown-linux-gnu
RUN install -D target/x86_64-unknown-linux-gnu/release/kapture /image/usr/bin/kapture \
 && install -D target/x86_64-unknown-linux-gnu/release/source-kapture /launchers/source-kapture \
 && install -D -m 644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
 && install -d -m 1777 /image/tmp

# With a shell, through which the platform starts connectors.
FROM debian:bookworm-slim AS airbyte
COPY --from=build /image /
COPY --from=build /launchers/source-kapture /usr/bin/source-kapture
RUN useradd --uid 1000 --user-group --create-home --home-dir /airbyte airbyte
USER airbyte
WORKDIR /airbyte
ENV AIRBYTE_ENTRYPOINT="/usr/bin/source-kapture"
ENTRYPOINT ["/usr/bin/source-kapture"]
LABEL io.airbyte.name="kapture/source-kapture"
LABEL io.airbyte.version="0.1.0"

FROM scratch AS kapture
COPY --from=build /image /
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["/usr/bin/kapture"]
