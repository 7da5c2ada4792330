"""`fairlead bench runtime`: one task served by ours, by plain pyzeebe and by DBOS, in turns on the same machine."""
