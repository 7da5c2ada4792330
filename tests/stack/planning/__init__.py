"""Planning in Tasklist, on a stack that these tests share: what they leave open would be in the way of others."""
