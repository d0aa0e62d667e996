# Two stages: the lock file decides what is in the image, and no build tool stays behind.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/meldpunt
WORKDIR /src
COPY requirements.lock ./
RUN /opt/meldpunt/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY bot ./bot
RUN /opt/meldpunt/bin/pip install --no-deps .

FROM python:3.11-slim-bookworm
ENV PATH=/opt/meldpunt/bin:$PATH PYTHONUNBUFFERED=1 MELDPUNT_WEB__HOST=0.0.0.0
RUN useradd --system --uid 10001 --create-home --home-dir /data meldpunt
COPY --from=build /opt/meldpunt /opt/meldpunt
COPY mappings /app/mappings
ENV MELDPUNT_MAPPINGS=/app/mappings MELDPUNT_DATABASE_URL=sqlite:////data/meldpunt.db
USER meldpunt
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["meldpunt"]
CMD ["run"]
