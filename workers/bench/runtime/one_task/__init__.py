"""The benchmark's own context: a task that does nothing but say when it ran. No part of the product."""
