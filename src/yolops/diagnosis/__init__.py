"""Whether everything is right here: small checks that return findings, run side by side."""
