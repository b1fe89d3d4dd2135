"""Trains the network of ``app.networks``; needs the ``train`` extra (torch), the service never.

``recipe`` holds every number, ``crops`` keeps the corpus as face crops, ``parts`` says which
picture trains which network, ``samples`` draws and spoils what a step is shown, ``trunk`` is the
network, ``train`` the loop with its checkpoints, ``export`` what is written to ``models/``.
"""
