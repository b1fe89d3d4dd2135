"""Decoding away from the service: a picture that kills a decoder kills only a child process.

``pool.DecoderPool`` is called like ``app.image.picture.decode``. Untrusted bytes are unpacked by
children that hold no key and no connection, may open no file, and have bounded memory and time;
pixels come back through shared memory. A child that dies is replaced, and its neighbours never
notice.

Nothing is imported here: a child needs neither the pool nor what the pool needs.
"""
