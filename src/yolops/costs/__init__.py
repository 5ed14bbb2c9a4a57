"""What the platform costs, in AWS's own prices."""
