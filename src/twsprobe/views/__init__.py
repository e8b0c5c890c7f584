"""Data to something to look at. No decisions are made here."""
