"""Feature visualisation: what a channel, or a neuron, answers to most, drawn from noise.

It follows Lucid (https://distill.pub/2017/feature-visualization/): a picture is its spectrum in
decorrelated colours (spectrum.py), which the network sees in another view at each step (views.py).
"""
