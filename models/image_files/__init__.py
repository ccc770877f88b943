"""Reads image files with TensorFlow's own operations, so that TensorFlow Serving can run every step.

TensorFlow's decoders ignore a photograph's orientation, the palette of a BMP, and the transparency of a GIF and of some
kinds of PNG. These modules read what the decoders leave out, or refuse the file.
"""
