ARG BASE
FROM ${BASE}
COPY jre /opt/java
COPY camunda /usr/local/camunda
RUN useradd --uid 1001 --home-dir /usr/local/camunda camunda \
 && mkdir -p /usr/local/camunda/data /usr/local/camunda/logs && chown -R 1001 /usr/local/camunda/data /usr/local/camunda/logs
ENV JAVA_HOME=/opt/java PATH=/opt/java/bin:$PATH
WORKDIR /usr/local/camunda
USER 1001
ENTRYPOINT ["/usr/local/camunda/bin/camunda"]
