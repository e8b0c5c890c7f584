"""Sockets and streams: connecting, talking, serving. The only room that opens sockets."""
