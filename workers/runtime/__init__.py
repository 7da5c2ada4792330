"""How any task is run: contract, outcome, retry, once-only, telemetry. Only `zeebe` imports pyzeebe or grpc."""
