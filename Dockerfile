# The command line in an image with nothing else: the program, certificate authorities, and a folder
# for temporary files.
#
#   docker build --tag kapture .
#   docker run --rm kapture pull --sandbox --from 2024-05-01 --to 2024-05-07

FROM rust:1.95-bookworm AS build
WORKDIR /kapture
COPY . .
ENV RUSTFLAGS="-Ctarget-feature=+crt-static"
RUN cargo build --locked --release --package kapture-cli --bin kapture --target x86_64-unknown-linux-gnu
RUN install -D target/x86_64-unknown-linux-gnu/release/kapture /image/usr/bin/kapture \
 && install -D -m 644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
 && install -d -m 1777 /image/tmp

FROM scratch
COPY --from=build /image /
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["/usr/bin/kapture"]
