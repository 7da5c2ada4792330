ARG BASE
FROM ${BASE}
COPY jre /opt/java
COPY opensearch /usr/share/opensearch/lib
RUN useradd --uid 1000 --home-dir /usr/share/opensearch opensearch \
 && mkdir -p /usr/share/opensearch/data/node_1/config \
 && printf 'network.host: ${NETWORK_HOST}\ntransport.port: 9300\ndiscovery.type: single-node\ncluster.routing.allocation.disk.threshold_enabled: false\n' \
      > /usr/share/opensearch/data/node_1/config/opensearch.yml \
 && chown -R 1000 /usr/share/opensearch/data
USER 1000
# On the network of the host it is for this host only.
ENV NETWORK_HOST=127.0.0.1
# The runner adds the node's number to the port.
ENTRYPOINT ["/opt/java/bin/java", "-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", \
  "-Djava.locale.providers=CLDR,SPI", "-Djna.tmpdir=/tmp", "-cp", "/usr/share/opensearch/lib/*", \
  "org.codelibs.opensearch.runner.OpenSearchRunner", "-basePath", "/usr/share/opensearch/data", \
  "-numOfNode", "1", "-baseHttpPort", "9199", "-clusterName", "fairlead"]
