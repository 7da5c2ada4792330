ARG BASE
FROM ${BASE}
COPY postgres /opt/postgres
COPY postgres.sh /usr/local/bin/
RUN useradd --uid 999 --home-dir /var/lib/postgresql postgres \
 && mkdir -p /var/lib/postgresql && chown 999 /var/lib/postgresql && chmod 755 /usr/local/bin/postgres.sh
ENV PATH=/opt/postgres/bin:$PATH LC_ALL=C
USER 999
ENTRYPOINT ["postgres.sh"]
