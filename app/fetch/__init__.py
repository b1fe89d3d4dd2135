"""URL → bytes. The only part that opens an outgoing connection.

URLs come from untrusted senders, and this process may run inside a private network. The security
boundary is the socket: one is opened only for an address that passes the check, regardless of the
host name, redirect, DNS answer or spelling that led to it. The checks above it (scheme, port,
allow lists, sizes, times) reject bad requests early and do not replace it.
"""
