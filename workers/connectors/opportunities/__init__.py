"""Another system's opportunities behind the port of opportunity prioritisation."""
