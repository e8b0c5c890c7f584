"""Stages, signatures and causes: what a probe sees and what it concludes."""
