"""HTTP/1.1 on sockets: connections, their deadlines and limits."""
