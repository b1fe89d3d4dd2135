"""URL → bytes. The only part that opens an outgoing connection.

A URL here comes from a stranger, and this process sits inside a network worth attacking. The choke
point is the socket: it is made only for an address that passes, whatever name, redirect, resolver
answer or spelling led there. Everything above it (scheme, port, lists, sizes, times) is courtesy.
"""
