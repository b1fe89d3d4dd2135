"""Which accounts of a list belong together: each point is one account, each line says why.

Four kinds of lines, each with a stated chance rate; a group that chance, the platform or a house
style explains is left out, and the network says so. It shows that accounts share something, not
who runs them.
"""
