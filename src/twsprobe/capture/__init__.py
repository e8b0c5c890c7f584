"""What was seen on the wire, on disk: the records of a capture, and the files that hold them."""
