"""Compositing: scenes that have landed become one picture of a month without their clouds."""
