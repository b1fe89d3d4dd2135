"""Trains the region network of ``app.networks``; needs the ``train`` extra (torch).

``hyperparameters`` holds every number, ``crops`` stores the corpus as face crops, ``splits``
assigns pictures to splits, ``sampling`` and ``augmentation`` draw and degrade the samples of a
step, ``model`` is the network, ``train`` the loop with its checkpoints, ``export`` writes ONNX. The
service imports none of them.
"""
