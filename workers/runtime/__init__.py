"""How any task is run: contract, outcome, retry, once-only, telemetry. Only `zeebe.py` imports pyzeebe or grpc."""
