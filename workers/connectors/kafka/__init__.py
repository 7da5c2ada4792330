"""Events by Kafka: what other systems tell of leads, and what happens in cases told to them. CloudEvents 1.0 both ways."""
