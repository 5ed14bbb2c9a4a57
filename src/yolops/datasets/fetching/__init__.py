"""Bringing a dataset here: from an archive, an address, or Roboflow. Nothing that comes along is trusted or run."""
