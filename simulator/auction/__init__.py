"""Auctions over what a log's impressions offer: predictions bid, and what is won is what a method hears of."""
