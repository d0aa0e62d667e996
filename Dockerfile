# Two stages: the lock decides what is in the image, hash by hash, and no build tool stays behind.
# The base is pinned by its tag only; to pin it for good write its digest behind the tag (@sha256:...).
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/meldpunt
COPY requirements.lock /src/
RUN /opt/meldpunt/bin/pip install --require-hashes --only-binary :all: -r /src/requirements.lock \
 && /opt/meldpunt/bin/pip uninstall --yes pip setuptools
# The bot is plain files: it needs no build of its own, only to be found and a command.
COPY bot /app/bot
COPY mappings /app/mappings
COPY --chmod=0755 deploy/meldpunt /opt/meldpunt/bin/meldpunt
RUN echo /app > /opt/meldpunt/lib/python3.11/site-packages/meldpunt.pth \
 && /opt/meldpunt/bin/python -m compileall -q /app/bot

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Meldpunt" \
      org.opencontainers.image.description="The bot that runs a vulnerability disclosure desk" \
      org.opencontainers.image.version="0.1.0"
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin meldpunt \
 && install --directory --owner=meldpunt --group=meldpunt --mode=0700 /data
COPY --from=build /opt/meldpunt /opt/meldpunt
COPY --from=build /app /app
# Written at run time: /data (SQLite, where that is used) and /tmp. All else may be read-only.
# Settings come from the environment, from /data/settings.env and from files in /run/secrets; mappings of your
# own from /data/mappings. What is set here wins from the files, so nothing is but what a container needs.
ENV PATH=/opt/meldpunt/bin:$PATH HOME=/data PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MELDPUNT_WEB__HOST=0.0.0.0
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import http.client, os, sys; line = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('MELDPUNT_WEB__PORT', '8080')), timeout=4); line.request('GET', '/healthz'); sys.exit(line.getresponse().status != 200)"]
ENTRYPOINT ["meldpunt"]
CMD ["run"]
