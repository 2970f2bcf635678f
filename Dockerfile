# syntax=docker/dockerfile:1
# Images of Shoal, one file, two targets:
#   api    answers over HTTP and runs the worker: the core and the extra `api`, no torch
#   jobs   ingests, reads media, detects, trains and publishes: the extras `gnn` and `media` as well (amd64; about 5 GB,
#          see docs/decisions/0008)
# The tag is pinned to a version. A digest is stronger: once you have pulled an image you trust, build with
#   --build-arg PYTHON=python:3.11.14-slim-bookworm@sha256:...
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
ARG UV_VERSION=0.13.9
# compiled here: where the image runs, nothing may be written
ENV UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/shoal
RUN pip install --no-cache-dir --disable-pip-version-check uv==${UV_VERSION}
WORKDIR /build
COPY pyproject.toml requirements.lock ./
# Names come from what the extras need; versions and hashes from requirements.lock, and from nowhere else.
COPY --chmod=755 <<'SCRIPT' /usr/local/bin/install-locked
#!/bin/sh
set -eu
uv venv --quiet "$VIRTUAL_ENV"
uv pip compile pyproject.toml "$@" --constraint requirements.lock --no-header --no-annotate --quiet --output-file wanted.txt
awk 'NR == FNR { wanted[$1]; next } /^[a-z]/ { keep = $1 in wanted } keep' wanted.txt requirements.lock > picked.lock
uv pip sync --quiet --require-hashes picked.lock
SCRIPT

FROM build AS wheel
RUN awk '/^[a-z]/ { keep = /^setuptools==/ } keep' requirements.lock > setuptools.lock \
	&& pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r setuptools.lock
COPY README.md LICENSE shoal.py ./
COPY api api
COPY gnn gnn
COPY graph graph
COPY ingest ingest
RUN pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /wheels .

FROM build AS build-api
RUN install-locked --extra api
COPY --from=wheel /wheels /wheels
RUN uv pip install --quiet --no-deps --offline /wheels/*.whl && uv pip check

FROM build AS build-jobs
RUN install-locked --extra api --extra gnn --extra media
COPY --from=wheel /wheels /wheels
RUN uv pip install --quiet --no-deps --offline /wheels/*.whl && uv pip check

FROM ${PYTHON} AS run
ENV PATH=/opt/shoal/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
	SHOAL_DIR=/var/lib/shoal SHOAL_SECRETS_DIR=/run/secrets
RUN useradd --system --uid 10001 --home-dir /var/lib/shoal --create-home --shell /usr/sbin/nologin shoal
USER 10001
WORKDIR /var/lib/shoal
VOLUME /var/lib/shoal
ENTRYPOINT ["shoal"]

FROM run AS jobs
COPY --from=build-jobs /opt/shoal /opt/shoal
CMD ["--help"]

FROM run AS api
COPY --from=build-api /opt/shoal /opt/shoal
EXPOSE 8321
CMD ["serve"]
