"""`fairlead bench events`: how soon a process starts for an event."""
