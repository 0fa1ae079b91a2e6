"""Analyses: what is unusual in a parcel or a scene, against its own history and its neighbours."""
