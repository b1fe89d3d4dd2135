"""Untrusted bytes away from the service: a picture that kills a decoder kills only a child process.

Children hold no key and no connection, may open no file, and have bounded memory and processor
time. A child that dies is replaced, and no other call is affected. What a child does with a picture
is its program's: ``app.analysis.child`` analyzes.

Nothing is imported here: a child needs neither the pool nor what the pool needs.
"""
