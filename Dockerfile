# agw as a container: one image, started as `agw run` on a laptop and as the two Kubernetes processes in a cluster.
#
# Two stages: the first has a compiler and makes wheels, the second has Python and the installed packages only. It runs as
# a user of its own, writes nothing to its root file system and needs no capability; mount what it should serve:
#
# The data plane is compiled twice, the second time by what the training (training/) has seen it do: that costs a minute or
# two of the build and saves CPU for every request. `--build-arg VARIANT=release` compiles it once.
#
#   docker build -t agw:dev .
#   docker run --rm --read-only -p 8080:8080 -v ./gateway:/gateway:ro agw:dev run -f /gateway --listen 80=:8080

ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
ARG VARIANT=trained
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Symbols stay for crash reports; lines of debug information do not.
RUN python -m venv /opt/agw \
    && AGW_BUILD="$VARIANT" /opt/agw/bin/pip install --no-cache-dir --no-compile --disable-pip-version-check '.[store]' \
    && find /opt/agw -name '*.so' -path '*/agw/*' -exec strip --strip-debug {} + \
    && /opt/agw/bin/pip uninstall --yes --quiet pip setuptools \
    && /opt/agw/bin/python -m compileall -q /opt/agw/lib

FROM python:${PYTHON}-slim-bookworm
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="agw" \
      org.opencontainers.image.description="A gateway for agent traffic: A2A through the Kubernetes Gateway API" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10101 agw && useradd --uid 10101 --gid 10101 --no-create-home --home-dir /nonexistent agw
COPY --from=build /opt/agw /opt/agw
# Inside a container loopback reaches nobody: listeners are served on every address there. The admin port stays on loopback.
ENV PATH=/opt/agw/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 AGW_BIND=::
USER 10101:10101
STOPSIGNAL SIGTERM
ENTRYPOINT ["agw"]
CMD ["--help"]
