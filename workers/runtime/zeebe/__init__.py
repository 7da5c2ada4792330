"""The engine's gRPC gateway. The only package that imports pyzeebe or grpc.

`channel` opens the connection, `client` has the commands, `messages` and `calls` translate what goes in and comes out.
"""

from workers.runtime.zeebe.client import ZeebeClient

__all__ = ["ZeebeClient"]
