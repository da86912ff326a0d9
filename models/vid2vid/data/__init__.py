"""Where training and test frames come from: synthetic people, portraits, real clips; all kept in one form (store.py)."""
