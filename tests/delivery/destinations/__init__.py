"""Destinations against real servers and folders."""
