"""Eyeline: how strongly does a profile picture look made by a StyleGAN-family face generator?"""

__version__ = "0.1.0"
