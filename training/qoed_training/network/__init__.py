"""The quality network, one module a file: backbone, multi-scale fusion, SimAM, Swin encoder, heads.

Shape letters in tensor names: B clips, C channels, T frames, H rows, W columns, N tokens.
"""
