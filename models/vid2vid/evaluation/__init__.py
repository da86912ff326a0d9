"""How good a model is: one command measures any of them on people it has never seen (vid2vid.evaluate)."""
