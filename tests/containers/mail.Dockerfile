ARG BASE
FROM ${BASE}
RUN python3 -m venv /opt/mail && /opt/mail/bin/pip install --quiet --no-cache-dir aiosmtpd==1.4.6
USER 65534
ENTRYPOINT ["/opt/mail/bin/python", "-m", "aiosmtpd", "-n", "-l", "127.0.0.1:1025", "-c", "aiosmtpd.handlers.Debugging", "stdout"]
