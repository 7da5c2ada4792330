"""Territory alignment: which rep has which accounts."""
