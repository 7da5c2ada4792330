"""`fairlead bench study`: the tasks of a published study, by scripts run by hand and by the process."""
