"""Other systems behind our ports. Only wiring, commands and the gateway's door for webhooks import from here."""
