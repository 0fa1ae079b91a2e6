# syntax=docker/dockerfile:1
# The image of Tilewatch: the page is built in the first stage, the environment in the second; the last holds neither
# compilers nor package managers of ours, and runs as an ordinary user.

FROM node:24-bookworm-slim AS page
WORKDIR /page
COPY app/web/package.json app/web/package-lock.json app/web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY app/web/ ./
RUN npm run build

FROM python:3.11-slim-bookworm AS environment
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy
COPY requirements-setup.lock requirements.lock ./
RUN python -m venv /tools \
    && /tools/bin/pip install --no-cache-dir --require-hashes --requirement requirements-setup.lock \
    && python -m venv --without-pip /opt/tilewatch \
    && /tools/bin/uv pip sync --no-cache --require-hashes --compile-bytecode --python /opt/tilewatch/bin/python \
        requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app/ app/
COPY ingest/ ingest/
COPY mosaics/ mosaics/
COPY colormaps/ colormaps/
COPY migrations/ migrations/
COPY --from=page /page/dist/ app/web/dist/
RUN /tools/bin/hatchling build -t wheel -d /wheel \
    && /tools/bin/uv pip install --no-cache --no-index --no-deps --compile-bytecode \
        --python /opt/tilewatch/bin/python /wheel/*.whl

FROM python:3.11-slim-bookworm
# GDAL's wheel takes expat from the system.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libexpat1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin tilewatch \
    && install --directory --owner tilewatch --group tilewatch /data
COPY --from=environment /opt/tilewatch/ /opt/tilewatch/
ENV PATH=/opt/tilewatch/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /data
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["tilewatch", "serve", "--host", "0.0.0.0", "--port", "8000"]
