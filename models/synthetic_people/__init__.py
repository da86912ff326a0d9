"""Parametric people from the MakeHuman CC0 assets: built from morphs, animated, rendered with OpenGL.

Lengths are MakeHuman's decimetres (a head is about 2.4 high), y up, z towards the camera, x to the person's left.
"""
