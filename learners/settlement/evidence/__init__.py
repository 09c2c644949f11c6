"""The evidence net: what an open click's silence, cart and place in the promotion calendar say of its conversion."""
