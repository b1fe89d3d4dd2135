# Two stages: the first makes the virtual environment, the second is the service and nothing else.
# docker build -t eyeline --build-arg REVISION=$(git rev-parse HEAD) .        add --secret id=pip,src=pip.conf to bring a pip configuration
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /srv/eyeline
COPY requirements.lock ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python -m venv /srv/venv \
    && /srv/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: \
        --requirement requirements.lock
COPY pyproject.toml LICENSE ./
COPY app app
# What only tests or installs goes; the service imports none of it.
RUN /srv/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --no-index --editable . \
    && /srv/venv/bin/python -m compileall -q app \
    && cd /srv/venv/lib/python3*/site-packages \
    && find . -type d -name tests -prune -exec rm -rf {} + \
    && find . -name '*.pyi' -delete \
    && rm -rf matplotlib/mpl-data/sample_data hatchling* trove_classifiers* pathspec* pluggy* tomlkit* setuptools* pkg_resources pip pip-* \
    && rm -f /srv/venv/bin/pip* /srv/venv/bin/Activate.ps1 /srv/venv/bin/activate*

FROM python:${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Eyeline" \
    org.opencontainers.image.description="How strongly does a profile picture look made by a StyleGAN-family face generator?" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libegl1 libgles2 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf /var/log/apt /var/log/dpkg.log \
    && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin eyeline
COPY --from=build /srv/venv /srv/venv
COPY --from=build /srv/eyeline /srv/eyeline
COPY models /srv/eyeline/models
WORKDIR /srv/eyeline
# Nothing is written but /tmp and /data: docker run --read-only --tmpfs /tmp --volume eyeline:/data
RUN mkdir /data && chown 10001:10001 /data && chmod 700 /data
VOLUME /data
ENV PATH=/srv/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    EYELINE_HOST=0.0.0.0 \
    EYELINE_PORT=8000 \
    EYELINE_DATA_DIR=/data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"EYELINE_PORT\"]}/livez', timeout=4)"]
ENTRYPOINT ["eyeline"]
CMD ["serve"]
